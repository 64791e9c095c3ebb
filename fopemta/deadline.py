"""The deadline of a connection (shell): set again for each wait, cleared when nothing is awaited."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

# Seconds.  Most sessions are over by then: a first call that comes so soon need not be moved for a shorter wait; for a
# longer one it is made again.
_SOON = 10.0


class Deadline:
    """Calls `missed` when the time last set is over.

    A session sets it for every step and hardly ever misses one, so setting it is cheap: the scheduled call stays where
    it is, and checks when it comes whether the deadline has moved.
    """

    def __init__(self, clock: IReactorTime, missed: Callable[[], object]) -> None:
        self._clock = clock
        self._missed = missed
        self._call: IDelayedCall | None = None
        # When the scheduled call comes, and when the wait ends (None: nothing is awaited), in seconds of the clock.
        self._comes = 0.0
        self._end: float | None = None

    def set(self, seconds: float) -> None:
        """The wait ends in `seconds` from now."""
        now = self._clock.seconds()
        self._end = end = now + seconds
        if self._call is None:
            first = min(seconds, _SOON)
            self._call_at(now + first, first)
        elif end < self._comes:
            self._call.cancel()
            self._call_at(end, seconds)

    @property
    def active(self) -> bool:
        """Whether something is awaited."""
        return self._end is not None

    def rest(self) -> None:
        """Nothing is awaited, but the deadline will soon be set again."""
        self._end = None

    def clear(self) -> None:
        """Nothing is awaited any more."""
        self._end = None
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def end(self) -> None:
        """The deadline will not be used again.  Drops the callback, to break a reference cycle."""
        self.clear()
        self._missed = _nobody

    def _call_at(self, moment: float, seconds: float) -> None:
        self._comes = moment
        self._call = self._clock.callLater(seconds, self._come)

    def _come(self) -> None:
        self._call = None
        if self._end is None:
            return
        left = self._end - self._clock.seconds()
        if left > 0:
            self._call_at(self._end, left)
        else:
            self._end = None
            self._missed()


def _nobody() -> None:
    """Takes the place of the callback."""
