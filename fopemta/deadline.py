"""The one deadline of a connection (shell): set again for each wait, cleared when nothing is waited for."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Deadline:
    """Calls `missed` when the time set last is over.  Setting it again is cheap: the call under way is moved."""

    def __init__(self, clock: IReactorTime, missed: Callable[[], object]) -> None:
        self._clock = clock
        self._missed = missed
        self._call: IDelayedCall | None = None

    def set(self, seconds: float) -> None:
        """The wait ends in `seconds` from now."""
        if self._call is not None and self._call.active():
            self._call.reset(seconds)
        else:
            self._call = self._clock.callLater(seconds, self._missed)

    @property
    def active(self) -> bool:
        """Something is waited for."""
        return self._call is not None and self._call.active()

    def clear(self) -> None:
        """Nothing is waited for."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
