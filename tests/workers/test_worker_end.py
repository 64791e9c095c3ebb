"""The worker's end of the pair: it does its duty, tells what is new, and asks what is remembered elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.protocols.amp import Command, UnknownRemoteError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.interfaces import IQueue
from fopemta.mail.envelope import Envelope
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult
from fopemta.mail.queued import QueuedMessage
from fopemta.policy.recipients import Remembered, Said
from fopemta.testing.transport import connect
from fopemta.trust.host_memory import Known
from fopemta.trust.rungs import Hello, Rung
from fopemta.workers import commands
from fopemta.workers.link import Link
from fopemta.workers.worker_end import (
    ANSWERED,
    AskedCallouts,
    AskedSlowdown,
    SharedQueue,
    WorkerEnd,
    WorkerReporter,
    fetched_list,
)
from tests.workers.reactor import ScriptedDuty, ScriptedQueue
from tests.workers.test_commands import BOB, CHARGE, CONFIG, HOP, HOSTS, RESTING

ID = "0vyKfVczdK5G1f"
HOLD = Order(kind=OrderKind.HOLD)
KNOWN = Known(Rung.STRONG_128, Hello.FULL, 1.0)
MATCHED = ("bank", "bank.test", "matched")


class NotingLink(Link):
    """Notes what is told and asked; a question has an answer when the test gives one."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[type[Command], dict[str, Any]]] = []
        self.answer: Deferred[dict[str, Any]] = Deferred()

    def tell(self, command: type[Command], **arguments: Any) -> None:
        self.said.append((command, arguments))

    def ask(self, command: type[Command], **arguments: Any) -> Deferred[dict[str, Any]]:
        self.said.append((command, arguments))
        return self.answer


class DutyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.duty, self.supervisor = ScriptedDuty(), Link()
        self.clock = Clock()
        self.end = WorkerEnd(self.duty, self.clock)
        self.pump = connect(self.end, self.supervisor, self.clock)

    def ask(self, command: type[Command], **arguments: Any) -> Any:
        """The answer, and what has been done."""
        asked = self.supervisor.ask(command, **arguments)
        self.pump.flush()
        return self.successResultOf(asked), self.done()

    def tell(self, command: type[Command], **arguments: Any) -> Any:
        self.supervisor.tell(command, **arguments)
        self.pump.flush()
        return self.done()

    def done(self) -> list[Any]:
        done = list(self.duty.done)
        self.duty.done.clear()
        return done

    def test_each_question_is_answered_by_what_the_duty_says(self) -> None:
        queue = self.duty.queue
        queue.waiting, queue.freed, queue.results = 3, 2, {ID: OrderResult(Obeyed.DONE, ("bob@bank.test",))}
        self.duty.errors = ("listener[0]: gone",)
        self.assertEqual(self.ask(commands.Begin, charge=CHARGE), ({}, [("begin", CHARGE)]))
        self.assertEqual(
            self.ask(commands.GiveOrder, message=ID, order=HOLD),
            ({"result": queue.results[ID]}, [("order", ID, HOLD)]),
        )
        self.assertEqual(self.ask(commands.FlushDomain, domain="d", etrn=False), ({"messages": 3}, [("flush", "d")]))
        self.assertEqual(
            self.ask(commands.FlushDomain, domain="d", etrn=True), ({"messages": 3}, [("flushed", "d"), ("flush", "d")])
        )
        self.assertEqual(self.ask(commands.FreedBy, config=CONFIG), ({"recipients": 2}, [("freed_by", CONFIG)]))
        self.assertEqual(
            self.ask(commands.Prepare, config=CONFIG), ({"errors": ("listener[0]: gone",)}, [("prepare", CONFIG)])
        )
        self.assertEqual(self.ask(commands.Take, config=CONFIG, lowered_by="alice"), ({}, [("take", CONFIG, "alice")]))

    def test_all_that_is_told_is_done(self) -> None:
        news = CHARGE.news
        self.assertEqual(self.tell(commands.Tell, news=news), [("told", news)])
        self.assertEqual(self.tell(commands.TellHosts, known=HOSTS), [("hosts", HOSTS)])
        self.assertEqual(self.tell(commands.Reopen), ["reopen"])
        self.assertEqual(self.tell(commands.Stop), ["end"])

    def test_a_supervisor_that_stands_still_is_not_waited_for_without_end(self) -> None:
        asked = self.end.ask(commands.FlushAll, domain="bank.test")
        self.clock.advance(ANSWERED - 1)
        self.assertNoResult(asked)
        self.clock.advance(1)
        self.failureResultOf(asked, defer.TimeoutError)

    def test_it_ends_when_the_supervisor_is_gone(self) -> None:
        self.supervisor.close()
        self.pump.flush()
        self.assertEqual(self.done(), ["end"])

    def test_it_ends_when_it_cannot_do_what_it_is_told(self) -> None:
        """Whoever has missed something that all were told must not go on."""
        told: list[tuple[type[Command], dict[str, Any]]] = [
            (commands.Tell, {"news": [(HOP, RESTING)]}),
            (commands.TellHosts, {"known": HOSTS}),
            (commands.Take, {"config": CONFIG, "lowered_by": None}),
        ]
        for command, arguments in told:
            self.setUp()
            self.duty.breaks = {"told", "hosts", "take"}
            if command.requiresAnswer:
                self.supervisor.ask(command, **arguments).addErrback(lambda _: None)
            else:
                self.supervisor.tell(command, **arguments)
            self.pump.flush()
            self.assertEqual(self.done()[1:], ["end"], command)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class ReporterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link, self.clock = NotingLink(), Clock()
        self.link.answer = succeed({})
        self.counts: Counter[Any] = Counter()
        self.size = 0
        self.reporter = WorkerReporter(self.link, self.clock, self.drained, lambda: self.size)

    def drained(self) -> Counter[Any]:
        counts, self.counts = self.counts, Counter()
        return counts

    def said(self) -> list[tuple[type[Command], dict[str, Any]]]:
        said = list(self.link.said)
        self.link.said.clear()
        return said

    def learned(self, hosts: Any = None, counts: Any = None, size: int = 0) -> tuple[type[Command], dict[str, Any]]:
        return commands.Learned, {"hosts": hosts or {}, "counts": counts or {}, "size": size}

    def test_at_the_start_clients_are_let_in_and_nothing_is_learned(self) -> None:
        self.reporter.start()
        self.assertEqual(self.said(), [(commands.ReadyCommand, {})])

    def test_at_the_start_it_tells_what_was_found(self) -> None:
        self.size = 7
        self.reporter.start()
        self.assertEqual(self.said(), [(commands.ReadyCommand, {}), self.learned(size=7)])

    def test_what_is_new_is_told_once_within_a_second(self) -> None:
        self.reporter.start()
        self.said()
        self.reporter.learned("a.test", KNOWN)
        self.reporter.learned("b.test", KNOWN)
        self.reporter.learned("b.test", None)
        self.counts[MATCHED] += 2
        self.size = 4
        self.clock.advance(0.9)
        self.assertEqual(self.said(), [])
        self.clock.advance(0.1)
        self.assertEqual(self.said(), [self.learned({"a.test": KNOWN, "b.test": None}, {MATCHED: 2}, 4)])
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.said(), [])

    def test_each_kind_of_news_is_told_for_itself(self) -> None:
        self.reporter.start()
        self.said()
        self.reporter.learned("a.test", KNOWN)
        self.clock.advance(1)
        self.counts[MATCHED] += 1
        self.clock.advance(1)
        self.size = 2
        self.clock.advance(1)
        self.size = 0
        self.clock.advance(1)
        self.assertEqual(
            self.said(),
            [
                self.learned(hosts={"a.test": KNOWN}),
                self.learned(counts={MATCHED: 1}),
                self.learned(size=2),
                self.learned(size=0),
            ],
        )

    def test_who_does_not_answer_is_told_the_rest_at_once_later(self) -> None:
        self.reporter.start()
        self.link.said.clear()
        self.link.answer = first = Deferred()
        self.size = 1
        self.clock.advance(1)
        for number in range(2, 9):
            self.size = number
            self.counts[MATCHED] += 1
            self.clock.advance(1)
        self.assertEqual(self.said(), [self.learned(size=1)])
        first.callback({})
        self.clock.advance(1)
        self.assertEqual(self.said(), [self.learned(counts={MATCHED: 7}, size=8)])

    def test_what_was_told_does_not_change_afterwards(self) -> None:
        self.reporter.start()
        self.said()
        self.reporter.learned("a.test", KNOWN)
        self.clock.advance(1)
        self.reporter.learned("b.test", KNOWN)
        self.assertEqual(self.said(), [self.learned(hosts={"a.test": KNOWN})])

    def test_at_the_stop_the_last_of_it_is_told(self) -> None:
        self.reporter.start()
        self.said()
        self.counts[MATCHED] += 1
        self.link.answer = Deferred()
        self.reporter.stop()
        self.assertEqual(self.said(), [self.learned(counts={MATCHED: 1})])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertNoResult(self.reporter.told)
        self.link.answer.callback({})
        self.successResultOf(self.reporter.told)

    def test_a_supervisor_that_is_gone_is_no_reason_to_wait(self) -> None:
        self.counts[MATCHED] += 1
        self.link.answer = Deferred()
        self.reporter.stop()
        self.link.answer.errback(ConnectionLost())
        self.successResultOf(self.reporter.told)

    def test_one_that_never_began_can_be_stopped(self) -> None:
        self.reporter.stop()
        self.assertEqual((self.said(), self.clock.getDelayedCalls()), ([], []))


class AskedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = NotingLink()
        self.callouts = AskedCallouts(self.link)

    def test_what_is_remembered_is_the_supervisors(self) -> None:
        known = Remembered(Said.GOOD, 5.0, 5.0)
        asked = self.callouts.recall(BOB)
        self.assertNoResult(asked)
        self.link.answer.callback({"known": known})
        self.assertEqual(self.successResultOf(asked), known)
        self.assertEqual(self.link.said, [(commands.RecallCallout, {"recipient": BOB})])

    def test_what_has_been_found_out_is_noted_there(self) -> None:
        known = Remembered(Said.BAD, 5.0)
        noted = self.callouts.note(BOB, known)
        self.assertNoResult(noted)
        self.link.answer.callback({})
        self.successResultOf(noted)
        self.assertEqual(self.link.said, [(commands.NoteCallout, {"recipient": BOB, "known": known})])

    def test_a_list_is_fetched_there(self) -> None:
        for why in (None, "there is no CRL at its place"):
            self.setUp()
            asked = Deferred.fromCoroutine(fetched_list(self.link, "http://ca.test/crl", b"DER"))
            self.link.answer.callback({"why": why})
            self.assertEqual(self.successResultOf(asked), why)
            self.assertEqual(self.link.said, [(commands.FetchList, {"url": "http://ca.test/crl", "issuer": b"DER"})])

    def test_without_a_supervisor_they_fail_and_say_nothing_else(self) -> None:
        lost = Link()
        callouts = AskedCallouts(lost)
        self.failureResultOf(callouts.recall(BOB), ConnectionLost)
        self.failureResultOf(callouts.note(BOB, Remembered(Said.BAD, 5.0)), ConnectionLost)

    def test_a_list_cannot_be_had_from_who_does_not_answer(self) -> None:
        for failure in (
            ConnectionLost(),
            ConnectionDone(),
            defer.TimeoutError(75.0),
            UnknownRemoteError("Unknown Error"),
        ):
            self.setUp()
            asked = Deferred.fromCoroutine(fetched_list(self.link, "http://ca.test/crl", b"DER"))
            self.link.answer.errback(failure)
            self.assertEqual(self.successResultOf(asked), "the supervisor does not answer")


class AskedSlowdownTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = NotingLink()
        self.slowdown = AskedSlowdown(self.link)
        self.begun = self.slowdown.begin("192.0.2.1", "bob")

    def test_the_supervisor_says_how_long(self) -> None:
        self.assertNoResult(self.begun)
        self.link.answer.callback({"seconds": 2.0})
        self.assertEqual(self.successResultOf(self.begun), 2.0)
        who = {"client": "192.0.2.1", "name": "bob"}
        self.link.answer = succeed({"failures": 6})
        self.assertEqual(self.successResultOf(self.slowdown.failed(**who)), 6)
        self.slowdown.succeeded(**who)
        self.slowdown.end("192.0.2.1")
        self.assertEqual(
            self.link.said,
            [
                (commands.BeginLogin, who),
                (commands.LoginFailed, who),
                (commands.LoginSucceeded, who),
                (commands.EndLogin, {"client": "192.0.2.1"}),
            ],
        )

    def test_without_an_answer_no_login_is_looked_at(self) -> None:
        self.link.answer.errback(defer.TimeoutError(75.0))
        self.assertIsNone(self.successResultOf(self.begun))
        self.link.answer = defer.fail(ConnectionLost())
        self.assertEqual(self.successResultOf(self.slowdown.failed("192.0.2.1", "bob")), 0)

    def test_for_who_has_gone_meanwhile_it_is_ended(self) -> None:
        for seconds, ended in ((2.0, 1), (None, 0)):
            self.setUp()
            self.begun.cancel()
            self.failureResultOf(self.begun, defer.CancelledError)
            self.link.answer.callback({"seconds": seconds})
            said = [command for command, _ in self.link.said]
            self.assertEqual(said, [commands.BeginLogin, *[commands.EndLogin] * ended])


class SharedQueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.done: list[Any] = []
        self.own, self.link = ScriptedQueue(self.done), NotingLink()
        self.own.waiting, self.own.freed, self.own.size = 2, 4, 6
        self.own.results = {ID: OrderResult(Obeyed.DONE)}
        self.queue = SharedQueue(self.own, self.link)

    def test_interface(self) -> None:
        verifyObject(IQueue, self.queue)
        verifyObject(IQueue, self.own)

    def test_a_flush_is_for_all_and_the_own_queue_is_not_asked_besides(self) -> None:
        flushed = self.queue.flush("bank.test")
        self.assertNoResult(flushed)
        self.link.answer.callback({"messages": 7})
        self.assertEqual(self.successResultOf(flushed), 7)
        self.assertEqual((self.link.said, self.done), ([(commands.FlushAll, {"domain": "bank.test"})], []))

    def test_without_a_supervisor_a_flush_is_for_what_is_here(self) -> None:
        flushed = self.queue.flush("bank.test")
        self.link.answer.errback(ConnectionDone())
        self.assertEqual(self.successResultOf(flushed), 2)
        self.assertEqual(self.done, [("flush", "bank.test")])

    def test_all_else_is_about_the_own_queue(self) -> None:
        message = QueuedMessage.fresh(ID, 1.0, 10, Envelope(None, (BOB,)))
        self.queue.accepted(message)
        self.queue.let_demands_fall("alice")
        freed, ordered = self.queue.freed_by(CONFIG), self.queue.order(ID, HOLD)
        found = (self.queue.size, self.successResultOf(freed), self.successResultOf(ordered))
        self.assertEqual(found, (6, 4, OrderResult(Obeyed.DONE)))
        self.assertEqual(
            self.done, [("accepted", message), ("let_demands_fall", "alice"), ("freed_by", CONFIG), ("order", ID, HOLD)]
        )
        self.assertEqual(self.link.said, [])
