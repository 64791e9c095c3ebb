"""What of a message somebody wants tried at once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.queue.pressing import NOTHING_PRESSES, Pressing

BOB, BELOW, CAROL = Mailbox("bob", "b.test"), Mailbox("bob", "sub.b.test"), Mailbox("carol", "c.test")


class PressingTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        domain, deep = Pressing(frozenset({"b.test"})), Pressing(frozenset({"@b.test"}))
        carol = Pressing(recipients=frozenset({"carol@c.test"}))
        for pressing, named in (
            (NOTHING_PRESSES, []),
            (domain, [BOB]),
            (deep, [BOB, BELOW]),
            (carol, [CAROL]),
            (domain | carol, [BOB, CAROL]),
        ):
            self.assertEqual([each for each in (BOB, BELOW, CAROL) if pressing.names(each)], named, pressing)
