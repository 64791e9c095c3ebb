"""The families of hostile inputs, and how their growth is told.  No time is measured here."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.families.family import Family, all_families, repeated
from benchmarks.growth_rate import FLAG, exponent

SIZES = tuple(1024 << step for step in range(8))


class FamilyTests(SynchronousTestCase):
    def test_each_is_doubled_and_read(self) -> None:
        names = [each.name for each in all_families()]
        self.assertEqual(len(names), len(set(names)))
        rooms = ("addresses", "headers", "mime", "html", "replies", "seven-bit")
        for room in (*rooms, "certificates", "crl", "dns", "http", "ocsp", "received"):
            self.assertTrue([each for each in names if each.startswith(f"{room}.")], room)
        for family in all_families():
            small, large = family.make(512), family.make(2048)
            self.assertGreater(len(large), len(small), family.name)
            family.read(small)

    def test_repeated(self) -> None:
        self.assertEqual(repeated(b"ab", b"<", b">")(8), b"<ababab>")
        self.assertEqual(repeated(b"ab")(0), b"ab")

    def test_a_family_is_a_value(self) -> None:
        self.assertEqual(Family("a.b", bytes, len), Family("a.b", bytes, len))


class ExponentTests(SynchronousTestCase):
    def test_of_known_growths(self) -> None:
        for power in (1.0, 1.5, 2.0):
            found = [(size, 1e-5 * size**power) for size in SIZES]
            self.assertAlmostEqual(exponent(found), power, places=6)
            self.assertEqual(exponent(found) > FLAG, power > 1)

    def test_only_the_last_doublings_count(self) -> None:
        steady = [(size, 0.01) for size in SIZES[:4]]
        self.assertAlmostEqual(exponent([*steady, *((each, 0.01 * each / SIZES[4]) for each in SIZES[4:])]), 1.0)
        self.assertAlmostEqual(exponent([*steady, *((each, 0.01 * (each / SIZES[4]) ** 2) for each in SIZES[4:])]), 2.0)

    def test_what_is_too_fast_tells_nothing(self) -> None:
        self.assertEqual(exponent([(size, 1e-14 * size**2) for size in SIZES]), 0.0)
        self.assertEqual(exponent([]), 0.0)
