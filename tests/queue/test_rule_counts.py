"""How often rules matched, and what came of it."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import attrs
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.interfaces import IRuleCounts
from fopemta.mail.envelope import RuleNote
from fopemta.queue.rule_counts import FILE_NAME, Counts, RuleCounts, read
from fopemta.trust.verdict import Result, Tested, VerdictRecord

FIRST = VerdictRecord(
    time=1.0, message="M1", sender="", recipient="bob@bank.test", attempt=1, rules=("bank",), sources=("rule bank",),
    result=Result.DEFERRED, code=451, enhanced="4.7.5", diagnosis="cert_expired", text="", tls_since=1.0,
)  # fmt: skip
DELIVERED = attrs.evolve(FIRST, result=Result.DELIVERED)


class RuleCountsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = self.mktemp()
        self.clock = Clock()
        self.counts = RuleCounts(self.state, self.clock, maybeDeferred)
        self.counts.start()

    def test_interface_and_nothing_yet(self) -> None:
        verifyObject(IRuleCounts, self.counts)
        self.assertEqual(read(self.state), ())

    def test_what_counts_as_what(self) -> None:
        later = {"attempt": 4}
        weakened = {"rules": ("bank", "old"), "sources": ("rule bank, weakened by rule old",)}
        tested = {"rules": (), "tested": (Tested("try", False, "self_signed"), Tested("good", True))}
        for verdict in (
            FIRST,
            attrs.evolve(FIRST, **later),
            attrs.evolve(FIRST, **later, result=Result.FAILED),
            attrs.evolve(FIRST, **later, result=Result.FAILED, tls_since=None),
            attrs.evolve(DELIVERED, **weakened),
            attrs.evolve(DELIVERED, **tested, recipient="c@shop.test"),
            attrs.evolve(DELIVERED, rules=()),
        ):
            self.counts.attempted(verdict)
        self.counts.noted(RuleNote("spam", "reject", "enforce", "yes", "x"))
        self.counts.stop()
        self.assertEqual(
            read(self.state),
            (
                Counts(rule="bank", destination="bank.test", matched=2, delivered=1, refused=1),
                Counts(rule="good", destination="shop.test", matched=1, delivered=1),
                Counts(rule="old", destination="bank.test", matched=1, delivered=1, weakened=1),
                Counts(rule="spam", destination="", matched=1),
                Counts(rule="try", destination="shop.test", matched=1, delivered=1, would_fail=1),
            ),
        )

    def test_what_an_operator_has_lifted(self) -> None:
        lifted = attrs.evolve(DELIVERED, rules=(), overridden="it must go")
        self.counts.attempted(lifted, ("bank", "other"))
        self.counts.attempted(attrs.evolve(lifted, result=Result.DEFERRED), ("bank",))
        self.counts.stop()
        found = [Counts(rule=each, destination="bank.test", delivered=1, overridden=1) for each in ("bank", "other")]
        self.assertEqual(read(self.state), tuple(found))

    def test_a_file_of_an_older_version(self) -> None:
        os.mkdir(self.state)
        with contextlib.closing(sqlite3.connect(os.path.join(self.state, FILE_NAME))) as file, file:
            columns = " INTEGER NOT NULL, ".join(("matched", "delivered", "refused", "would_fail", "weakened"))
            key = "PRIMARY KEY (rule, destination)"
            file.execute(f"CREATE TABLE counts (rule TEXT, destination TEXT, {columns} INTEGER NOT NULL, {key})")
            file.execute("INSERT INTO counts VALUES ('bank', 'bank.test', 7, 3, 2, 1, 1)")
        old = Counts(rule="bank", destination="bank.test", matched=7, delivered=3, refused=2, would_fail=1, weakened=1)
        self.assertEqual(read(self.state), (old,))
        self.counts.attempted(attrs.evolve(DELIVERED, rules=(), overridden="x"), ("bank",))
        self.counts.stop()
        self.assertEqual(read(self.state), (attrs.evolve(old, delivered=4, overridden=1),))

    def test_nothing_is_in_memory_alone_for_longer_than_five_seconds(self) -> None:
        """Whoever counts it; a process that is killed then has lost nothing."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        note = RuleNote("spam", "reject", "enforce", "yes", "x")
        for number, count in enumerate(
            (lambda: self.counts.attempted(FIRST), lambda: self.counts.noted(note),
             lambda: self.counts.add({("far", "d.test", "matched"): 1})), 1
        ):  # fmt: skip
            self.clock.advance(3)
            count()
            self.clock.advance(5)
            self.assertEqual(len(read(self.state)), number)
        for _ in range(3):
            self.counts.noted(note)
            self.clock.advance(2)
        self.assertEqual(sum(each.matched for each in read(self.state) if each.rule == "spam"), 4)

    def test_added_to_what_was_there(self) -> None:
        for _ in range(2):
            self.counts.attempted(FIRST)
            self.clock.advance(30)
        [found] = read(self.state)
        self.assertEqual(found.matched, 2)
        again = RuleCounts(self.state, self.clock, maybeDeferred)
        again.attempted(FIRST)
        again.stop()
        self.assertEqual(read(self.state)[0].matched, 3)

    def test_strangers_cannot_fill_the_file(self) -> None:
        for number in range(1100):
            self.counts.attempted(attrs.evolve(FIRST, recipient=f"bob@d{number}.test"))
        self.counts.stop()
        found = read(self.state)
        self.assertEqual(len(found), 1001)
        self.assertEqual(found[0], Counts(rule="bank", destination="(others)", matched=100))

    def test_a_file_that_is_damaged_stops_nothing(self) -> None:
        os.mkdir(self.state)
        with open(os.path.join(self.state, FILE_NAME), "wb") as file:
            file.write(b"nonsense" * 100)
        self.counts.attempted(FIRST)
        self.counts.stop()
        self.assertRaises(sqlite3.Error, read, self.state)
