"""Signals that come twice."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta.server.signals import Signals


class Reactor:
    """Calls at once what is to be called when it runs, or from elsewhere."""

    def callWhenRunning(self, what: Callable[[], Any]) -> None:
        what()

    def callFromThread(self, what: Callable[[], Any]) -> None:
        what()


class SignalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.heard: list[str] = []
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.signal(number, lambda *_: self.heard.append("twisted stops")))

    def test_two_at_once_stop_it_once(self) -> None:
        signals = Signals(Reactor())
        signals.while_it_runs(lambda: self.heard.append("reload"))
        for each in (signal.SIGHUP, signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(each)
        self.assertEqual(self.heard, ["reload", "twisted stops"])
        signals.while_it_stops(lambda: self.heard.append("told"))
        for each in (signal.SIGHUP, signal.SIGTERM):
            signal.raise_signal(each)
        self.assertEqual(self.heard[2:], ["told"])
        signals.end()
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.heard[3:], ["twisted stops"])
