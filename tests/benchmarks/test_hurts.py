"""The lines of the table of situations: medians, ratios, aims.  No time is measured here."""

from __future__ import annotations

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.hurts.aims import HEAD, Aim, Measure, figure, line
from benchmarks.hurts.situations import SITUATIONS


class AimTests(SynchronousTestCase):
    def test_met(self) -> None:
        most, least = Aim(10), Aim(10, least=True)
        twice, half = Aim(2, times=True), Aim(0.5, times=True, least=True)
        table = (
            (most, 10, 1, True), (most, 10.1, 100, False), (most, inf, inf, False),
            (least, 10, 99, True), (least, 9.9, 1, False),
            (twice, 8, 4, True), (twice, 8.1, 4, False), (twice, inf, 4, False),
            (half, 2, 4, True), (half, 1.9, 4, False), (twice, 8, float("nan"), None),
        )  # fmt: skip
        for aim, ours, theirs, met in table:
            self.assertIs(aim.met(ours, theirs), met, (aim, ours, theirs))

    def test_in_words(self) -> None:
        self.assertEqual(
            [str(Aim(1)), str(Aim(500, least=True)), str(Aim(0.5, times=True))], ["≤ 1", "≥ 500", "≤ 0.5 × Postfix"]
        )
        self.assertEqual(str(Aim(1, times=True, least=True)), "≥ 1 × Postfix")


class LineTests(SynchronousTestCase):
    def test_medians_ranges_ratio_and_verdict(self) -> None:
        self.assertEqual(
            line("flush", Measure("s", Aim(1, times=True)), [30, 10, 20], [5, 16, 8]),
            "| flush: s | 20 (10-30) | 8 (5-16) | 2.50 | ≤ 1 × Postfix | missed |",
        )

    def test_what_never_ended(self) -> None:
        ours = line("flush", Measure("s", Aim(1, times=True)), [inf, 10, inf], [8])
        self.assertEqual(ours, "| flush: s | never (10-never) | 8 (8-8) | inf | ≤ 1 × Postfix | missed |")
        theirs = line("flush", Measure("s", Aim(1, times=True)), [10], [inf])
        self.assertEqual(theirs, "| flush: s | 10 (10-10) | never (never-never) | - | ≤ 1 × Postfix | met |")

    def test_one_server_alone(self) -> None:
        for measure, end in ((Measure("s"), "- | -"), (Measure("s", Aim(9)), "≤ 9 | met")):
            self.assertEqual(line("x", measure, [3], []), f"| x: s | 3 (3-3) | - | - | {end} |")
        self.assertEqual(line("x", Measure("s", Aim(9)), [], [3]), "| x: s | - | 3 (3-3) | - | ≤ 9 | - |")
        self.assertEqual(line("x", Measure("s", Aim(1, times=True)), [3], []).split(" | ")[-1], "- |")

    def test_as_wide_as_the_head(self) -> None:
        for each in SITUATIONS.values():
            self.assertEqual(
                {row.count("|") for row in HEAD.split("\n")}, {line(each.words, each.measures[0], [], []).count("|")}
            )

    def test_figures(self) -> None:
        self.assertEqual(
            [figure(each) for each in (0.0512, 9.876, 12345.6, inf)], ["0.0512", "9.88", "12,346", "never"]
        )


class SituationTests(SynchronousTestCase):
    def test_each_says_how_many(self) -> None:
        for name, each in SITUATIONS.items():
            self.assertIn(f"{each.messages:,}", each.words.format(each.messages), name)
            self.assertTrue(any(measure.aim for measure in each.measures), name)
