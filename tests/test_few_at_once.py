"""A few calls at once in threads, and the others in line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.few_at_once import FewAtOnce


class FewAtOnceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.running: list[tuple[str, Deferred[Any]]] = []
        self.few = FewAtOnce(self._in_thread, 2)

    def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self.running.append((call(*arguments), answer))
        return answer

    def _names(self) -> list[str]:
        return [name for name, _ in self.running]

    def test_two_run_and_the_third_waits_in_line(self) -> None:
        answers = [self.few(str.upper, name) for name in "abcd"]
        self.assertEqual(self._names(), ["A", "B"])
        self.running[1][1].callback(2)
        self.assertEqual(self.successResultOf(answers[1]), 2)
        self.assertEqual(self._names(), ["A", "B", "C"])
        self.assertNoResult(answers[0])
        self.running[0][1].callback(1)
        self.assertEqual(self._names(), ["A", "B", "C", "D"])

    def test_one_that_fails_makes_room_too(self) -> None:
        answers = [self.few(str.upper, name) for name in "abc"]
        self.running[0][1].errback(ValueError("no"))
        self.failureResultOf(answers[0], ValueError)
        self.assertEqual(self._names(), ["A", "B", "C"])
