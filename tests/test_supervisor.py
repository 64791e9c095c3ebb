"""The supervisor when it cannot begin."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Log
from fopemta.supervisor import Supervisor
from tests.workers.test_commands import CONFIG


class Reactor:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[..., Any], *arguments: Any) -> None:
        self.done.append((phase, event, call, *arguments))

    def stop(self) -> None:
        self.done.append("stop")


class Broken(Supervisor):
    """One with a bug."""

    def _begin_all(self) -> None:
        raise RuntimeError("a bug")


class BeginTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = Reactor()
        self.supervisor = Broken("fopemta.toml", CONFIG, self.reactor, Log())

    def test_one_that_cannot_begin_ends_with_a_status_that_tells_so(self) -> None:
        self.supervisor.running = True
        self.supervisor._begin()
        self.assertEqual(self.reactor.done, [("after", "shutdown", os._exit, 1), "stop"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_one_that_was_stopped_before_does_not_begin(self) -> None:
        self.supervisor._begin()
        self.assertEqual(self.reactor.done, [])
