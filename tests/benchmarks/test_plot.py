"""A plot is well-formed, and its points are where they belong."""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.plot import plot

SVG = "{http://www.w3.org/2000/svg}"


class PlotTests(SynchronousTestCase):
    def test_lines_over_whole_decades(self) -> None:
        drawn = plot("A < B", "x", "y", {"rules": [(1, 0.5), (10, 5), (1000, 50)], "queue": [(1, 1)]})
        picture = ElementTree.fromstring(drawn)
        texts = [each.text for each in picture.iter(f"{SVG}text")]
        for text in ("A < B", "1", "1,000", "0.1", "100", "rules", "queue"):
            self.assertIn(text, texts)
        first, second = [each.get("points") for each in picture.iter(f"{SVG}polyline")]
        places = [tuple(map(float, each.split(","))) for each in str(first).split()]
        self.assertEqual([x for x, _ in places], sorted(x for x, _ in places))
        # A tenfold is as wide everywhere: from 1 to 10 half as far as from 10 to 1,000.
        (a, _), (b, _), (c, _) = places
        self.assertLess(abs(2 * (b - a) - (c - b)), 0.5)
        self.assertEqual(len(str(second).split()), 1)

    def test_one_value_has_an_axis_too(self) -> None:
        picture = ElementTree.fromstring(plot("t", "x", "y", {"one": [(10, 10)]}))
        self.assertEqual(len(list(picture.iter(f"{SVG}circle"))), 1)
