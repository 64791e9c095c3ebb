"""A worker's duty: that it ends once, whoever says so first."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from fopemta.server.worker_duty import Worker


class Reactor:
    """Whether it is stopped counts from the first `stop`; it is `running` until all is closed."""

    def __init__(self) -> None:
        self.running = True
        self.stops = 0

    def stop(self) -> None:
        if self.stops:
            raise ReactorNotRunning("Can't stop reactor that isn't running.")
        self.stops += 1


class EndTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = Reactor()
        self.worker = Worker(self.reactor)

    def test_it_ends_once_however_often_it_is_told(self) -> None:
        self.worker.end()
        self.worker.end()
        self.assertEqual(self.reactor.stops, 1)

    def test_one_that_a_signal_ends_already_may_be_told_so(self) -> None:
        self.reactor.stop()
        self.worker.end()
        self.assertEqual(self.reactor.stops, 1)

    def test_after_all_is_closed_there_is_nothing_to_end(self) -> None:
        self.reactor.running = False
        self.worker.end()
        self.assertEqual(self.reactor.stops, 0)
