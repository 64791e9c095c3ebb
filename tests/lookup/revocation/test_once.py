"""Work done once, however many wait."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.lookup.revocation.once import Once


class OnceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.once: Once[str, str] = Once("testing")
        self.started: list[Deferred[str]] = []

    def run_it(self, key: str = "a") -> Deferred[str]:
        def start() -> Deferred[str]:
            self.started.append(Deferred())
            return self.started[-1]

        return self.once.run(key, start)

    def test_is_started_once_at_a_time(self) -> None:
        first, second, other = self.run_it(), self.run_it(), self.run_it("b")
        self.assertEqual(len(self.started), 2)
        self.started[0].callback("done")
        self.assertEqual((self.successResultOf(first), self.successResultOf(second)), ("done", "done"))
        self.assertNoResult(other)
        self.run_it()
        self.assertEqual(len(self.started), 3)

    def test_goes_on_when_somebody_stops_waiting(self) -> None:
        first, second = self.run_it(), self.run_it()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.started[0].callback("done")
        self.assertEqual(self.successResultOf(second), "done")

    def test_goes_on_when_nobody_waits(self) -> None:
        first = self.run_it()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        late = self.run_it()
        self.assertEqual(len(self.started), 1)
        self.started[0].callback("done")
        self.assertEqual(self.successResultOf(late), "done")

    def test_failure_reaches_all_who_wait(self) -> None:
        first, second = self.run_it(), self.run_it()
        self.started[0].errback(ValueError())
        self.failureResultOf(first, ValueError)
        self.failureResultOf(second, ValueError)

    def test_failure_that_nobody_waits_for_is_logged(self) -> None:
        first = self.run_it()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.started[0].errback(ValueError())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_stop_gives_up(self) -> None:
        first, second = self.run_it(), self.run_it("b")
        self.once.stop()
        self.failureResultOf(first, CancelledError)
        self.failureResultOf(second, CancelledError)

    def test_what_ends_at_once(self) -> None:
        for _ in range(2):
            done: Deferred[str] = Deferred()
            done.callback("done")
            self.assertEqual(self.successResultOf(self.once.run("a", lambda done=done: done)), "done")
        self.once.stop()
