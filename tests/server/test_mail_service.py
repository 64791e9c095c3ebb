"""What is opened when, and closed in which order."""

from __future__ import annotations

import resource
import signal
import types
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.load import load
from fopemta.config.model import Listener
from fopemta.interfaces import SpoolFailing, SpoolStopped, SpoolUnusable
from fopemta.server.mail_service import CannotStart, DescriptorShares, Listening, MailService, bound, with_backlog
from tests.config.test_load import SMALLEST

CONFIG = load(SMALLEST.replace("[[route]]", '[[listener]]\nendpoint = "tcp:587"\n[[route]]'), "/etc/fopemta")


class Port:
    """A bound port."""

    def __init__(self, done: list[str], number: int) -> None:
        self._done = done
        self._number = number

    def stopReading(self) -> None:
        self._done.append(f"port {self._number} waits")

    def startReading(self) -> None:
        self._done.append(f"port {self._number} accepts")

    def stopListening(self) -> Deferred[None]:
        self._done.append(f"port {self._number} closed")
        return succeed(None)


class Reactor(MemoryReactorClock):
    """One whose ports note what is done to them; `taken` are taken by somebody else."""

    def __init__(self, done: list[str]) -> None:
        super().__init__()
        self.done = done
        self.taken: set[int] = set()
        self.backlogs: list[int] = []
        self.exits: list[Callable[[], Any]] = []

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> Port:  # type: ignore[override]
        if port in self.taken:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        self.done.append(f"port {port} bound")
        self.backlogs.append(backlog)
        return Port(self.done, port)

    def callFromThread(self, call: Callable[..., Any], *arguments: Any) -> None:  # type: ignore[override]
        self.callLater(0, call, *arguments)

    def addSystemEventTrigger(self, phase: str, event: str, call: Any, *arguments: Any) -> None:  # type: ignore[override]
        self.done.append(f"{phase} {event}: {arguments}")

    def stop(self) -> None:
        self.done.append("reactor stops")


class Spool:
    """One that says when it has recovered."""

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.recovering: Deferred[list[Any]] = Deferred()
        self.reading: Deferred[None] = Deferred()
        self.take: Callable[[list[Any]], None]
        self.trouble: Exception | None = None

    def lock(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        self._done.append("spool locked")

    def start(self) -> Deferred[list[Any]]:
        self._done.append("spool recovers")
        return self.recovering

    def waiting(self, take: Callable[[list[Any]], None]) -> Deferred[None]:
        self.take = take
        return self.reading

    def stop(self) -> Deferred[None]:
        self._done.append("spool closed")
        return succeed(None)


class Queue:
    """A dispatcher that only notes."""

    def __init__(self, done: list[str]) -> None:
        self._done = done

    def start(self, messages: list[Any]) -> None:
        self._done.append(f"queue starts with {messages}")

    def found(self, messages: list[Any]) -> None:
        self._done.append(f"queue takes over {messages}")

    def stop(self, deadline: float) -> Deferred[None]:
        self._done.append("queue stops")
        return succeed(None)


class Factory:
    """A listener's factory whose clients take their time to leave."""

    def __init__(self, done: list[str], listener: Any) -> None:
        self._done = done
        self.context = types.SimpleNamespace(listener=listener)
        self.sessions = self
        self.present: set[int] = set()
        self.most: int | None = None
        self.starting = False
        self.left: Deferred[None] = succeed(None)

    def shut_down(self, deadline: float) -> Deferred[None]:
        self._done.append("clients leave")
        return self.left


class Early:
    """An attendant that has something to do from the first moment."""

    def __init__(self, done: list[str]) -> None:
        self._done = done

    def start(self) -> None:
        self._done.append("early begins")

    def stop(self) -> None:
        self._done.append("early ends")


class Reload:
    def __init__(self, done: list[str]) -> None:
        self._done = done

    def run(self, allow_lower: bool | None = None, who: str = "") -> Deferred[None]:
        self._done.append("configuration read")
        return succeed(None)


class LogFile:
    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.failing = False

    def begin(self, reactor: object) -> None:
        self._done.append("log begins")

    def reopen(self) -> None:
        if self.failing:
            raise OSError(13, "Permission denied")
        self._done.append("log opened anew")

    def end(self) -> None:
        self._done.append("log ends")


class SharesTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        """Descriptors, listeners, deliveries that are configured: sessions, deliveries and idle connections."""
        table = {
            (524_288, 2, 200): (114_555, 200, 65_517), (1024, 1, 200): (219, 145, 145), (1024, 2, 200): (109, 145, 145),
            (1024, 4, 50): (83, 50, 109), (1024, 0, 200): (219, 145, 145), (600, 1, 200): (112, 75, 75),
            # However little there is, some mail comes in, and some goes out.
            (512, 2, 2000): (48, 64, 64), (16, 4, 200): (1, 2, 2), (4, 1, 200): (1, 1, 1),
        }  # fmt: skip
        for (descriptors, listeners, deliveries), wanted in table.items():
            found = DescriptorShares.of(descriptors, listeners, deliveries)
            self.assertEqual((found.sessions, found.deliveries, found.idle), wanted, (descriptors, listeners))

    def test_all_together_leave_something_for_the_spool(self) -> None:
        for descriptors in range(64, 3000, 7):
            for listeners in (1, 2, 4):
                found = DescriptorShares.of(descriptors, listeners, 200)
                used = 2 * listeners * found.sessions + 2 * found.deliveries + found.idle
                self.assertLessEqual(used, descriptors - min(150, descriptors // 4), (descriptors, listeners))


class BacklogTests(SynchronousTestCase):
    def test_a_burst_of_clients_may_wait_unless_the_endpoint_says_otherwise(self) -> None:
        ours = ["tcp:25", r"tcp:25:interface=127.0.0.1", r"haproxy:tcp:25:interface=\:\:1"]
        for endpoint, backlog in [
            *((each, 1024) for each in ours),
            ("tcp:25:backlog=9", 9),
            ("haproxy:tcp:25:backlog=9", 9),
        ]:
            reactor = Reactor([])
            bound(reactor, "listener[0].endpoint", Listener(endpoint=endpoint), object())  # type: ignore[arg-type]
            self.assertEqual(reactor.backlogs, [backlog], endpoint)

    def test_that_of_systemd_is_its_unit_s(self) -> None:
        self.assertEqual(with_backlog("systemd:domain=INET:index=0"), "systemd:domain=INET:index=0")


class MailServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.done: list[str] = []
        self.reactor = Reactor(self.done)
        self.spool = Spool(self.done)
        self.factories = [Factory(self.done, listener) for listener in CONFIG.listeners]
        self.log = LogFile(self.done)
        listening = [Listening(f"listener[{index}].endpoint", each) for index, each in enumerate(self.factories)]  # type: ignore[arg-type]
        parts: Any = (self.reactor, self.spool, Queue(self.done), listening, Reload(self.done), [self.log])
        self.service = MailService(CONFIG, *parts)
        self.allowed: list[DescriptorShares] = []
        self.service.allow = self.allowed.append
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def start(self) -> None:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.service.privilegedStartService()
        self.service.startService()

    def test_each_listener_has_its_share_of_what_the_system_allows(self) -> None:
        self.start()
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        shares = None if hard == resource.RLIM_INFINITY else DescriptorShares.of(hard, 2, CONFIG.delivery.connections)
        self.assertEqual([each.most for each in self.factories], [shares and shares.sessions] * 2)
        self.assertEqual(self.allowed, [] if shares is None else [shares])

    def names(self) -> list[str]:
        return [event["event"] for event in self.events if "event" in event]

    def test_nothing_is_opened_before_it_is_started(self) -> None:
        self.assertEqual(self.done, [])

    def test_privileged_start_locks_and_binds_and_lets_nobody_in(self) -> None:
        self.service.privilegedStartService()
        self.assertEqual(
            self.done, ["spool locked", "port 25 bound", "port 25 waits", "port 587 bound", "port 587 waits"]
        )

    def test_what_it_was_told_to_prepare_comes_first(self) -> None:
        self.service.prepare = lambda: self.done.append("prepared")
        self.service.privilegedStartService()
        self.assertEqual(self.done[:2], ["prepared", "spool locked"])

    def test_taken_port_ends_the_start(self) -> None:
        self.reactor.taken = {587}
        with self.assertRaises(CannotStart) as raised:
            self.service.privilegedStartService()
        self.assertEqual(str(raised.exception), "listener[1].endpoint: Address already in use: tcp:587")
        self.assertEqual(self.names(), ["not_started"])
        self.flushLoggedErrors()

    def test_spool_that_is_in_use_ends_the_start_before_any_port_is_bound(self) -> None:
        for trouble in (SpoolUnusable("spool /x is in use by another process"), SpoolFailing("read-only")):
            self.spool.trouble = trouble
            with self.assertRaisesRegex(CannotStart, str(trouble)):
                self.service.privilegedStartService()
        self.assertEqual(self.done, [])

    def test_clients_come_in_once_the_queue_has_what_was_recovered(self) -> None:
        self.start()
        del self.done[:5]
        self.assertEqual(self.done, ["log begins", "spool recovers"])
        self.spool.recovering.callback(["m1"])
        self.assertEqual(self.done[2:], ["queue starts with ['m1']", "port 25 accepts", "port 587 accepts"])
        self.assertEqual(self.names()[-3:], ["listening", "listening", "started"])

    def test_what_waits_is_read_while_clients_come_in(self) -> None:
        self.start()
        self.service.recovered = lambda: self.done.append("recovered")
        self.spool.recovering.callback([])
        self.assertEqual(self.done[-1], "port 587 accepts")
        self.spool.take(["w1", "w2"])
        self.assertEqual(self.done[-1], "queue takes over ['w1', 'w2']")
        self.spool.reading.callback(None)
        self.assertEqual(self.done[-1], "recovered")

    def test_a_stop_does_not_wait_until_all_that_waits_is_read(self) -> None:
        self.start()
        self.spool.recovering.callback([])
        self.successResultOf(self.service.stopService())
        self.spool.reading.errback(SpoolStopped("stopped"))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_clients_hear_at_once_that_a_start_takes_long(self) -> None:
        self.start()
        del self.done[:]
        self.reactor.advance(1.9)
        self.assertEqual((self.done, [each.starting for each in self.factories]), ([], [False, False]))
        self.reactor.advance(0.2)
        self.assertEqual(self.done, ["port 25 accepts", "port 587 accepts"])
        self.assertEqual([each.starting for each in self.factories], [True, True])
        self.spool.recovering.callback(["m1"])
        self.assertEqual(self.done[2:], ["queue starts with ['m1']", "port 25 accepts", "port 587 accepts"])
        self.assertEqual([each.starting for each in self.factories], [False, False])

    def test_a_start_that_does_not_take_long_sends_nobody_away(self) -> None:
        self.start()
        self.spool.recovering.callback([])
        self.reactor.advance(10)
        self.assertEqual([each.starting for each in self.factories], [False, False])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_stop_while_the_spool_recovers_sends_nobody_away(self) -> None:
        self.start()
        self.service.stopService()
        self.reactor.advance(10)
        self.assertEqual([each.starting for each in self.factories], [False, False])

    def test_a_stop_ends_the_reading_of_the_spool(self) -> None:
        self.start()
        del self.done[:]
        stopped = self.service.stopService()
        self.assertEqual(self.done[-1], "spool closed")
        self.assertNoResult(stopped)
        self.spool.recovering.errback(SpoolStopped("stopped"))
        self.successResultOf(stopped)
        self.assertNotIn("not_started", self.names())
        self.assertNotIn("after shutdown: (1,)", self.done)

    def test_the_early_begin_before_the_spool_is_read_and_end_first(self) -> None:
        self.service._early = [Early(self.done)]
        self.start()
        self.assertEqual(self.done[-2:], ["early begins", "spool recovers"])
        self.assertFalse(self.service.is_ready)
        self.spool.recovering.callback([])
        self.assertTrue(self.service.is_ready)
        del self.done[:]
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.done[0], "early ends")

    def test_one_of_several_leaves_it_to_the_supervisor_to_send_clients_away(self) -> None:
        self.service._reload = None
        self.start()
        self.reactor.advance(10)
        self.assertEqual([each.starting for each in self.factories], [False, False])

    def test_spool_that_cannot_be_recovered_ends_the_process_with_a_status(self) -> None:
        self.start()
        self.spool.recovering.errback(SpoolFailing("Input/output error"))
        self.assertEqual(self.done[-2:], ["after shutdown: (1,)", "reactor stops"])
        self.assertIn("not_started", self.names())

    def test_spool_that_cannot_be_recovered_while_it_stops(self) -> None:
        self.start()
        stopped = self.service.stopService()
        self.spool.recovering.errback(SpoolFailing("Input/output error"))
        self.successResultOf(stopped)
        self.assertIn("after shutdown: (1,)", self.done)
        self.assertNotIn("reactor stops", self.done)

    def test_stop_goes_backwards_and_waits_for_clients(self) -> None:
        self.start()
        self.spool.recovering.callback([])
        del self.done[:]
        leaving: Deferred[None] = Deferred()
        self.factories[1].left = leaving
        stopped = self.service.stopService()
        self.assertNoResult(stopped)
        self.assertEqual(self.done, ["port 25 closed", "port 587 closed", "clients leave", "clients leave"])
        leaving.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.done[4:], ["queue stops", "spool closed", "log ends"])

    def test_stop_while_the_spool_recovers(self) -> None:
        self.start()
        stopped = self.service.stopService()
        self.assertNoResult(stopped)
        del self.done[:]
        self.spool.recovering.callback(["m1"])
        self.successResultOf(stopped)
        self.assertEqual(self.done, ["clients leave", "clients leave", "spool closed", "log ends"])

    def test_hangup_reopens_logs_and_reads_the_configuration_in_a_turn_of_the_reactor(self) -> None:
        self.start()
        del self.done[:]
        signal.raise_signal(signal.SIGHUP)
        self.assertEqual(self.done, [])
        self.reactor.advance(0)
        self.assertEqual(self.done, ["log opened anew", "configuration read"])

    def test_log_that_cannot_be_opened_anew_is_told(self) -> None:
        self.start()
        self.log.failing = True
        self.service.reload()
        self.assertIn("reload_failed", self.names())
        self.assertEqual(self.done[-1], "configuration read")

    def test_signals_are_as_before_once_it_has_stopped(self) -> None:
        numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
        before = [signal.getsignal(each) for each in numbers]
        self.start()
        self.assertNotEqual(signal.getsignal(signal.SIGHUP), before[0])
        self.spool.recovering.callback([])
        self.successResultOf(self.service.stopService())
        self.assertEqual([signal.getsignal(each) for each in numbers], before)

    def test_signals_while_it_stops_end_nothing(self) -> None:
        self.start()
        self.spool.recovering.callback([])
        leaving: Deferred[None] = Deferred()
        self.factories[0].left = leaving
        stopped = self.service.stopService()
        del self.done[:], self.events[:]
        # By default each of them would end the process, and what clients are sending.
        for each in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(each)
        self.reactor.advance(0)
        self.assertEqual(self.names(), ["stopping", "stopping"])
        self.assertEqual(self.done, [])
        self.assertNoResult(stopped)
        leaving.callback(None)
        self.successResultOf(stopped)
