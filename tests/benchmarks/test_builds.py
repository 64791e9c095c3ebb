"""What is said of two builds.  No time is measured here."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import builds
from benchmarks.builds import checkout, line, spread
from benchmarks.servers import ROOT


class LineTests(SynchronousTestCase):
    def test_medians_quartiles_and_those_of_the_pairs(self) -> None:
        found = [(1.0, 2.0), (2.0, 2.0), (3.0, 3.0), (4.0, 6.0), (5.0, 5.0)]
        self.assertEqual(
            line("intake", found),
            "| intake | 3.000 (2.000-4.000) | 3.000 (2.000-5.000) | 1.000 (1.000-1.500) |",
        )

    def test_one_pair(self) -> None:
        self.assertEqual(spread([0.25]), "0.250 (0.250-0.250)")


class CheckoutTests(SynchronousTestCase):
    def test_a_folder_is_taken_as_it_is(self) -> None:
        with checkout(str(ROOT)) as folder:
            self.assertEqual(folder, ROOT)
        self.assertTrue(folder.exists())


class PairTests(SynchronousTestCase):
    def test_one_after_the_other_in_turn(self) -> None:
        order: list[object] = []

        def cost(server: object, work: str, window: float) -> float:
            order.append(server)
            return {"one": 1.0, "two": 2.0}[str(server)]

        self.patch(builds, "cost", cost)
        for turned, expected in ((False, ["one", "two"]), (True, ["two", "one"])):
            order.clear()
            self.assertEqual(builds.pair("one", "two", "intake", 1.0, turned), (1.0, 2.0))  # type: ignore[arg-type]
            self.assertEqual(order, expected)
