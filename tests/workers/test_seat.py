"""One worker's place: begun, begun again with growing waits, and ended, by itself or by force."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.policy.recipients import Remembered, Said
from fopemta.workers import commands
from fopemta.workers.seat import LINK, Given, Seat, SeatStage
from fopemta.workers.values import Charge, Partition
from tests.workers.reactor import MemoryProcess, WorkerReactor
from tests.workers.test_commands import BOB, CHARGE, HOSTS, WISHES

GIVEN = Given((11, 12), (("/spool", 21), ("/spool/workers/3", 23)))


class Fleet:
    """See seat.AnyFleet: notes what happens, and answers with `answer`."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.answer: Any = None

    def charge(self, seat: Seat) -> Charge:
        return CHARGE

    def ready(self, seat: Seat) -> None:
        self.heard.append(("ready", seat.number))

    def lost(self, seat: Seat) -> None:
        self.heard.append(("lost", seat.number))

    def respond(self, command: str, worker: int, **said: Any) -> Any:
        self.heard.append((command, worker, said))
        return self.answer


class Base(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor, self.fleet = WorkerReactor(), Fleet()
        self.seat = Seat(2, self.reactor, ["-m", "fopemta.server.worker"], GIVEN, self.fleet)  # type: ignore[arg-type]
        self.log: list[LogEvent] = []
        globalLogPublisher.addObserver(self.log.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.log.append)

    def begin(self) -> None:
        self.seat.begin()
        self.reactor.settle()

    def ready(self) -> None:
        """Its process lets clients in."""
        self.process.end.tell(commands.ReadyCommand)
        self.reactor.settle()

    @property
    def process(self) -> MemoryProcess:
        """The last one."""
        return self.reactor.processes[-1]

    def die(self, number: int | None = signal.SIGKILL, status: int = 0) -> None:
        self.process.die(number, status)
        self.reactor.settle()

    def events(self) -> list[tuple[Any, ...]]:
        """Since they were asked for last."""
        names = ("event", "worker", "pid", "why", "wait")
        found = [tuple(each[name] for name in names if name in each) for each in self.log if "event" in each]
        self.log.clear()
        return found

    def heard(self) -> list[Any]:
        heard, self.fleet.heard = self.fleet.heard, []
        return heard


class GivenTests(SynchronousTestCase):
    def test_descriptors_have_numbers_of_their_own_in_the_worker(self) -> None:
        self.assertEqual(GIVEN.table(9), {1: 1, 2: 2, LINK: 9, 4: 11, 5: 12, 6: 21, 7: 23})
        self.assertEqual(GIVEN.sockets_there(), (4, 5))
        self.assertEqual(GIVEN.partitions_there(), (Partition("/spool", 6), Partition("/spool/workers/3", 7)))

    def test_without_listeners_the_locks_come_next(self) -> None:
        given = Given((), (("/spool", 21),))
        self.assertEqual(given.table(9), {1: 1, 2: 2, 3: 9, 4: 21})
        self.assertEqual((given.sockets_there(), given.partitions_there()), ((), (Partition("/spool", 4),)))


class BeginningTests(Base):
    def test_a_process_is_begun_with_what_it_inherits_and_told_what_it_must_know(self) -> None:
        self.assertEqual((self.seat.stage, self.seat.pid, self.seat.link), (SeatStage.WAITING, 0, None))
        self.begin()
        self.assertEqual(self.process.arguments, [sys.executable, "-m", "fopemta.server.worker"])
        inherited = {there: here for there, here in self.process.table.items() if there not in (0, LINK)}
        self.assertEqual(inherited, {1: 1, 2: 2, 4: 11, 5: 12, 6: 21, 7: 23})
        self.assertEqual(set(self.process.table), {*inherited, 0, LINK})
        self.assertEqual(self.process.duty.done, [("begin", CHARGE)])
        self.assertEqual((self.seat.stage, self.seat.pid, self.heard()), (SeatStage.BEGINNING, 101, []))

    def test_it_imports_from_where_we_do(self) -> None:
        self.begin()
        there = self.process.environment["PYTHONPATH"].split(os.pathsep)
        self.assertEqual(there, [each for each in sys.path if each])

    def test_it_is_ready_when_it_says_so(self) -> None:
        self.begin()
        self.ready()
        self.assertEqual((self.seat.stage, self.heard()), (SeatStage.READY, [("ready", 2)]))
        self.assertEqual(self.events(), [("worker_started", 2, 101)])

    def test_one_that_cannot_do_its_charge_ends_as_any_other(self) -> None:
        self.seat.begin()
        self.process.duty.breaks = {"begin"}
        self.reactor.settle()
        self.assertEqual(self.process.duty.done, [("begin", CHARGE), "end"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.log.clear()
        self.die(None, 1)
        self.assertEqual(self.events(), [("worker_ended", 2, 101, "exit status 1", 0.25)])


class AgainTests(Base):
    def test_the_dead_are_told_of_and_another_begins(self) -> None:
        self.begin()
        self.ready()
        self.heard(), self.events()
        self.die()
        self.assertEqual((self.seat.stage, self.seat.link, self.heard()), (SeatStage.WAITING, None, [("lost", 2)]))
        self.assertEqual(self.events(), [("worker_ended", 2, 101, "signal 9", 0.25)])
        self.reactor.pass_time(0.25)
        self.assertEqual((self.seat.stage, self.seat.pid), (SeatStage.BEGINNING, 102))
        self.assertEqual(self.process.duty.done, [("begin", CHARGE)])
        self.ready()
        self.assertEqual((self.seat.stage, self.heard()), (SeatStage.READY, [("ready", 2)]))

    def test_why_one_has_ended_is_logged(self) -> None:
        for number, status, why in ((9, 0, "signal 9"), (None, 1, "exit status 1"), (None, 0, "exit status 0")):
            self.setUp()
            self.begin()
            self.die(number, status)
            self.assertEqual(self.events(), [("worker_ended", 2, 101, why, 0.25)])

    def deaths(self, number: int, alive: float | None) -> list[float]:
        """The waits after so many, each `alive` for so long; None: it never gets ready."""
        waits = []
        for _ in range(number):
            if alive is not None:
                self.ready()
            self.reactor.pass_time(alive or 10.0)
            self.die()
            waits.append(self.events()[-1][-1])
            self.reactor.pass_time(waits[-1])
            self.assertIs(self.seat.stage, SeatStage.BEGINNING)
        return waits

    def test_each_wait_is_twice_the_one_before(self) -> None:
        doubled = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        for alive in (1.0, 4.9, None):  # to begin slowly is not to be sound
            self.setUp()
            self.begin()
            self.assertEqual(self.deaths(9, alive), doubled)

    def test_a_sound_life_is_forgiven_what_was_before(self) -> None:
        self.begin()
        self.assertEqual(self.deaths(3, 1.0), [0.25, 0.5, 1.0])
        self.assertEqual(self.deaths(2, 5.0), [0.25, 0.25])
        self.assertEqual(self.deaths(2, 1.0), [0.5, 1.0])

    def test_a_process_that_cannot_be_made_is_tried_again_as_if_it_had_died(self) -> None:
        self.reactor.no_processes = True
        self.begin()
        self.reactor.pass_time(1.0)
        no_room = "[Errno 11] Resource temporarily unavailable"
        self.assertEqual(self.events(), [("worker_ended", 2, 0, no_room, wait) for wait in (0.25, 0.5, 1.0)])
        self.assertEqual((self.seat.stage, self.seat.link), (SeatStage.WAITING, None))
        self.reactor.no_processes = False
        self.reactor.pass_time(1.0)
        self.ready()
        self.assertIs(self.seat.stage, SeatStage.READY)

    def test_a_process_that_cannot_be_talked_to_is_killed_and_another_begins(self) -> None:
        self.reactor.no_descriptors = True
        self.begin()
        self.assertEqual((self.process.signals, self.seat.stage), ([signal.SIGKILL], SeatStage.WAITING))
        self.assertEqual(self.events(), [("worker_ended", 2, 101, "signal 9", 0.25)])
        self.reactor.no_descriptors = False
        self.reactor.pass_time(1.0)
        self.assertEqual(self.process.duty.done, [("begin", CHARGE)])

    def test_one_whose_end_of_the_pair_is_closed_has_time_to_go(self) -> None:
        self.begin()
        self.ready()
        self.process.close()
        self.reactor.pass_time(39)
        self.assertEqual((self.process.signals, self.seat.stage), ([], SeatStage.READY))
        self.reactor.pass_time(1)
        self.assertEqual(self.process.signals, [signal.SIGKILL])
        self.assertIs(self.seat.stage, SeatStage.WAITING)

    def test_who_goes_in_time_does_not_have_his_successor_killed(self) -> None:
        self.begin()
        self.ready()
        self.process.close()
        self.reactor.pass_time(10)
        self.die(None)
        self.reactor.pass_time(60)
        self.assertEqual([each.signals for each in self.reactor.processes], [[], []])

    def test_a_pair_that_is_closed_after_the_next_has_begun_is_not_the_next_ones(self) -> None:
        self.begin()
        self.ready()
        self.process.die(signal.SIGKILL)
        self.reactor.advance(0.25)
        self.assertEqual(self.seat.pid, 102)
        self.reactor.pass_time(60)
        self.assertEqual([each.signals for each in self.reactor.processes], [[], []])

    def test_the_pair_of_the_dead_is_closed_whoever_has_inherited_it(self) -> None:
        self.begin()
        self.process.die(signal.SIGKILL, inherited=True)
        self.reactor.settle()
        self.assertEqual((self.process.end.standing, self.heard()), (False, [("lost", 2)]))


class SilentTests(Base):
    def test_one_that_does_nothing_any_more_is_killed_and_another_begins(self) -> None:
        self.begin()
        self.ready()
        self.events()
        self.process.hangs = True
        self.reactor.pass_time(69)
        self.assertEqual((self.process.signals, self.events()), ([], []))
        self.reactor.pass_time(1)
        self.assertEqual(self.process.signals, [signal.SIGKILL])
        self.assertEqual(self.events(), [("worker_silent", 2, 101), ("worker_ended", 2, 101, "signal 9", 0.25)])
        self.reactor.pass_time(1)
        self.assertEqual(self.seat.pid, 102)

    def test_one_that_answers_lives(self) -> None:
        self.begin()
        self.ready()
        self.reactor.pass_time(1000)
        self.process.hangs = True
        self.reactor.pass_time(60)
        self.process.hangs = False
        self.reactor.pass_time(1000)
        self.assertEqual(self.process.signals, [])

    def test_who_has_stood_still_himself_does_not_blame_others(self) -> None:
        self.begin()
        self.ready()
        for _ in range(10):
            self.reactor.advance(1000)
            self.reactor.settle()
        self.assertEqual(self.process.signals, [])

    def test_nobody_is_asked_when_it_has_gone(self) -> None:
        self.begin()
        self.ready()
        self.reactor.pass_time(20)
        self.seat.end()
        self.die(None)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class EndTests(Base):
    def test_it_is_told_to_end_and_is_not_begun_again(self) -> None:
        self.begin()
        self.ready()
        ended = self.seat.end()
        self.reactor.settle()
        self.assertEqual(self.process.duty.done[-1], "end")
        self.assertNoResult(ended)
        self.events()
        self.die(None)
        self.successResultOf(ended)
        self.reactor.pass_time(60)
        found = (self.seat.stage, len(self.reactor.processes), self.process.signals, self.events())
        self.assertEqual(found, (SeatStage.ENDED, 1, [], []))

    def test_one_that_is_beginning_is_told_after_its_charge(self) -> None:
        self.seat.begin()
        self.seat.end()
        self.reactor.settle()
        self.assertEqual(self.process.duty.done, [("begin", CHARGE), "end"])

    def test_one_that_waits_to_begin_has_ended(self) -> None:
        self.successResultOf(Seat(1, self.reactor, [], GIVEN, self.fleet).end())  # type: ignore[arg-type]
        self.begin()
        self.die()
        self.successResultOf(self.seat.end())
        self.reactor.pass_time(60)
        self.assertEqual((self.seat.stage, len(self.reactor.processes)), (SeatStage.ENDED, 1))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_one_that_hears_nothing_any_more_is_killed(self) -> None:
        self.begin()
        self.process.close()
        self.reactor.settle()
        ended = self.seat.end()
        self.reactor.settle()
        self.successResultOf(ended)
        self.assertEqual((self.process.signals, self.seat.stage), ([signal.SIGKILL], SeatStage.ENDED))

    def test_one_that_hangs_is_killed_by_who_has_waited_long_enough(self) -> None:
        self.begin()
        self.ready()
        self.process.hangs = True
        ended = self.seat.end()
        self.reactor.pass_time(60)
        self.assertNoResult(ended)
        self.seat.kill()
        self.reactor.settle()
        self.successResultOf(ended)
        self.assertIs(self.seat.stage, SeatStage.ENDED)
        self.seat.kill()  # there is nobody any more


class SayingTests(Base):
    def setUp(self) -> None:
        super().setUp()
        self.begin()

    def test_what_it_says_comes_with_its_number(self) -> None:
        self.process.end.tell(commands.Say, wishes=WISHES)
        counts = {("bank", "bank.test", "matched"): 3}
        self.process.end.tell(commands.Learned, hosts=HOSTS, counts=counts, size=7)
        self.reactor.settle()
        self.assertEqual(
            self.heard(), [("say", 2, {"wishes": WISHES}), ("learned", 2, {"hosts": HOSTS, "counts": counts})]
        )
        self.assertEqual(self.seat.size, 7)

    def test_logins_are_begun_and_ended(self) -> None:
        who = {"client": "192.0.2.1", "name": "bob"}
        for command, name, result, answer in (
            (commands.BeginLogin, "begin_login", None, {"seconds": None}),
            (commands.LoginFailed, "login_failed", 7, {"failures": 7}),
        ):
            self.fleet.answer = result
            asked = self.process.end.ask(command, **who)
            self.reactor.settle()
            self.assertEqual((self.successResultOf(asked), self.heard()), (answer, [(name, 2, who)]))
        self.process.end.tell(commands.LoginSucceeded, **who)
        self.process.end.tell(commands.EndLogin, client="192.0.2.1")
        self.reactor.settle()
        self.assertEqual(self.heard(), [("login_succeeded", 2, who), ("end_login", 2, {"client": "192.0.2.1"})])

    def test_what_it_asks_is_answered_when_there_is_an_answer(self) -> None:
        known = Remembered(Said.GOOD, 5.0, 5.0)
        table: list[tuple[Any, dict[str, Any], str, Any, dict[str, Any]]] = [
            (commands.FlushAll, {"domain": "d"}, "flush", 3, {"messages": 3}),
            (commands.RecallCallout, {"recipient": BOB}, "recall", known, {"known": known}),
            (commands.NoteCallout, {"recipient": BOB, "known": known}, "note", None, {}),
            (commands.FetchList, {"url": "u", "issuer": b"i"}, "fetch", "why", {"why": "why"}),
        ]
        for command, arguments, name, result, answer in table:
            later: Deferred[Any] = Deferred()
            self.fleet.answer = later
            asked = self.process.end.ask(command, **arguments)
            self.reactor.settle()
            self.assertEqual(self.heard(), [(name, 2, arguments)])
            self.assertNoResult(asked)
            later.callback(result)
            self.reactor.settle()
            self.assertEqual(self.successResultOf(asked), answer)

    def test_answers_that_are_there_are_given_at_once(self) -> None:
        self.fleet.answer = succeed(4)
        asked = self.process.end.ask(commands.FlushAll, domain="d")
        self.reactor.settle()
        self.assertEqual(self.successResultOf(asked), {"messages": 4})
