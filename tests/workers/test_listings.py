"""A worker's queue in portions."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.workers.listings import Listings

LINES = [b"%04d" % number for number in range(450)]


def place(line: bytes) -> str:
    return f"at {line.decode()}"


class ListingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.begun = 0
        self.listings = Listings(self.clock, self.listing, place)

    def listing(self) -> Iterator[bytes]:
        self.begun += 1
        return iter(LINES)

    def ids(self, number: int, begins: bool = False) -> list[bytes] | None:
        portion = self.listings.some(number, begins)
        return None if portion is None else [line for _, line in portion]

    def test_a_list_goes_on_where_it_was(self) -> None:
        self.assertEqual(self.listings.some(0, True), [(place(line), line) for line in LINES[:200]])
        self.assertEqual(self.ids(0), LINES[200:400])
        self.assertEqual((self.ids(0), self.ids(0)), (LINES[400:], []))

    def test_several_are_told_side_by_side(self) -> None:
        self.assertEqual((self.ids(0, True), self.ids(1, True)), (LINES[:200], LINES[:200]))
        self.assertEqual((self.ids(1), self.ids(0), self.begun), (LINES[200:400], LINES[200:400], 2))

    def test_one_that_has_ended_is_forgotten(self) -> None:
        for begins in (True, False, False, False):
            self.ids(0, begins)
        self.assertEqual((self.ids(0), self.clock.getDelayedCalls()), (None, []))

    def test_one_for_which_nobody_asks_is_forgotten(self) -> None:
        self.ids(0, True)
        self.clock.advance(119)
        self.assertEqual(self.ids(0), LINES[200:400])
        self.clock.advance(120)
        self.assertEqual((self.ids(0), self.clock.getDelayedCalls()), (None, []))

    def test_who_has_not_begun_one_cannot_go_on_with_it(self) -> None:
        self.assertIsNone(self.ids(3))
        self.assertEqual(self.begun, 0)
