"""The roots in force, by the day."""

from __future__ import annotations

import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority
from fopemta.trust.root_programme import SOON, Condition, day, programme_of

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)


def root(name: str, first: int, last: int) -> bytes:
    return Authority(name, now=NOW, root_days=(first, last)).root.public_bytes(Encoding.DER)


DERS = {
    "old": root("old", -4000, 400),
    "new": root("new", -10, 4000),
    "soon": root("soon", -100, 89),
    "later": root("later", -100, 91),
    "over": root("over", -100, -1),
    "early": root("early", 1, 100),
    "odd": b"no certificate",
}


class ProgrammeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.programme = programme_of((*DERS.values(), DERS["old"]), NOW.timestamp())

    def names(self, *roots: object) -> list[str]:
        return [each.facts.subject.removeprefix("CN=") for each in roots]  # type: ignore[attr-defined]

    def test_each_once_and_the_first_to_end_first(self) -> None:
        self.assertEqual(self.names(*self.programme.roots), ["", "over", "soon", "later", "early", "old", "new"])

    def test_conditions(self) -> None:
        found = {each: self.names(*self.programme.of(each)) for each in Condition}
        expected = {
            Condition.GOOD: ["later", "old", "new"],
            Condition.EXPIRES_SOON: ["soon"],
            Condition.EXPIRED: ["over"],
            Condition.NOT_YET_VALID: ["early"],
            Condition.UNREADABLE: [""],
        }
        self.assertEqual(found, expected)

    def test_to_the_second(self) -> None:
        [root] = programme_of((DERS["old"],), NOW.timestamp()).roots
        second = 1.0
        for now, wanted in (
            (root.begins - second, Condition.NOT_YET_VALID),
            (root.begins, Condition.GOOD),
            (root.ends - SOON, Condition.GOOD),
            (root.ends - SOON + second, Condition.EXPIRES_SOON),
            (root.ends, Condition.EXPIRES_SOON),
            (root.ends + second, Condition.EXPIRED),
        ):
            [found] = programme_of((DERS["old"],), now).roots
            self.assertIs(found.condition, wanted)
        self.assertEqual(SOON, 90 * 86_400)

    def test_newest_and_oldest_of_those_that_are_of_use(self) -> None:
        self.assertEqual(self.names(self.programme.newest, self.programme.oldest), ["new", "old"])
        empty = programme_of((DERS["over"], b""), NOW.timestamp())
        self.assertEqual((empty.usable, empty.newest, empty.oldest), ((), None, None))

    def test_one_that_cannot_be_read_has_no_time(self) -> None:
        [odd] = self.programme.of(Condition.UNREADABLE)
        self.assertEqual((odd.begins, odd.ends), (0.0, 0.0))

    def test_day(self) -> None:
        self.assertEqual(day(NOW.timestamp()), "2026-11-25")
