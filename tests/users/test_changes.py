"""A user file's text, edited."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.users import changes
from fopemta.users.account import Account, Accounts, parse
from fopemta.users.changes import CannotChange, added, new_account, removed, with_password, with_senders
from fopemta.users.hashing import verified
from fopemta.users.user_file import UserFileUnsound
from tests.users.accounts import ALICE, BOB, CHEAP, TEXT


def account(text: str, name: str) -> Account | None:
    found = parse(text)
    assert isinstance(found, Accounts), found
    return found.find(name)


class ChangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(changes, "hashed", CHEAP.hash)

    def test_a_new_account(self) -> None:
        for name, senders, wanted in (
            ("carol", ("carol@us.test",), ("carol@us.test",)),
            ("carol@us.test", (), ("carol@us.test",)),
            ("carol@us.test", ("@carol.test",), ("@carol.test",)),
            ("carol", (), ()),
        ):
            found = new_account(name, "secret", senders, scram=False)
            self.assertEqual((found.name, found.senders, found.scram), (name, wanted, None))
            self.assertTrue(verified(found.password, "secret"))
        self.assertIsNotNone(new_account("carol", "secret", (), scram=True).scram)
        for bad in ("two words", "#carol", ""):
            self.assertRaises(CannotChange, new_account, bad, "secret", (), False)
        self.assertRaises(CannotChange, new_account, "carol", "secret", ("a b@us.test",), False)
        self.assertRaises(CannotChange, new_account, "carol", "\x07", (), False)

    def test_added_at_the_end_on_a_line_of_its_own(self) -> None:
        carol = new_account("carol", "secret", (), scram=False)
        for text, wanted in (
            ("", carol.line() + "\n"),
            (TEXT, TEXT + carol.line() + "\n"),
            (TEXT.rstrip("\n"), TEXT + carol.line() + "\n"),
        ):
            self.assertEqual(added(text, carol), wanted)
        self.assertRaises(CannotChange, added, TEXT, new_account("ALICE", "secret", (), scram=False))

    def test_removed_with_its_line_alone(self) -> None:
        self.assertEqual(removed(TEXT, "Alice"), f"# users\n\n  {BOB}\n")
        self.assertEqual(removed(TEXT, "bob"), f"# users\n\n{ALICE}\n")
        self.assertRaises(CannotChange, removed, TEXT, "carol")

    def test_another_password(self) -> None:
        for scram in (True, False):
            text = with_password(TEXT, "alice", "new one", scram)
            found, before = account(text, "alice"), account(TEXT, "alice")
            assert found is not None
            assert before is not None
            self.assertTrue(verified(found.password, "new one"))
            # The old verifier would be the old password's.
            self.assertEqual((found.scram is not None, found.scram != before.scram), (scram, True))
            self.assertEqual((found.senders, account(text, "bob")), (before.senders, account(TEXT, "bob")))
        self.assertRaises(CannotChange, with_password, TEXT, "carol", "x", False)

    def test_other_senders(self) -> None:
        found = account(with_senders(TEXT, "ALICE", ("a@us.test", "@b.test", "a@us.test")), "alice")
        assert found is not None
        self.assertEqual(found.senders, ("a@us.test", "@b.test"))
        self.assertRaises(CannotChange, with_senders, TEXT, "alice", ("a b@us.test",))

    def test_a_file_that_is_unsound_is_not_edited(self) -> None:
        self.assertRaises(UserFileUnsound, removed, "alice\n", "alice")
        self.assertRaises(UserFileUnsound, added, "alice\n", new_account("carol", "secret", (), scram=False))
