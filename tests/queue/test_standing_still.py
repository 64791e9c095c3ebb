"""Nothing that was accepted stands still: each message waits for a moment, is on its way, or is held."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Delivery
from fopemta.interfaces import Ended, ICourier
from fopemta.mail.envelope import Envelope
from fopemta.mail.orders import Order, OrderKind
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.queue.ways import Round, Ways
from fopemta.retry.settings import Retry
from fopemta.routing.consignment import Consignment
from fopemta.scheduling.stages import Event
from fopemta.spool.memory import Kept
from fopemta.trust.verdict import Result, VerdictRecord
from tests.queue.test_dispatcher import ALICE, IDS, Base


@implementer(ICourier)
class SteadyCourier:
    """Delivers everything, each consignment within `takes` seconds; at once where that is 0."""

    def __init__(self, test: Base, takes: float) -> None:
        self.clock = test.clock
        self.takes = takes
        self.carried = 0
        self.deepest = 0

    def close(self) -> None:
        """Nothing is open."""

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        self.carried += 1
        self.deepest = max(self.deepest, _depth())
        done: Deferred[Any] = Deferred()
        if not self.takes:
            return succeed(self.verdicts(consignment))
        self.clock.callLater(self.takes, lambda: done.callback(self.verdicts(consignment)))
        return done

    def verdicts(self, consignment: Consignment) -> list[VerdictRecord]:
        return [
            VerdictRecord(
                time=self.clock.seconds(), message=consignment.message.id, sender="", recipient=str(each),
                attempt=consignment.attempt_of(each), result=Result.DELIVERED, code=250, enhanced="2.0.0", text="ok",
            )
            for each in consignment.recipients
        ]  # fmt: skip


def _depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


class ManyDomainsTests(Base):
    """40 messages of 100 recipients each, in 100 domains: 4,000 loads where 1,000 are enough to be a crowd."""

    MESSAGES, DOMAINS = 40, 100

    def fill(self, takes: float, **changes: Any) -> SteadyCourier:
        courier = SteadyCourier(self, takes)
        self.courier = courier  # type: ignore[assignment]
        self.make(**changes)
        recipients = tuple(Mailbox("bob", f"d{number}.test") for number in range(self.DOMAINS))
        for number in range(self.MESSAGES):
            message_id = f"BCDFGH{number:06d}"
            message = QueuedMessage.fresh(message_id, self.clock.seconds(), 10, Envelope(ALICE, recipients))
            self.spool.kept[message_id] = Kept(message, b"\r\n")
        return courier

    def ids(self) -> list[str]:
        return [f"BCDFGH{number:06d}" for number in range(self.MESSAGES)]

    def finish(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)
            if not self.dispatcher.size:
                return

    def test_fresh_from_the_log(self) -> None:
        for takes in (0.0, 1.0):
            with self.subTest(takes=takes):
                self.spool.kept.clear()
                courier = self.fill(takes)
                for message_id in self.ids():
                    self.dispatcher.accepted(self.spool.kept[message_id].message)
                self.finish(600)
                self.assertEqual((self.dispatcher.size, courier.carried), (0, self.MESSAGES * self.DOMAINS))
                self.assertLess(courier.deepest, 150)

    def test_after_a_restart(self) -> None:
        for takes in (0.0, 1.0):
            with self.subTest(takes=takes):
                self.spool.kept.clear()
                courier = self.fill(takes)
                self.dispatcher.start([self.unfinished(each) for each in self.ids()])
                self.finish(600)
                self.assertEqual((self.dispatcher.size, courier.carried), (0, self.MESSAGES * self.DOMAINS))
                self.assertLess(courier.deepest, 150)

    def unfinished(self, message_id: str) -> Any:
        return Unfinished.of(self.spool.kept[message_id].message)

    def test_with_few_places(self) -> None:
        courier = self.fill(1.0, delivery=Delivery(connections=10, connections_per_destination=2))
        for message_id in self.ids()[:12]:
            self.dispatcher.accepted(self.spool.kept[message_id].message)
        self.finish(1000)
        self.assertEqual((self.dispatcher.size, courier.carried), (0, 12 * self.DOMAINS))

    def test_no_message_is_read_again_and_again(self) -> None:
        courier = self.fill(1.0)
        loads = itertools.count()
        load = self.spool.load

        def counted(message_id: str) -> Any:
            next(loads)
            return load(message_id)

        self.spool.load = counted  # type: ignore[method-assign]
        for message_id in self.ids():
            self.dispatcher.accepted(self.spool.kept[message_id].message)
        self.finish(600)
        self.assertEqual(courier.carried, self.MESSAGES * self.DOMAINS)
        self.assertLess(next(loads), courier.carried)


class WatchTests(Base):
    """Whatever the bug: what has no owner is found, told of, and started again."""

    def test_an_exception_between_the_ways_of_a_message(self) -> None:
        self.make(retry=Retry(first=60.0))
        grouped = Ways.grouped
        calls = itertools.count()

        def broken(ways: Ways, *arguments: Any) -> Any:
            if next(calls) < 2:
                raise RecursionError("a bug")
            return grouped(ways, *arguments)

        self.patch(Ways, "grouped", broken)
        self.assertRaises(RecursionError, self.send, Mailbox("bob", "b.test"))
        self.wait(600)
        self.assertEqual(self.results(IDS[0]), [("bob@b.test", "delivered")])
        self.assertEqual(len(self.flushLoggedErrors(RecursionError)), 1)

    def test_a_message_that_nobody_has(self) -> None:
        """Lost out of every list, by whatever fault."""
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(Mailbox("bob", "b.test"))
        self.dispatcher._roster._agenda.remove(message_id)
        self.wait(120)
        self.assertEqual(self.results(message_id)[-1], ("bob@b.test", "delivered"))

    def test_a_round_that_nobody_will_end(self) -> None:
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(Mailbox("bob", "b.test"))
        roster = self.dispatcher._roster
        entry = roster.get(message_id)
        assert entry is not None
        roster.happens(entry, Event.DUE)
        roster.happens(entry, Event.READ)
        entry.round = Round(self.spool.kept[message_id].message, out=1)
        self.wait(120)
        self.assertEqual(self.results(message_id)[-1], ("bob@b.test", "delivered"))

    def test_what_is_held_is_left_alone(self) -> None:
        said: list[object] = []
        self.patch(maillog, "stood_still", lambda *about: said.append(about))
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(Mailbox("bob", "b.test"))
        self.successResultOf(self.dispatcher.order(message_id, Order(kind=OrderKind.HOLD)))
        self.wait(7200)
        self.assertEqual(self.state(message_id), ["held"])
        self.make()
        self.dispatcher.start([self.found(message_id)])
        self.wait(7200)
        self.assertEqual((self.state(message_id), said), (["held"], []))

    def found(self, message_id: str) -> Any:
        return Unfinished.of(self.spool.kept[message_id].message)

    def test_a_slow_delivery_is_no_fault(self) -> None:
        self.courier.slow.add("b.test")
        message_id = self.send(Mailbox("bob", "b.test"))
        self.wait(7200)
        self.assertEqual(len(self.courier.waiting), 1)
        self.assertEqual(self.state(message_id), ["queued"])
