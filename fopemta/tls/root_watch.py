"""Watch the trusted roots (shell): a change takes effect without a restart or a reload.

An authority removed from a file is no longer trusted, and neither is what depends on it: sessions, their tickets, open
connections.  A change is picked up once the files were unchanged for one interval, since some are written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.tls.root_certificates import look_at
from fopemta.tls.roots import RootsError

# Seconds between two looks.
INTERVAL = 15.0


class RootsWatch:
    """`places` gives the configured roots ("system", files, folders); `read` reads them again and ends what depends on
    the old ones.  It raises RootsError if they cannot be read; then no authority is trusted.
    """

    def __init__(self, clock: IReactorTime, places: Callable[[], Iterable[str]], read: Callable[[], object]) -> None:
        self._clock = clock
        self._places = places
        self._read = read
        self._seen: object = None
        self._taken: object = None
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Start watching; the present files count as read."""
        self._seen = self._taken = self._look()
        self._call = self._clock.callLater(INTERVAL, self._again)

    def stop(self) -> None:
        """Stop watching."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _again(self) -> None:
        self._call = self._clock.callLater(INTERVAL, self._again)
        look = self._look()
        settled, self._seen = look == self._seen, look
        if not settled or look == self._taken:
            return
        self._taken = look
        try:
            self._read()
        except RootsError as error:
            maillog.roots_refused(str(error))
        else:
            maillog.reloaded("roots")

    def _look(self) -> object:
        return tuple((place, look_at(place)) for place in dict.fromkeys(self._places()))
