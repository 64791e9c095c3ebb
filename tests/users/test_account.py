"""The text of a user file."""

from __future__ import annotations

import argon2
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.login import LoggedIn
from fopemta.users.account import DEFAULT_COST, Account, Accounts, NotAnAccount, account_of, parse
from fopemta.users.hashing import hashed, verified
from tests.users.accounts import ALICE, ALICE_HASH, ALICE_VERIFIER, BOB_HASH, TEXT


class ParseTests(SynchronousTestCase):
    def test_good(self) -> None:
        found = parse(TEXT)
        assert isinstance(found, Accounts)
        alice = Account("alice", ALICE_HASH, ALICE_VERIFIER, ("alice@us.test", "@alice.test"))
        self.assertEqual(dict(found.by_name), {"alice": alice, "bob": Account("bob", BOB_HASH, None, ("bob@us.test",))})
        self.assertIs(found.find("ALICE"), found.by_name["alice"])
        self.assertIsNone(found.find("carol"))
        self.assertEqual(alice.logged_in(), LoggedIn("alice", frozenset({"alice@us.test", "@alice.test"})))

    def test_line_is_what_is_read(self) -> None:
        self.assertEqual(account_of(ALICE).line(), ALICE)

    def test_a_password_of_nobody_costs_what_one_of_somebody_does(self) -> None:
        """It is of their form: nothing is wrong with it but that no password fits."""
        for text in ("", TEXT):
            found = parse(text)
            assert isinstance(found, Accounts)
            with self.assertRaises(argon2.exceptions.VerifyMismatchError):
                argon2.PasswordHasher().verify(found.dummy_password, "secret")

    def test_canonical_forms(self) -> None:
        account = account_of(f"Alice@Us.Test sender=ALICE@BÜCHER.example sender=@Us.TEST password={ALICE_HASH}\r")
        self.assertEqual(account.name, "Alice@Us.Test")
        self.assertEqual(account.senders, ("alice@xn--bcher-kva.example", "@us.test"))

    def test_everything_that_is_wrong_is_told_at_once(self) -> None:
        scram = ALICE_VERIFIER.text()
        lines = {
            ALICE: None,
            "x": "needs password= once",
            f"x password={ALICE_HASH} password={ALICE_HASH}": "needs password= once",
            f"x password={ALICE_HASH} scram={scram} scram={scram}": "scram= at most once",
            f"x password={ALICE_HASH} color=red": "a word that is none of",
            f"x password={ALICE_HASH} sender": "a word that is none of",
            "x password=": "no argon2id hash",
            "x password=secret": "no argon2id hash",
            "x password=$2b$12$abcdefghijklmnopqrstuv": "no argon2id hash",
            f"x password={ALICE_HASH.replace('argon2id', 'argon2i')}": "no argon2id hash",
            f"x password={ALICE_HASH.replace('m=8', 'm=99999999')}": "costs too much",
            f"x password={ALICE_HASH.replace('m=8', 'm=7')}": "no possible one",
            f"x password={ALICE_HASH.replace('t=1', 't=101')}": "costs too much",
            f"x password={ALICE_HASH.replace('p=1', 'p=2')}": "no possible one",
            f"x password={ALICE_HASH} scram={scram.replace('10000', '4096')}": "scram= must have from 10000",
            f"x password={ALICE_HASH} sender=x": "a sender must be an address",
            f"x password={ALICE_HASH} sender=": "a sender must be an address",
            f"x password={ALICE_HASH} sender=@[192.0.2.1": "a sender must be an address",
            f"x\x07 password={ALICE_HASH}": "control character",
            f"{'x' * 256} password={ALICE_HASH}": "at most 255",
            f"ALICE password={ALICE_HASH}": "is there already",
        }
        found = parse("\n".join(lines))
        assert isinstance(found, tuple)
        expected = [(number, words) for number, words in enumerate(lines.values(), start=1) if words]
        self.assertEqual(len(found), len(expected), found)
        for error, (number, words) in zip(found, expected, strict=True):
            self.assertTrue(error.startswith(f"line {number}: "), error)
            self.assertIn(words, error)
            self.assertNotIn("$argon2", error)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text())
    def test_any_text(self, text: str) -> None:
        self.assertIsInstance(parse(text), Accounts | tuple)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.text(min_size=1, max_size=12), st.lists(st.sampled_from(["a@us.test", "@us.test", "é@us.test"])))
    def test_what_is_written_is_read(self, name: str, senders: list[str]) -> None:
        try:
            account = account_of(Account(name, ALICE_HASH, None, tuple(dict.fromkeys(senders))).line())
        except NotAnAccount:
            return
        self.assertEqual(account_of(account.line()), account)


class LikenessTests(SynchronousTestCase):
    """Users that there are not look like most that there are."""

    def test_of_nobody(self) -> None:
        nobody = Accounts.of(())
        self.assertTrue(nobody.dummy_password.startswith(DEFAULT_COST + "$"))
        self.assertEqual(nobody.iterations, 20_000)
        self.assertTrue(hashed("x").startswith(DEFAULT_COST + "$"))

    def test_of_most(self) -> None:
        found = parse(TEXT)
        assert isinstance(found, Accounts)
        self.assertEqual(found.dummy_password.split("$")[:4], ALICE_HASH.split("$")[:4])
        self.assertEqual(found.iterations, 10_000)

    def test_dummy_is_hashed_like_a_true_one_and_fits_nothing(self) -> None:
        found = parse(TEXT)
        assert isinstance(found, Accounts)
        self.assertFalse(verified(found.dummy_password, "secret"))
        # A hash that argon2 would not have is refused at once, and that could be measured.
        with self.assertRaisesRegex(Exception, "does not match"):
            from argon2.low_level import Type, verify_secret

            verify_secret(found.dummy_password.encode(), b"secret", Type.ID)
