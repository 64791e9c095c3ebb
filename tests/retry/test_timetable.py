"""The whole timetable."""

from __future__ import annotations

import itertools
import math

from twisted.trial.unittest import SynchronousTestCase

from fopemta.retry.settings import Retry
from fopemta.retry.timetable import held_up, life_over, next_try, sane, wait_after

RETRY = Retry()
HOUR, DAY = 3600.0, 86400.0


def timetable(retry: Retry, jitter: float = 0.5) -> list[float]:
    """Every attempt of a message that is deferred each time, in seconds since its arrival."""
    moments, now, attempts = [0.0], 0.0, 0
    while True:
        attempts += 1
        following = next_try(retry, 0.0, attempts, now, jitter)
        if following is None:
            return moments
        now = following
        moments.append(now)


class TimetableTests(SynchronousTestCase):
    def test_five_days_in_full(self) -> None:
        waits = [300.0, 600.0, 1200.0, 2400.0, 4800.0, 9600.0]
        early = [sum(waits[:count]) for count in range(len(waits) + 1)]
        found = timetable(RETRY)
        self.assertEqual(found[: len(early)], early)
        self.assertEqual({b - a for a, b in itertools.pairwise(found[7:-1])}, {4 * HOUR})
        self.assertEqual(found[-1], 5 * DAY)
        self.assertEqual(len(found), 36)

    def test_waits_grow_to_the_longest(self) -> None:
        wanted = [300, 600, 1200, 2400, 4800, 9600, 14400, 14400]
        self.assertEqual([wait_after(RETRY, count) for count in range(1, 9)], wanted)
        self.assertEqual(wait_after(RETRY, 100_000), 14400)

    def test_C102_short_life(self) -> None:
        retry = Retry(first=60.0, factor=2.0, longest=HOUR, lifetime=600.0)
        self.assertEqual(timetable(retry), [0, 60, 180, 420, 600])

    def test_jitter_is_ten_per_cent_either_way(self) -> None:
        moments = [next_try(RETRY, 0.0, 1, 0.0, jitter) for jitter in (0.0, 0.5, 1.0)]
        self.assertEqual([round(moment or 0) for moment in moments], [270, 300, 330])

    def test_life_is_over_at_its_end(self) -> None:
        self.assertFalse(life_over(RETRY, 0.0, 5 * DAY - 1))
        self.assertTrue(life_over(RETRY, 0.0, 5 * DAY))
        self.assertIsNone(next_try(RETRY, 0.0, 30, 5 * DAY, 0.5))

    def test_held_up_is_who_was_tried_long_before_the_queue_began_to_run(self) -> None:
        for previous, began, wanted in (
            (0.0, 8 * HOUR + 1, True),
            (0.0, 8 * HOUR, False),
            # A busy destination, however long that has lasted.
            (0.0, 0.0, False),
            (5 * DAY, 0.0, False),
            (0.0, -math.inf, False),
        ):
            self.assertEqual(held_up(RETRY, previous, began), wanted, (previous, began))

    def test_C114_moment_far_ahead_is_pulled_in(self) -> None:
        # The clock was a year ahead when the moment was stored, and is right now.
        self.assertEqual(sane(RETRY, 365 * DAY, 1000.0), 1000.0 + 4 * HOUR * 1.1)
        self.assertEqual(sane(RETRY, 1500.0, 1000.0), 1500.0)

    def test_arrival_in_the_future_does_not_expire(self) -> None:
        self.assertIsNotNone(next_try(RETRY, 10 * DAY, 1, 0.0, 0.5))
