"""Logins that wait, counted for all workers together."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta.workers.login_pace import LoginPace


class ScriptedPace:
    """See login_pace.Pace: has each login wait for `seconds`, and notes what it is told."""

    def __init__(self) -> None:
        self.seconds: float | None = 1.0
        self.done: list[Any] = []

    def begin(self, client: str, name: str) -> float | None:
        self.done.append(("begin", client, name))
        return self.seconds

    def end(self, client: str) -> None:
        self.done.append(("end", client))

    def failed(self, client: str, name: str) -> int:
        self.done.append(("failed", client, name))
        return 6

    def succeeded(self, client: str, name: str) -> None:
        self.done.append(("succeeded", client, name))


class LoginPaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.counted = ScriptedPace()
        self.pace = LoginPace(self.counted)

    def done(self) -> list[Any]:
        done = list(self.counted.done)
        self.counted.done.clear()
        return done

    def test_all_is_counted_together(self) -> None:
        found = [self.pace.begin(1, "a", "bob"), self.pace.begin(2, "a", "bob"), self.pace.failed("a", "bob")]
        self.pace.succeeded("a", "bob")
        self.pace.end(2, "a")
        self.pace.end(1, "a")
        self.assertEqual(found, [1.0, 1.0, 6])
        names = [each[0] for each in self.done()]
        self.assertEqual(names, ["begin", "begin", "failed", "succeeded", "end", "end"])
        self.assertEqual(dict(self.pace._under_way), {1: {}, 2: {}})

    def test_one_that_has_not_begun_does_not_end(self) -> None:
        self.counted.seconds = None
        self.assertIsNone(self.pace.begin(1, "a", "bob"))
        self.done()
        self.pace.end(1, "a")
        self.pace.end(2, "b")
        self.assertEqual(self.done(), [])

    def test_those_of_a_worker_that_dies_end(self) -> None:
        for worker, client in ((1, "a"), (1, "a"), (1, "b"), (2, "a")):
            self.pace.begin(worker, client, "bob")
        self.done()
        self.pace.left(1)
        self.assertEqual(sorted(self.done()), [("end", "a"), ("end", "a"), ("end", "b")])
        self.pace.left(1)
        self.assertEqual(self.done(), [])
