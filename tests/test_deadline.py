"""A deadline that is set for every step and hardly ever missed."""

from __future__ import annotations

import weakref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.deadline import Deadline


class DeadlineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.missed: list[float] = []
        self.deadline = Deadline(self.clock, lambda: self.missed.append(self.clock.seconds()))

    def pass_time(self, seconds: int) -> None:
        self.clock.pump([1.0] * seconds)

    def test_missed_once(self) -> None:
        self.deadline.set(5)
        self.pass_time(4)
        self.assertEqual((self.missed, self.deadline.active), ([], True))
        self.pass_time(20)
        self.assertEqual((self.missed, self.deadline.active), ([5.0], False))

    def test_the_last_setting_counts_whether_later_or_sooner(self) -> None:
        self.deadline.set(5)
        self.pass_time(3)
        self.deadline.set(5)
        self.pass_time(4)
        self.assertEqual(self.missed, [])
        self.pass_time(1)
        self.assertEqual(self.missed, [8.0])
        self.deadline.set(100)
        self.deadline.set(2)
        self.pass_time(2)
        self.assertEqual(self.missed, [8.0, 10.0])
        self.pass_time(200)
        self.assertEqual(self.missed, [8.0, 10.0])

    def test_setting_it_for_every_step_makes_no_calls(self) -> None:
        for _ in range(100):
            self.deadline.set(300)
            self.pass_time(1)
            self.deadline.rest()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_the_waits_of_a_short_session_take_one_call(self) -> None:
        """Shorter and longer ones: none of them moves the call under way."""
        self.deadline.set(300)
        [call] = self.clock.getDelayedCalls()
        for seconds in (600, 180, 10):
            self.deadline.set(seconds)
            self.assertEqual(self.clock.getDelayedCalls(), [call], seconds)

    def test_a_long_wait_is_woken_for_once(self) -> None:
        self.deadline.set(300)
        self.pass_time(299)
        self.assertEqual(self.missed, [])
        [call] = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime(), 300.0)
        self.pass_time(1)
        self.assertEqual(self.missed, [300.0])
        moments = []
        later = self.clock.callLater
        self.clock.callLater = lambda delay, *rest: (moments.append(delay), later(delay, *rest))[1]  # type: ignore[method-assign]
        self.deadline.set(300)
        self.pass_time(300)
        self.assertEqual((len(moments), sum(moments)), (2, 300.0))

    def test_at_rest_nothing_is_missed_until_it_is_set_again(self) -> None:
        self.deadline.set(5)
        self.deadline.rest()
        self.assertFalse(self.deadline.active)
        self.pass_time(20)
        self.assertEqual(self.missed, [])
        self.deadline.set(5)
        self.pass_time(5)
        self.assertEqual(self.missed, [25.0])

    def test_a_cleared_one_leaves_nothing_behind(self) -> None:
        self.deadline.set(5)
        self.deadline.clear()
        self.assertEqual((self.clock.getDelayedCalls(), self.deadline.active), ([], False))
        self.deadline.clear()
        self.deadline.set(5)
        self.pass_time(5)
        self.assertEqual(self.missed, [5.0])

    def test_set_anew_by_whoever_missed_it(self) -> None:
        again = Deadline(self.clock, lambda: (self.missed.append(self.clock.seconds()), again.set(3)))
        again.set(3)
        self.pass_time(9)
        self.assertEqual(self.missed, [3.0, 6.0, 9.0])

    def test_at_the_end_whoever_would_be_told_is_let_go(self) -> None:
        owner = set[str]()
        deadline, owned = Deadline(self.clock, owner.clear), weakref.ref(owner)
        deadline.set(5)
        deadline.end()
        del owner
        self.assertEqual((self.clock.getDelayedCalls(), owned()), ([], None))
