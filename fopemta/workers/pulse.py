"""Whether a worker still does anything (shell room): asked now and then, and missed when it says nothing for long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

# Seconds between two questions, and how many in a row may be without an answer.
INTERVAL = 10.0
MOST_UNANSWERED = 6


class Pulse:
    """`ask` puts the question, `silent` is called when too many have had no answer.

    Questions are counted and not seconds: who has stood still himself finds one of his questions unanswered, not many.
    """

    def __init__(
        self, clock: IReactorTime, ask: Callable[[], Deferred[dict[str, Any]]], silent: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._silent = silent
        self._unanswered = 0
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Ask from now on."""
        self._call = self._clock.callLater(INTERVAL, self._feel)

    def stop(self) -> None:
        """Ask no more; harmless without `start`."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _feel(self) -> None:
        self._call = None
        if self._unanswered >= MOST_UNANSWERED:
            self._silent()
            return
        self._unanswered += 1
        # A question that fails has a link that is closed, which is noticed elsewhere.
        self._ask().addCallbacks(self._felt, lambda _: None)
        self.start()

    def _felt(self, _answer: dict[str, Any]) -> None:
        self._unanswered = 0
