"""From a spooled message to done, retried or reported."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from email import message_from_bytes
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from fopemta.address.mailbox import Mailbox
from fopemta.background import supervise
from fopemta.config.model import Configuration, Delivery, Listener, Node
from fopemta.config.rules import load_rules
from fopemta.interfaces import Ended, ICourier, IQueue
from fopemta.mail.envelope import Envelope
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult
from fopemta.mail.queued import QueuedMessage, RecipientState, Unfinished
from fopemta.queue.dispatcher import Dispatcher
from fopemta.retry.settings import Retry
from fopemta.retry.standing import Pacing, Standing
from fopemta.retry.standings import Standings
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Route, Via
from fopemta.routing.routes import next_hop
from fopemta.routing.values import NextHop
from fopemta.scheduling.stages import Event, Stage
from fopemta.spool.memory import Kept, MemorySpool
from fopemta.trust.verdict import Result, VerdictRecord

ALICE = Mailbox("alice", "us.test")
BOB = Mailbox("bob", "b.test")
CAROL = Mailbox("carol", "c.test")
READING_RULE = """
[[rule]]
name = "secret"
when = { subject = ["secret"] }
then = { action = "force_tls" }
"""
IDS = [f"BCDFGHJK{letter}" for letter in "BCDFGHJKMN"]


@implementer(ICourier)
class ScriptedCourier:
    """Answers by recipient: a list of results to give in turn (the last one stays), or a Deferred that waits."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.script: dict[str, list[Result]] = {}
        self.carried: list[tuple[float, str]] = []
        self.waiting: list[tuple[Deferred[Any], Consignment]] = []
        self.slow: set[str] = set()
        # What records say besides.
        self.facts: dict[str, Any] = {}
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        self.carried.append((self.clock.seconds(), " ".join(str(each) for each in consignment.recipients)))
        if consignment.next_hop.domain in self.slow:
            waiting: Deferred[Any] = Deferred()
            self.waiting.append((waiting, consignment))
            return waiting
        return succeed(self.verdicts(consignment))

    def verdicts(self, consignment: Consignment) -> list[VerdictRecord]:
        return [self.verdict(consignment, each) for each in consignment.recipients]

    def verdict(self, consignment: Consignment, recipient: Mailbox) -> VerdictRecord:
        script = self.script.get(str(recipient), [Result.DELIVERED])
        result = script.pop(0) if len(script) > 1 else script[0]
        code = {Result.DELIVERED: 250, Result.DEFERRED: 451, Result.FAILED: 550}[result]
        verdict = VerdictRecord(
            time=self.clock.seconds(), message=consignment.message.id, sender="", recipient=str(recipient),
            attempt=consignment.attempt_of(recipient), result=result, code=code, enhanced=f"{code // 100}.0.0",
            text="said", diagnosis={451: "deferred_by_peer", 550: "refused_by_peer"}.get(code),
        )  # fmt: skip
        return attrs.evolve(verdict, **self.facts)


class ToldStandings(Standings[NextHop]):
    """`found` is what another queue has found out of destinations."""

    def serve(self, busy: Callable[[NextHop], int], changed: Callable[[NextHop], None]) -> None:
        self._changed = changed

    def found(self, hop: NextHop, standing: Standing) -> None:
        self._standings[hop] = standing
        self._changed(hop)


class Base(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.rightNow = 1_000_000.0
        self.spool = MemorySpool(self.clock)
        self.courier = ScriptedCourier(self.clock)
        self.numbers = iter(IDS)
        self.make()

    def make(self, **changes: Any) -> None:
        self.config = Configuration(
            node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")),
            listeners=(Listener(endpoint="tcp:25"),),
            routes=(Route(domain="us.test", via=Via.MAILDIR, maildir="/m"), *changes.pop("routes", ())),
            **changes,
        )
        couriers = dict.fromkeys(Via, self.courier)
        self.standings = ToldStandings(Pacing.of(self.config.delivery.connections_per_destination, self.config.retry))
        self.dispatcher = Dispatcher(
            self.spool,
            couriers,
            self.config,
            self.clock,
            self.clock.seconds,
            random.Random(7),
            standings=self.standings,
        )
        self.dispatcher.start([])

    def send(self, *recipients: Mailbox, sender: Mailbox | None = ALICE, content: bytes = b"Subject: x\r\n\r\n") -> str:
        message_id = next(self.numbers)
        done: list[Any] = []
        self.spool.submit(message_id, Envelope(sender, recipients), content).addCallback(done.append)
        self.dispatcher.accepted(done[0])
        return message_id

    def wait(self, seconds: float, step: float = 30.0) -> None:
        for _ in range(int(seconds / step)):
            self.clock.advance(step)

    def state(self, message_id: str) -> list[str]:
        return [each.state.value for each in self.spool.kept[message_id].message.recipients]

    def results(self, message_id: str) -> list[tuple[str, str]]:
        return [(each.recipient, each.result.value) for each in self.spool.verdicts if each.message == message_id]

    def reports(self) -> list[Kept]:
        return [kept for message_id, kept in self.spool.kept.items() if message_id not in IDS]


class DispatcherTests(Base):
    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IQueue, self.dispatcher))
        self.assertTrue(verifyObject(ICourier, self.courier))

    def test_delivered_and_gone(self) -> None:
        message_id = self.send(BOB)
        self.assertEqual(self.results(message_id), [("bob@b.test", "delivered")])
        self.assertEqual((self.spool.finished, self.dispatcher.size), ([message_id], 0))

    def test_one_consignment_for_each_next_hop(self) -> None:
        self.send(BOB, CAROL, Mailbox("bill", "b.test"))
        self.assertEqual([who for _, who in self.courier.carried], ["bob@b.test bill@b.test", "carol@c.test"])

    def test_recipients_of_one_smart_host_share_a_consignment(self) -> None:
        self.make(routes=(Route(domain="*", via=Via.SMTP, host="smart.test"),))
        self.send(BOB, CAROL)
        self.assertEqual([who for _, who in self.courier.carried], ["bob@b.test carol@c.test"])

    def test_a_rate_is_used_up(self) -> None:
        self.make(delivery=Delivery(rate_per_destination=30))
        for _ in range(4):
            self.send(BOB)
        self.wait(10, 0.5)
        start = self.courier.carried[0][0]
        self.assertEqual([moment - start for moment, _ in self.courier.carried], [0, 2, 4, 6])

    def test_all_waits_run_on_the_clock_that_the_reactor_has_when_it_runs(self) -> None:
        couriers = dict.fromkeys(Via, self.courier)
        config = attrs.evolve(self.config, delivery=Delivery(rate_per_destination=30))
        clock = Clock()
        clock.rightNow = 1_000_000.0
        self.dispatcher = Dispatcher(self.spool, couriers, config, clock, self.clock.seconds, random.Random(7))
        clock.seconds = lambda: clock.rightNow - 999_000.0  # type: ignore[method-assign]  as service.run_steadily does
        self.dispatcher.start([])
        self.send(BOB)
        self.send(BOB)
        clock.advance(2)
        self.assertEqual(len(self.courier.carried), 2)

    def test_deferred_is_moved_and_tried_again_on_the_timetable(self) -> None:
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(BOB, CAROL)
        self.assertTrue(self.spool.kept[message_id].deferred)
        self.assertEqual(self.state(message_id), ["queued", "delivered"])
        self.wait(1200)
        moments = [moment - 1_000_000 for moment, who in self.courier.carried if who == "bob@b.test"]
        self.assertEqual(len(moments), 3)
        self.assertTrue(270 <= moments[1] <= 360, moments)
        self.assertTrue(270 + 540 <= moments[2] <= 330 + 690, moments)
        self.assertEqual(self.spool.finished, [message_id])

    def test_next_try_stands_in_the_record(self) -> None:
        self.courier.script["bob@b.test"] = [Result.DEFERRED]
        self.send(BOB)
        moment = self.spool.verdicts[0].next_try
        assert moment is not None
        self.assertTrue(1_000_270 <= moment <= 1_000_330)

    def test_C101_routes_are_worked_out_anew_at_each_attempt(self) -> None:
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        self.send(BOB)
        seen: list[Consignment] = []
        deliver = self.courier.deliver
        self.courier.deliver = lambda c, e: (seen.append(c), deliver(c, e))[1]  # type: ignore[method-assign]
        route = Route(domain="b.test", via=Via.SMTP, host="new.test")
        self.dispatcher.reconfigure(attrs.evolve(self.config, routes=(route,)))
        self.wait(400)
        self.assertEqual(seen[0].next_hop.route, route)

    def test_a_slow_destination_holds_up_no_other(self) -> None:
        self.make(delivery=Delivery(connections_per_destination=1))
        self.courier.slow.add("b.test")
        for _ in range(3):
            self.send(BOB)
        message_id = self.send(CAROL)
        self.assertEqual(self.results(message_id), [("carol@c.test", "delivered")])
        self.assertEqual(len(self.courier.waiting), 1)
        waiting, consignment = self.courier.waiting.pop()
        waiting.callback(self.courier.verdicts(consignment))
        self.assertEqual(len(self.courier.waiting), 1)

    def test_what_waits_for_a_destination_that_others_find_silent_is_written_down(self) -> None:
        self.make(delivery=Delivery(connections_per_destination=1))
        self.courier.slow.add("b.test")
        self.send(BOB)
        behind = self.send(BOB)
        self.assertEqual((len(self.courier.carried), self.results(behind)), (1, []))
        hop = next_hop("b.test", self.config.routes)
        cause = self.courier.verdict(self.courier.waiting[0][1], BOB)
        self.standings.found(hop, Standing(1, 1, self.clock.seconds() + 600, cause))
        self.clock.advance(1)
        self.assertEqual(self.results(behind), [("bob@b.test", "deferred")])
        self.courier.slow.clear()
        self.courier.waiting[0][0].callback(self.courier.verdicts(self.courier.waiting[0][1]))
        self.wait(1200)
        self.assertEqual(self.results(behind)[-1], ("bob@b.test", "delivered"))

    def test_outcomes_told_early_are_written_early(self) -> None:
        told: list[Any] = []

        def deliver(consignment: Consignment, ended: Ended) -> Deferred[Any]:
            first, second = self.courier.verdicts(consignment)
            ended([first]).addCallback(told.append)
            self.assertEqual(self.results(consignment.message.id), [("bob@b.test", "delivered")])
            return succeed([second])

        self.courier.deliver = deliver  # type: ignore[method-assign]
        message_id = self.send(BOB, Mailbox("bill", "b.test"))
        self.assertEqual((len(told), self.spool.finished), (1, [message_id]))


class FailureTests(Base):
    def test_report_goes_to_the_sender(self) -> None:
        self.courier.script["bob@b.test"] = [Result.FAILED]
        message_id = self.send(BOB, CAROL)
        wanted = [("bob@b.test", "failed"), ("carol@c.test", "delivered")]
        self.assertEqual(sorted(self.results(message_id)), wanted)
        self.assertIn((1_000_000.0, "alice@us.test"), self.courier.carried)
        self.assertEqual(len(self.spool.finished), 2)

    def test_report_is_kept_before_the_recipient_is_recorded_failed(self) -> None:
        order: list[str] = []
        submit, record = self.spool.submit, self.spool.record
        self.spool.submit = lambda *a: (order.append("report"), submit(*a))[1]  # type: ignore[method-assign]
        self.courier.script["bob@b.test"] = [Result.FAILED]
        message_id = next(self.numbers)
        done: list[Any] = []
        submit(message_id, Envelope(ALICE, (BOB,)), b"\r\n").addCallback(done.append)
        self.spool.record = lambda i, *a: (i == message_id and order.append("record"), record(i, *a))[1]  # type: ignore[method-assign]
        self.dispatcher.accepted(done[0])
        self.assertEqual(order, ["report", "record"])

    def test_report_made_before_a_crash_is_not_made_again(self) -> None:
        self.courier.slow.add("us.test")
        self.courier.script["bob@b.test"] = [Result.FAILED]
        message_id = self.send(BOB)
        self.assertEqual(len(self.reports()), 1)
        # As if the crash had come before the outcome was written.
        self.spool.kept[message_id] = Kept(
            QueuedMessage.fresh(message_id, 1_000_000.0, 10, Envelope(ALICE, (BOB,))), b"\r\n"
        )
        self.make()
        self.dispatcher.start([self.spool.kept[message_id].message])
        self.wait(60)
        self.assertEqual(len(self.reports()), 1)

    def test_C102_given_up_at_the_end_of_life_with_a_report(self) -> None:
        self.make(retry=Retry(first=60.0, factor=2.0, longest=3600.0, lifetime=600.0))
        self.courier.slow.add("us.test")
        self.courier.script["bob@b.test"] = [Result.DEFERRED]
        message_id = self.send(BOB)
        self.wait(700)
        last = [each for each in self.spool.verdicts if each.message == message_id][-1]
        self.assertEqual((last.result, last.code, last.enhanced), (Result.FAILED, 554, "5.4.7"))
        (report,) = self.reports()
        self.assertIn(b"Action: failed", report.content)
        self.assertEqual(message_from_bytes(report.content)["To"], "<alice@us.test>")
        self.assertIsNone(report.message.envelope.sender)

    def test_what_a_server_said_is_told_as_it_said_it(self) -> None:
        # The reply to the last attempt → the record of the end, and what the report quotes.
        refused = {"diagnosis": "refused_by_peer"}
        for facts, record, quoted in (
            ({"code": 451, "enhanced": "4.7.1"}, (554, "5.4.7", "451 4.7.1 said"), "451 4.7.1 said"),
            ({"code": 421, "enhanced": "4.0.0"}, (554, "5.4.7", "421 said"), "421 said"),
            ({"code": 451, "enhanced": "4.7.3", "text": "5.7.3 x"}, (554, "5.4.7", "451 5.7.3 x"), "451 5.7.3 x"),
            # A refusal to talk to us at all: another day it may.
            ({"code": 451, "enhanced": "4.7.1", "text": "554 5.7.1 x", **refused}, (554, "5.7.1", "x"), "554 5.7.1 x"),
            ({"code": 452, "enhanced": "4.0.0", "text": "552 x", **refused}, (552, "5.0.0", "x"), "552 x"),
            ({"code": 451, "enhanced": "4.0.0", "text": "554", **refused}, (554, "5.0.0", ""), "554"),
            # As it was written down before.
            ({"code": 554, "enhanced": "4.7.1", **refused}, (554, "5.7.1", "said"), "554 5.7.1 said"),
        ):
            self.setUp()
            self.make(retry=Retry(first=60.0, factor=2.0, longest=3600.0, lifetime=600.0))
            self.courier.slow.add("us.test")
            self.courier.script["bob@b.test"] = [Result.DEFERRED]
            self.courier.facts = {**facts, "host": "mx.b.test", "address": "192.0.2.1", "level": "opportunistic"}
            message_id = self.send(BOB)
            self.wait(700, 10)
            last = [each for each in self.spool.verdicts if each.message == message_id and each.attempt][-1]
            self.assertEqual((last.result, last.code, last.enhanced, last.text), (Result.FAILED, *record))
            (report,) = self.reports()
            self.assertIn(f'mx.b.test said: "{quoted}"'.encode(), report.content)
            self.assertIn(f"Diagnostic-Code: smtp; {quoted}".encode(), report.content)


class TogetherTests(Base):
    """Those whom a destination has put off go together again: by a moment for each they would go one by one."""

    MANY = tuple(Mailbox(f"r{number}", "b.test") for number in range(40))

    def put_off_once(self, *recipients: Mailbox) -> None:
        for each in recipients:
            self.courier.script[str(each)] = [Result.DEFERRED, Result.DELIVERED]

    def rounds(self) -> list[int]:
        """How many recipients went in each transaction."""
        return [len(who.split()) for _, who in self.courier.carried]

    def test_all_of_one_destination(self) -> None:
        self.put_off_once(*self.MANY)
        self.send(*self.MANY)
        self.wait(400)
        self.assertEqual(self.rounds(), [40, 40])

    def test_each_destination_by_itself(self) -> None:
        self.put_off_once(BOB, CAROL, *self.MANY)
        message_id = self.send(BOB, CAROL, *self.MANY)
        moments = {each.recipient: each.next_try for each in self.spool.verdicts if each.message == message_id}
        self.assertNotEqual(moments["bob@b.test"], moments["carol@c.test"])
        self.assertEqual(len(set(moments.values())), 2)

    def test_each_message_by_itself(self) -> None:
        self.put_off_once(BOB)
        self.courier.script["bob@b.test"].insert(0, Result.DEFERRED)
        for _ in range(2):
            self.send(BOB)
        self.assertEqual(len({each.next_try for each in self.spool.verdicts}), 2)

    def test_those_of_one_smart_host(self) -> None:
        self.make(routes=(Route(domain="*", via=Via.SMTP, host="smart.test"),))
        self.put_off_once(BOB, CAROL)
        self.send(BOB, CAROL)
        self.wait(400)
        self.assertEqual(self.rounds(), [2, 2])

    def test_also_who_was_put_off_later(self) -> None:
        """Told of in several parts, as of several transactions; but never of a moment that is over."""
        for between, moments in ((60.0, 1), (400.0, 2)):
            self.setUp()
            self.courier = InParts(self.clock, between)
            self.make()
            self.put_off_once(*self.MANY)
            self.send(*self.MANY)
            self.wait(between + 30)
            put_off = [each for each in self.spool.verdicts if each.result is Result.DEFERRED]
            self.assertEqual((len(put_off), len({each.next_try for each in put_off})), (40, moments))
            self.assertTrue(all((each.next_try or 0) > each.time for each in put_off))
            self.wait(900)
            self.assertEqual(sum(self.rounds()), 80)

    def test_who_has_been_tried_more_often_waits_longer(self) -> None:
        self.courier.script |= {"bob@b.test": [Result.DEFERRED], "bill@b.test": [Result.DEFERRED]}
        message_id = self.send(BOB, Mailbox("bill", "b.test"))
        self.dispatcher.order(message_id, Order(kind=OrderKind.RETRY, recipients=frozenset({"bill@b.test"})))
        self.wait(1, 1)
        self.dispatcher.order(message_id, Order(kind=OrderKind.RETRY))
        self.wait(1, 1)
        self.assertEqual(self.rounds(), [2, 1, 2])
        last = {each.recipient: each for each in self.spool.verdicts if each.message == message_id}
        waits = [(last[each].next_try or 0) - last[each].time for each in ("bob@b.test", "bill@b.test")]
        self.assertTrue(540 <= waits[0] <= 660 and 1080 <= waits[1] <= 1320, waits)


class InParts(ScriptedCourier):
    """Tells of the first recipient at once, of the others later."""

    def __init__(self, clock: Clock, between: float) -> None:
        super().__init__(clock)
        self._between = between

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        self.carried.append((self.clock.seconds(), " ".join(str(each) for each in consignment.recipients)))
        first, *others = consignment.recipients
        supervise(ended([self.verdict(consignment, first)]), "telling")
        later: Deferred[Sequence[VerdictRecord]] = Deferred()
        others_told = lambda: later.callback([self.verdict(consignment, each) for each in others])  # noqa: E731
        self.clock.callLater(self._between, others_told)
        return later


class TroubleTests(Base):
    def test_outcomes_that_cannot_be_written_are_kept_and_nothing_new_is_delivered(self) -> None:
        self.courier.slow.add("b.test")
        message_id = self.send(BOB)
        waiting, consignment = self.courier.waiting.pop()
        self.spool.failing = True
        waiting.callback(self.courier.verdicts(consignment))
        self.spool.failing = False
        other = self.send(CAROL)
        self.assertEqual(self.results(other), [])
        self.wait(5, step=1)
        self.assertEqual(self.results(message_id), [("bob@b.test", "delivered")])
        self.assertEqual(self.results(other), [("carol@c.test", "delivered")])

    def test_message_that_cannot_be_read_is_tried_later(self) -> None:
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(BOB)
        self.spool.failing = True
        self.wait(400)
        self.spool.failing = False
        self.wait(400)
        self.assertEqual(self.spool.finished, [message_id])

    def test_a_bug_while_it_is_read_does_not_strand_it(self) -> None:
        load = self.spool.load
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(BOB)
        self.spool.load = lambda message_id: fail(ZeroDivisionError())  # type: ignore[method-assign]
        self.wait(400)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        obeyed: list[OrderResult] = []
        self.dispatcher.order(message_id, Order(kind=OrderKind.RETRY)).addCallback(obeyed.append)
        self.assertEqual([each.obeyed for each in obeyed], [Obeyed.UNREADABLE])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.spool.load = load  # type: ignore[method-assign]
        self.wait(400)
        self.assertEqual(self.spool.finished, [message_id])

    def test_a_bug_while_it_is_delivered_has_it_tried_again_later_and_not_at_once(self) -> None:
        deliver = self.courier.deliver
        tried: list[float] = []

        def broken(consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
            tried.append(self.clock.seconds() - 1_000_000)
            return fail(ZeroDivisionError())

        self.courier.deliver = broken  # type: ignore[method-assign]
        message_id = self.send(BOB)
        self.wait(600, 10)
        self.assertEqual(tried, [0, 300, 600])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)
        self.courier.deliver = deliver  # type: ignore[method-assign]
        self.wait(400)
        self.assertEqual(self.spool.finished, [message_id])

    def test_a_bug_in_what_is_demanded_of_new_mail_does_not_strand_it(self) -> None:
        self.make(rulebook=load_rules(READING_RULE, "/etc"))
        content = self.spool.content
        self.spool.content = lambda message_id: fail(ZeroDivisionError())  # type: ignore[method-assign]
        message_id = self.send(BOB)
        self.assertEqual(self.courier.carried, [])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.spool.content = content  # type: ignore[method-assign]
        self.wait(400)
        self.assertEqual(self.spool.finished, [message_id])

    def test_C108_overdue_mail_is_spread_after_a_restart(self) -> None:
        messages = []
        for number in range(1000):
            message = QueuedMessage.fresh(f"BCDFGH{number:04d}", 1_000_000.0, 10, Envelope(None, (BOB,)))
            self.spool.kept[message.id] = Kept(message, b"\r\n")
            messages.append(message)
        self.dispatcher.start(messages)
        self.clock.advance(0)
        self.assertLess(len(self.courier.carried), 300)
        self.wait(70, step=1)
        self.assertEqual(len(self.courier.carried), 1000)

    def test_C096_recovered_mail_goes_out_without_help(self) -> None:
        message = QueuedMessage.fresh(IDS[0], 1_000_000.0, 10, Envelope(None, (BOB,)))
        self.spool.kept[message.id] = Kept(message, b"\r\n")
        self.dispatcher.start([message])
        self.wait(30, step=1)
        self.assertEqual(self.spool.finished, [message.id])

    def test_held_recipients_are_left_alone(self) -> None:
        message = QueuedMessage.fresh(IDS[0], 1_000_000.0, 10, Envelope(None, (BOB,)))
        held = attrs.evolve(message.recipients[0], state=RecipientState.HELD)
        message = attrs.evolve(message, recipients=(held,))
        self.spool.kept[message.id] = Kept(message, b"\r\n")
        self.dispatcher.start([message])
        self.wait(3600)
        self.assertEqual(self.courier.carried, [])


class ManyTests(Base):
    """A queue with more in it than fits into a turn of the reactor, or into memory."""

    def recovered(self, count: int, recipients: int = 1) -> list[QueuedMessage]:
        messages = []
        for number in range(count):
            who = tuple(Mailbox(f"u{each}", "b.test") for each in range(recipients))
            message = QueuedMessage.fresh(f"BCDFGHJK{number:04}", 1_000_000.0, 10, Envelope(None, who))
            self.spool.kept[message.id] = Kept(message, b"\r\n")
            messages.append(message)
        return messages

    def test_others_have_their_turn_between_what_is_due(self) -> None:
        self.take_turns(lambda ids: self.dispatcher.start([Unfinished(each, 0.0, 0.0, ("b.test",)) for each in ids]))

    def test_others_have_their_turn_between_what_found_no_room_before(self) -> None:
        def find_room(ids: list[str]) -> None:
            for each in ids:
                entry = self.dispatcher._roster.enter(each, self.clock.seconds(), ("b.test",))
                self.dispatcher._happens(entry, Event.NO_ROOM)
            self.dispatcher.flush("nobody.test")

        self.take_turns(find_room)

    def take_turns(self, begin: Callable[[list[str]], None]) -> None:
        messages = self.recovered(30)
        load = self.spool.load

        def slow(message_id: str) -> Deferred[QueuedMessage]:
            self.clock.rightNow += 0.004
            return load(message_id)

        self.spool.load = slow  # type: ignore[method-assign]
        seen: list[int] = []

        def other() -> None:
            seen.append(len(self.spool.finished))
            if seen[-1] < 30:
                self.clock.callLater(0, other)

        self.clock.callLater(0, other)
        begin([each.id for each in messages])
        self.clock.advance(0)
        self.assertEqual(sorted(set(seen)), seen)
        self.assertEqual((len(seen) >= 5, seen[-1]), (True, 30))

    def test_others_have_their_turn_while_what_was_recovered_is_taken_over(self) -> None:
        messages = [Unfinished.of(each) for each in self.recovered(30)]

        def reading() -> Iterator[Unfinished]:
            for each in messages:
                self.clock.rightNow += 0.004
                yield each

        self.dispatcher.start(reading())  # type: ignore[arg-type]
        self.assertEqual(self.courier.carried, [])
        for _ in range(7):
            self.clock.advance(0)
        self.assertEqual(len(self.spool.finished), 30)

    def test_a_queue_that_is_taken_over_can_be_stopped(self) -> None:
        messages = [Unfinished.of(each) for each in self.recovered(30)]

        def reading() -> Iterator[Unfinished]:
            for each in messages:
                self.clock.rightNow += 0.004
                yield each

        self.dispatcher.start(reading())  # type: ignore[arg-type]
        self.successResultOf(self.dispatcher.stop())
        self.wait(600)
        self.assertEqual(self.courier.carried, [])

    def test_long_lists_are_not_all_in_memory_at_once(self) -> None:
        """The dispatcher counts recipients, too: a queue of 20,000 of them is as full as one of 2,000 messages."""
        self.courier.slow.add("b.test")
        messages = self.recovered(8, recipients=4000)
        self.dispatcher.start([Unfinished.of(each) for each in messages])
        # Of what was deferred before, until there are 15,000 of them.
        self.assertEqual(self.dispatcher._roster.count(Stage.ACTIVE), 4)
        self.assertEqual(self.dispatcher._roster.bulk, 16_000)
        for _ in range(8):
            waiting, self.courier.waiting = self.courier.waiting, []
            for answer, consignment in waiting:
                answer.callback(self.courier.verdicts(consignment))
            self.assertLessEqual(self.dispatcher._roster.bulk, 16_000)
            self.clock.advance(1)
        self.assertEqual(len(self.spool.finished), 8)
        self.assertEqual((self.dispatcher._roster.bulk, self.dispatcher.size), (0, 0))

    def test_not_all_are_read_at_once(self) -> None:
        reading: list[Deferred[QueuedMessage]] = []
        most = 0

        def slow(message_id: str) -> Deferred[QueuedMessage]:
            reading.append(Deferred())
            return reading[-1]

        messages = self.recovered(190)
        self.spool.load = slow  # type: ignore[method-assign]
        self.dispatcher.start([Unfinished.of(each) for each in messages])
        for message in messages:
            most = max(most, len(reading) - len(self.spool.finished))
            reading[messages.index(message)].callback(message)
        self.assertEqual(len(self.spool.finished), 190)
        self.assertEqual(most, 100)


class StopTests(Base):
    def test_stop_waits_for_what_is_under_way_and_starts_nothing_more(self) -> None:
        self.courier.slow.add("b.test")
        self.send(BOB)
        stopping = self.dispatcher.stop()
        self.send(CAROL)
        self.assertNoResult(stopping)
        waiting, consignment = self.courier.waiting.pop()
        waiting.callback(self.courier.verdicts(consignment))
        self.successResultOf(stopping)
        self.assertEqual([who for _, who in self.courier.carried], ["bob@b.test"])
        self.assertEqual(self.courier.closed, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_has_a_deadline(self) -> None:
        self.courier.slow.add("b.test")
        self.send(BOB)
        stopping = self.dispatcher.stop(deadline=10)
        self.clock.advance(11)
        self.successResultOf(stopping)
