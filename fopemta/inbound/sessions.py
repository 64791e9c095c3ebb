"""The sessions of one listener (shell): their limit, and their orderly end."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime


class AdmittedSession(Protocol):
    """The connection of an admitted client."""

    def shut_down(self) -> None:
        """Close, unless a message is being received; then after it."""

    def distrust(self) -> None:
        """Client certificates must be verified again: close if the session relies on one."""

    def abort(self, why: str) -> None:
        """Abort the connection."""


class Sessions:
    """The sessions of one listener; `clock` is steady."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.present: set[AdmittedSession] = set()
        # Set if the system allows fewer than the configuration.
        self.most: int | None = None
        # The spool is still being read: clients are asked to come again later.
        self.starting = False
        self.closing = False
        self._emptied: Deferred[None] | None = None

    def full(self, configured: int) -> bool:
        """Whether there are as many as `configured`, or as the system allows."""
        return len(self.present) >= (configured if self.most is None else min(configured, self.most))

    def joined(self, session: AdmittedSession) -> None:
        """A session has begun."""
        self.present.add(session)

    def left(self, session: AdmittedSession) -> None:
        """A session has ended."""
        self.present.discard(session)
        if not self.present and self._emptied is not None:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    def distrust(self) -> None:
        """End sessions that rely on a client's certificate, since the trusted roots have changed."""
        for session in tuple(self.present):
            session.distrust()

    def shut_down(self, deadline: float) -> Deferred[None]:
        """Close idle sessions, let messages being received complete, and abort what is left after `deadline` seconds.
        Fires when no session is left.
        """
        self.closing = True
        for session in tuple(self.present):
            session.shut_down()
        if not self.present:
            return succeed(None)
        self._emptied = Deferred()
        call = self._clock.callLater(deadline, self._cut_off)
        return self._emptied.addCallback(lambda _: call.cancel() if call.active() else None)

    def _cut_off(self) -> None:
        for session in tuple(self.present):
            session.abort("the server is shutting down")
