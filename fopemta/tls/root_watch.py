"""Watch the trusted roots (shell): a change takes effect without a restart or a reload.

An authority removed from a file is no longer trusted, and neither is what depends on it: sessions, their tickets, open
connections.  A change is picked up once the files were unchanged for one interval, since some are written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.background import supervise
from fopemta.tls.root_certificates import look_at
from fopemta.tls.roots import RootsError

# Seconds between two looks.
INTERVAL = 15.0


class RootsWatch:
    """`places` gives the configured roots ("system", files, folders); `used` those that were read besides, each as it
    looked then: demands stored with mail may name roots that the configuration does not.  `read` reads all of them
    again and ends what depends on the old ones.  It raises RootsError if they cannot be read; then no authority is
    trusted.
    The system's roots are hundreds of files, so they are looked at by `in_thread`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        places: Callable[[], Iterable[str]],
        read: Callable[[], object],
        used: Callable[[], Mapping[str, object]] = dict,
        in_thread: Callable[..., Deferred[Any]] = maybeDeferred,
    ) -> None:
        self._clock = clock
        self._places = places
        self._read = read
        self._used = used
        self._in_thread = in_thread
        self._seen: _Look | None = None
        self._taken: object = None
        self._call: IDelayedCall | None = None
        self._running = False

    def start(self) -> None:
        """Start watching; the present files count as read."""
        self._running = True
        self._seen = _looked(tuple(self._places()), ())
        self._taken = self._seen[0]
        self._call = self._clock.callLater(INTERVAL, self._again)

    def stop(self) -> None:
        """Stop watching."""
        self._running = False
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _again(self) -> None:
        supervise(self._look(), "looking at roots")

    async def _look(self) -> None:
        used = dict(self._used())
        try:
            look: _Look = await self._in_thread(_looked, tuple(self._places()), tuple(used))
        finally:
            if self._running:
                self._call = self._clock.callLater(INTERVAL, self._again)
        if self._running:
            self._compare(look, used)

    def _compare(self, look: _Look, used: Mapping[str, object]) -> None:
        settled, self._seen = look == self._seen, look
        configured, now = look
        if not settled or (configured == self._taken and now == tuple(used.items())):
            return
        self._taken = configured
        try:
            self._read()
        except RootsError as error:
            maillog.roots_refused(str(error))
        else:
            maillog.reloaded("roots")


# How the configured roots look, and those that are used besides.
_Look: TypeAlias = tuple[tuple[tuple[str, object], ...], tuple[tuple[str, object], ...]]


def _looked(places: tuple[str, ...], used: tuple[str, ...]) -> _Look:
    configured = tuple((place, look_at(place)) for place in dict.fromkeys(places))
    return configured, tuple((place, look_at(place)) for place in used)
