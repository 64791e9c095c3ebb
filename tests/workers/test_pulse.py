"""Questions that are answered, and those that are not."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.workers.pulse import INTERVAL, MOST_UNANSWERED, Pulse


class PulseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Deferred[dict[str, Any]]] = []
        self.silences = 0
        self.answer: Any = Deferred
        self.pulse = Pulse(self.clock, self.ask, self.silent)
        self.pulse.start()

    def ask(self) -> Deferred[dict[str, Any]]:
        self.asked.append(self.answer())
        return self.asked[-1]

    def silent(self) -> None:
        self.silences += 1

    def intervals(self, number: int) -> None:
        for _ in range(number):
            self.clock.advance(INTERVAL)

    def test_too_many_questions_in_a_row_without_an_answer_are_told_once(self) -> None:
        self.intervals(MOST_UNANSWERED)
        self.assertEqual((len(self.asked), self.silences), (MOST_UNANSWERED, 0))
        self.intervals(5)
        self.assertEqual((len(self.asked), self.silences), (MOST_UNANSWERED, 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_any_answer_will_do(self) -> None:
        for _ in range(10):
            self.intervals(MOST_UNANSWERED)
            self.asked[-2].callback({})
        self.assertEqual(self.silences, 0)

    def test_who_cannot_be_asked_has_not_answered(self) -> None:
        self.answer = lambda: fail(ConnectionLost())
        self.intervals(MOST_UNANSWERED + 1)
        self.assertEqual(self.silences, 1)

    def test_who_has_not_asked_for_long_does_not_miss_an_answer(self) -> None:
        self.answer = lambda: succeed({})
        self.clock.advance(100 * INTERVAL)
        self.assertEqual((len(self.asked), self.silences), (1, 0))

    def test_it_asks_no_more_when_it_is_stopped(self) -> None:
        self.pulse.stop()
        self.pulse.stop()
        self.intervals(10)
        self.assertEqual((self.asked, self.clock.getDelayedCalls()), ([], []))
