"""Watching the roots that decide whom we trust (shell): what changes there counts without a restart or a reload.

An authority that is taken out of a file is trusted no more, and neither is what rests on it: sessions, their tickets,
connections that stand.  A change is taken up once the files have stood still for one look, for some are written over
in place.
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
    """`places` gives the roots that are configured now ("system", files, folders); `read` reads them anew and ends what
    rests on what was read before.  It raises RootsError where it cannot read them, and nobody is trusted then.
    """

    def __init__(self, clock: IReactorTime, places: Callable[[], Iterable[str]], read: Callable[[], object]) -> None:
        self._clock = clock
        self._places = places
        self._read = read
        self._seen: object = None
        self._taken: object = None
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """What the files are now is what has been read."""
        self._seen = self._taken = self._look()
        self._call = self._clock.callLater(INTERVAL, self._again)

    def stop(self) -> None:
        """Look no more."""
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
