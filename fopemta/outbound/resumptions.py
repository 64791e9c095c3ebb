"""TLS sessions that may be resumed, each with the evidence of its full handshake (shell).

Nothing is verified in a resumption: the stored evidence is judged again each time, by the present time, revocation,
pins and roots.  A session without it is never offered.
"""

from __future__ import annotations

from collections import OrderedDict

from fopemta.attempt.cursor import Step
from fopemta.interfaces import Resumable
from fopemta.outbound.pool import SessionPlace
from fopemta.trust.plan import TlsPlan
from fopemta.trust.rungs import Hello, Rung

# RFC 8446 4.6.1 lets a ticket live for a week; changes at the server should be noticed sooner.
LONGEST = 2 * 3600.0
MOST = 1000
# A server that failed with its own ticket is offered none for this long, or every other connection would fail.
REFUSED = 86_400.0

Key = tuple[SessionPlace, Rung, Hello]


class Resumptions:
    """By server, plan, rung and hello: a session made under others of these is never offered."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[float, Resumable]] = OrderedDict()
        self._failed: OrderedDict[tuple[str, int], float] = OrderedDict()

    def take(self, step: Step, plan: TlsPlan, now: float) -> Resumable | None:
        """Take the session to offer for `step`: a ticket of TLS 1.3 is for one use (RFC 8446 C.4)."""
        at, found = self._kept.pop(_key(step, plan), (0.0, None))
        return found if found is not None and at <= now < at + LONGEST else None

    def keep(self, step: Step, plan: TlsPlan, resumable: Resumable, since: float) -> None:
        """Store a session for the next connection.  `since` is the time of its full handshake, in seconds of a steady
        clock.
        """
        failed = self._failed.get(_server(step))
        if failed is not None and since < failed + REFUSED:
            return
        key = _key(step, plan)
        self._kept.pop(key, None)
        self._kept[key] = (since, resumable)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def failed(self, step: Step, now: float) -> None:
        """The handshake in which a session was offered has failed."""
        self._failed.pop(_server(step), None)
        self._failed[_server(step)] = now
        while len(self._failed) > MOST:
            self._failed.popitem(last=False)

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()
        self._failed.clear()


def _key(step: Step, plan: TlsPlan) -> Key:
    return SessionPlace(step.host.name, step.address, step.host.port, plan), step.rung, step.hello


def _server(step: Step) -> tuple[str, int]:
    return step.address, step.host.port
