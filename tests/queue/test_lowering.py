"""`reload --allow-lower` with a long queue: every bound message is seen to, and few are in memory at a time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Envelope, RecipientOptions
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.memory import Kept
from fopemta.trust.demand import Demand, Demanded
from fopemta.trust.levels import Level
from tests.queue.test_traffic import DEAD, World

DEMANDED = Demanded(demands=(Demand(source="rule old", level=Level.AUTHENTICATED),), rules=("old",))
COUNT = 300


class LoweringTests(World):
    def setUp(self) -> None:
        super().setUp()
        self.courier.places["bank.test"] = DEAD
        bob = Mailbox("bob", "bank.test")
        envelope = Envelope(None, (bob,), options=((bob, RecipientOptions(leaves=True, demanded=DEMANDED)),))
        messages = []
        for number in range(COUNT):
            message = QueuedMessage.fresh(f"BCDFGH{number:06d}", self.clock.seconds(), 10, envelope)
            self.spool.kept[message.id] = Kept(message, b"\r\n")
            messages.append(message)
        self.start(*messages)
        self.pass_time(70)
        # Every message is read slowly from now on.
        self.reading: list[tuple[Deferred[None], str]] = []
        self.most = 0
        load = self.spool.load

        def slowly(message_id: str) -> Deferred[Any]:
            waiting: Deferred[None] = Deferred()
            self.reading.append((waiting, message_id))
            self.most = max(self.most, len(self.reading))
            return waiting.addCallback(lambda _: load(message_id))

        self.spool.load = slowly  # type: ignore[method-assign]

    def read_all(self) -> int:
        """How many were read until nobody reads any more."""
        count = 0
        while self.reading:
            waiting, _ = self.reading.pop(0)
            waiting.callback(None)
            count += 1
            self.clock.advance(0)
        return count

    def test_in_portions(self) -> None:
        self.dispatcher.let_demands_fall("alice")
        self.assertLessEqual(len(self.reading), 20)
        self.read_all()
        # What is due meanwhile is read, too.
        self.assertLess(self.most, COUNT // 2)
        # One was on its way.
        self.pass_time(31)
        self.read_all()
        last = [kept.message.recipients[0].last for kept in self.spool.kept.values()]
        lowered = [each.lowered for each in last if each is not None and each.lowered is not None]
        self.assertEqual(len([each for each in lowered if each.startswith("alice at ")]), COUNT)

    def test_the_end_is_not_waited_for(self) -> None:
        self.dispatcher.let_demands_fall("alice")
        self.dispatcher.stop()
        self.assertLess(self.read_all(), 60)
