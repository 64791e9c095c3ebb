"""Fair shares."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.queue.destinations import Destinations


class DestinationsTests(SynchronousTestCase):
    def test_destinations_take_turns(self) -> None:
        places: Destinations[str, int] = Destinations(10, 5)
        for number in range(3):
            places.add("a", number)
        places.add("b", 0)
        self.assertEqual([places.take() for _ in range(5)], [("a", 0), ("b", 0), ("a", 1), ("a", 2), None])

    def test_a_slow_one_holds_up_no_other(self) -> None:
        places: Destinations[str, int] = Destinations(10, 2)
        for number in range(100):
            places.add("slow", number)
        self.assertEqual([places.take() for _ in range(3)], [("slow", 0), ("slow", 1), None])
        places.add("other", 0)
        self.assertEqual(places.take(), ("other", 0))
        places.done("slow")
        self.assertEqual(places.take(), ("slow", 2))

    def test_places_in_all(self) -> None:
        places: Destinations[int, int] = Destinations(2, 2)
        for number in range(5):
            places.add(number, number)
        self.assertEqual([places.take(), places.take(), places.take()], [(0, 0), (1, 1), None])
        places.done(0)
        self.assertEqual(places.take(), (2, 2))
        self.assertEqual((places.running, places.waiting), (2, 2))

    def test_nothing_is_kept_of_who_is_done(self) -> None:
        places: Destinations[int, int] = Destinations(5, 1)
        for number in range(100):
            places.add(number, 0)
            places.take()
            places.done(number)
        self.assertEqual((places._waiting, places._busy, len(places._turns), places._in_turns), ({}, {}, 0, set()))
