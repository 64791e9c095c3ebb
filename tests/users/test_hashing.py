"""Passwords are checked a few at a time."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from fopemta.users.hashing import PasswordChecks, TooBusy, hashed, verified
from tests.users.accounts import ALICE_HASH, Threads


class HashTests(SynchronousTestCase):
    def test_of_a_password(self) -> None:
        encoded = hashed("pä ss")
        self.assertEqual((verified(encoded, "pä ss"), verified(encoded, "pä s")), (True, False))
        self.assertNotEqual(encoded, hashed("pä ss"))

    def test_text_that_is_no_hash_fits_nothing(self) -> None:
        for encoded in ("", "x", "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$x"):
            self.assertFalse(verified(encoded, "x"), encoded)


class ChecksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.threads = Threads(held=True)
        self.checks = PasswordChecks(self.threads.run, at_once=2, most_waiting=3)

    def ask(self, password: str = "secret") -> Deferred[bool]:
        return self.checks.verify(ALICE_HASH, password)

    def test_answers(self) -> None:
        good, bad = self.ask(), self.ask("wrong")
        self.threads.finish_one()
        self.threads.finish_one()
        self.assertEqual((self.successResultOf(good), self.successResultOf(bad)), (True, False))

    def test_flood_cannot_take_all_threads(self) -> None:
        taken = [self.ask() for _ in range(5)]
        self.failureResultOf(self.ask(), TooBusy)
        for left in (2, 2, 2, 1, 0):
            self.assertLessEqual(self.threads.running, 2)
            self.threads.finish_one()
            self.assertEqual(self.threads.running, left)
        self.assertEqual([self.successResultOf(each) for each in taken], [True] * 5)
        self.assertNoResult(self.ask())

    def test_cancelled_check_gives_back_its_place_when_its_thread_ends(self) -> None:
        first, second, third = self.ask(), self.ask(), self.ask()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.threads.calls), 2)
        self.threads.finish_one()
        self.assertEqual(len(self.threads.calls), 3)
        self.threads.finish_one()
        self.threads.finish_one()
        self.assertEqual((self.successResultOf(second), self.successResultOf(third)), (True, True))

    def test_cancelled_while_it_waits_is_never_begun(self) -> None:
        waiting = [self.ask() for _ in range(3)][-1]
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.threads.finish_one()
        self.threads.finish_one()
        self.assertEqual((len(self.threads.calls), self.threads.running), (2, 0))

    def test_thread_that_fails_takes_no_place_with_it(self) -> None:
        checks = PasswordChecks(lambda *_: fail(MemoryError()), at_once=1)
        for _ in range(3):
            self.failureResultOf(checks.verify(ALICE_HASH, "x"), MemoryError)
