"""Rules and exceptions that end soon, told of every day while the server runs (shell)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.policy.cautions import expiry_cautions
from fopemta.queue.repeated import Repeated

INTERVAL = 86_400.0


class RuleWatch(Repeated):
    """`current` gives the configuration in force, `now` the wall time.  What there is at the start is told with all
    other cautions of the configuration, so the first look is a day later.
    """

    def __init__(self, clock: IReactorTime, now: Callable[[], float], current: Callable[[], Configuration]) -> None:
        super().__init__(clock, INTERVAL, self._look)
        self._now = now
        self._current = current

    def _look(self) -> None:
        book = self._current().rulebook
        for caution in expiry_cautions(book, self._now()) if book is not None else ():
            maillog.caution(caution.key, caution.message)
