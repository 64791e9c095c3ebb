"""Work that nobody waits for."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from fopemta.background import supervise


class SuperviseTests(SynchronousTestCase):
    def test_success_says_nothing(self) -> None:
        self.assertIsNone(self.successResultOf(supervise(succeed(7), "counting")))

    def test_failure_is_logged_and_ends_there(self) -> None:
        self.assertIsNone(self.successResultOf(supervise(fail(ZeroDivisionError("x")), "dividing")))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_coroutine_is_run(self) -> None:
        waiting: Deferred[int] = Deferred()
        seen: list[int] = []

        async def work() -> None:
            seen.append(await waiting)

        done = supervise(work(), "waiting")
        self.assertNoResult(done)
        waiting.callback(5)
        self.successResultOf(done)
        self.assertEqual(seen, [5])

    def test_cancellation_is_an_expected_end(self) -> None:
        waiting: Deferred[int] = Deferred()
        done = supervise(waiting, "waiting")
        waiting.cancel()
        self.successResultOf(done)
        self.assertEqual(self.flushLoggedErrors(), [])
