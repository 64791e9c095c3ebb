"""Much is read by several processes, and comes in its order all the same."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.cli.portions import portions
from fopemta.mail.envelope import Envelope
from fopemta.mail.identifiers import message_id
from fopemta.mail.listed import Listed
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.disk import RealDisk
from fopemta.spool.looking.listing import Listing

ENVELOPE = Envelope(None, (Mailbox("bob", "example.net"),))


def listing(messages: int) -> Listing:
    moments = [1_700_000_000.0 + number for number in range(messages)]
    found = [QueuedMessage.fresh(message_id(int(each * 1e6), 0), each, 1, ENVELOPE) for each in reversed(moments)]
    return Listing(RealDisk(), [], found)


def ids(rows: Iterator[Listed]) -> list[str]:
    return [row["id"] for row in rows]


class PortionsTests(SynchronousTestCase):
    def check(self, messages: int) -> None:
        many = listing(messages)
        found = list(portions(many, ids))
        self.assertEqual([each for part in found for each in part], ids(many.rows()))
        self.assertLessEqual(max(map(len, found), default=0), 1000)

    def test_few(self) -> None:
        for messages in (0, 1, 1001):
            self.check(messages)

    def test_many(self) -> None:
        self.check(5500)

    def test_processes_end_where_a_signal_would_not_end_them(self) -> None:
        """Twisted's handlers are inherited by them."""
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        self.addCleanup(signal.signal, signal.SIGTERM, before)
        for _ in range(5):
            self.check(5500)

    def test_who_has_heard_enough_ends_them(self) -> None:
        some = portions(listing(5500), ids)
        self.assertEqual(len(next(some)), 1000)
        some.close()
