"""What is counted of the messages under way."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.queue.round import Round, Rounds

ALICE = Mailbox("alice", "us.test")


def round_of(count: int) -> Round:
    envelope = Envelope(ALICE, tuple(Mailbox(f"u{each}", "them.test") for each in range(count)))
    return Round(QueuedMessage.fresh("BCDFGHJKB", 0.0, 10, envelope))


class RoundsTests(SynchronousTestCase):
    def test_recipients_are_counted_whichever_way_one_leaves(self) -> None:
        rounds = Rounds()
        for id_, count in (("A", 3), ("B", 5), ("C", 7)):
            rounds[id_] = round_of(count)
        rounds["C"] = round_of(7)
        self.assertEqual(rounds.recipients, 15)
        del rounds["A"]
        self.assertEqual(rounds.recipients, 12)
        rounds.pop("B")
        rounds.pop("B", None)
        self.assertEqual(rounds.recipients, 7)
        rounds.clear()
        self.assertEqual(rounds.recipients, 0)
