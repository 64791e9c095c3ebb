"""As whom a login may write."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.login import LoggedIn
from fopemta.policy.senders import judge_null_sender, judge_sender

ALICE = LoggedIn("alice", frozenset({"alice@us.test", "@alice.test"}))
NOBODY = LoggedIn("nobody", frozenset())


class SenderTests(SynchronousTestCase):
    def test_table(self) -> None:
        for login, sender, good in (
            (None, Mailbox("anyone", "example.org"), True),
            (None, None, True),
            (ALICE, Mailbox("alice", "us.test"), True),
            (ALICE, Mailbox("Alice", "us.test"), True),
            (ALICE, Mailbox("anything", "alice.test"), True),
            (ALICE, Mailbox("bob", "us.test"), False),
            (ALICE, Mailbox("alice", "example.org"), False),
            (ALICE, Mailbox("alice", "sub.alice.test"), True),
            (ALICE, Mailbox("alice", "sub.us.test"), False),
            (ALICE, Mailbox("alice", "malice.test"), False),
            (ALICE, Mailbox("alice+tag", "us.test"), False),
            (ALICE, Mailbox("alice@us.test", "example.org"), False),
            (ALICE, None, True),
            (NOBODY, Mailbox("nobody", "us.test"), False),
            (NOBODY, None, False),
        ):
            refusal = judge_sender(login, sender)
            self.assertEqual(refusal is None, good, (login, sender))
            if refusal is not None:
                self.assertEqual((refusal.code, refusal.enhanced), (553, "5.7.1"))

    def test_null_sender_is_for_programs(self) -> None:
        alice = Mailbox("alice", "us.test")
        for login, sender, automatic, good in (
            (ALICE, None, True, True),
            (ALICE, None, False, False),
            (ALICE, alice, False, True),
            (ALICE, alice, True, True),
            (None, None, False, True),
        ):
            refusal = judge_null_sender(login, sender, automatic)
            self.assertEqual(refusal is None, good, (login, sender, automatic))
            if refusal is not None:
                self.assertEqual((refusal.code, refusal.enhanced), (550, "5.7.1"))
