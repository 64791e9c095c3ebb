"""Work that is done again and again while the server runs (shell)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Repeated:
    """`work`, every `interval` seconds from `start` on, whatever comes of it."""

    def __init__(self, clock: IReactorTime, interval: float, work: Callable[[], None]) -> None:
        self._clock = clock
        self._interval = interval
        self._work = work
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Begin: the first time is an interval from now."""
        self._call = self._clock.callLater(self._interval, self._again)

    def stop(self) -> None:
        """Do it no more; harmless without `start`."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _again(self) -> None:
        self.start()
        self._work()
