"""What the TLS of a host is worth."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.grade import Grade, grade_of, worst
from fopemta.trust.rungs import Rung


class GradeTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        table = {
            (Rung.STRONG_256, True): "A", (Rung.STRONG_256, False): "C",
            (Rung.STRONG_128, True): "A", (Rung.STRONG_128, False): "C",
            (Rung.COMPATIBLE, True): "B", (Rung.COMPATIBLE, False): "D",
            (Rung.LENIENT, True): "E", (Rung.LENIENT, False): "E",
            (Rung.LEGACY, True): "E", (Rung.LEGACY, False): "E",
            (Rung.PLAIN, True): "F", (Rung.PLAIN, False): "F",
            (None, True): "F", (None, False): "F",
        }  # fmt: skip
        self.assertEqual({case: grade_of(*case).value for case in table}, table)
        self.assertEqual({rung for rung, _ in table}, {None, *Rung})

    def test_not_reached(self) -> None:
        for rung in (None, Rung.PLAIN):
            self.assertIs(grade_of(rung, False, reached=False), Grade.NONE)
        self.assertIs(grade_of(Rung.STRONG_256, True, reached=False), Grade.A)

    def test_of_several_the_worst_that_answered(self) -> None:
        a, c, f, none = Grade.A, Grade.C, Grade.F, Grade.NONE
        for grades, wanted in (([], none), ([none], none), ([a], a), ([a, c, f], f), ([c, a], c), ([none, a], a)):
            self.assertIs(worst(grades), wanted, grades)
