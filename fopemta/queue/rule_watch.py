"""Rules and exceptions that end soon, told of every day while the server runs (shell)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.policy.cautions import expiry_cautions

INTERVAL = 86_400.0


class RuleWatch:
    """`current` gives the configuration in force, `now` the wall time.  What there is at the start is told with all
    other cautions of the configuration, so the first look is a day later.
    """

    def __init__(self, clock: IReactorTime, now: Callable[[], float], current: Callable[[], Configuration]) -> None:
        self._clock = clock
        self._now = now
        self._current = current
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Begin."""
        self._call = self._clock.callLater(INTERVAL, self._look)

    def stop(self) -> None:
        """Look no more; harmless without `start`."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        self.start()
        book = self._current().rulebook
        for caution in expiry_cautions(book, self._now()) if book is not None else ():
            maillog.caution(caution.key, caution.message)
