"""Bounds, and what is told of flaws."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.flaws import Exceeded, Flaw, Work, beyond, told


class FlawTests(SynchronousTestCase):
    def test_told(self) -> None:
        a, b, c, d, e = (Flaw(each) for each in "abcde")
        self.assertIsNone(told([]))
        self.assertEqual(told([a, a]), a)
        self.assertEqual(told([a, b, c]), Flaw("a; b; c"))
        self.assertEqual(told([a, b, c, d, e, d]), Flaw("a; b; c and 2 more"))
        self.assertEqual(told([a, beyond("parts", "many"), beyond("depth", "deep")]),
                         Flaw("a; many (limits.content.parts); deep (limits.content.depth)", "parts"))  # fmt: skip

    def test_work(self) -> None:
        for size, most in ((0, 1 << 20), (1000, (1 << 20) + 80_000)):
            work = Work(size)
            work.spend(most)
            self.assertEqual(self.assertRaises(Exceeded, work.spend, 1).flaw.bound, "work")
