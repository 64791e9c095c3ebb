"""Sessions that stand and wait for the next message to the same destination (shell).

The key is the destination and the whole TLS plan: a message never rides a session that was proven for less than its
own plan demands, nor one that was opened for another domain's sake.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from twisted.internet.interfaces import IReactorTime

from fopemta.deadline import Deadline
from fopemta.mail.address import Mailbox
from fopemta.outbound.findings import Session
from fopemta.outbound.protocol import OutboundProtocol
from fopemta.routing.values import NextHop
from fopemta.trust.plan import TlsPlan

# RFC 5321 4.5.3.2 lets a server wait five minutes; keeping his place for long without need is no courtesy.
IDLE = 3.0


@attrs.frozen
class Key:
    """What two messages must have in common to share a session."""

    next_hop: NextHop
    plan: TlsPlan


@attrs.define(eq=False)
class Standing:
    """A session, what its TLS proved, how many messages it has carried, and to which domains."""

    protocol: OutboundProtocol
    session: Session
    messages: int = 0
    domains: set[str] = attrs.Factory(set)

    def book(self, waiting: Iterable[Mailbox]) -> list[Mailbox]:
        """Of `waiting`, whom the next transaction can have by the server's limits (RFC 9422): they count as had.

        Empty when a transaction more, or another domain, would be too many.
        """
        offer, booked = self.session.offer, list[Mailbox]()
        if 0 < offer.messages <= self.messages:
            return booked
        for each in waiting:
            if 0 < offer.recipients <= len(booked):
                break
            if each.domain in self.domains or not 0 < offer.domains <= len(self.domains):
                self.domains.add(each.domain)
                booked.append(each)
        self.messages += 1 if booked else 0
        return booked


class Pool:
    """Keeps sessions for a few seconds each."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: dict[Key, list[tuple[Standing, Deadline]]] = {}

    def take(self, key: Key) -> Standing | None:
        """The session used last, None when none stands."""
        waiting = self._waiting.get(key, [])
        while waiting:
            standing, deadline = waiting.pop()
            deadline.clear()
            if not waiting:
                del self._waiting[key]
            if standing.protocol.usable:
                return standing
        return None

    def put(self, key: Key, standing: Standing) -> None:
        """Keep a session that has nothing to do."""
        deadline = Deadline(self._clock, lambda: self._expired(key, standing))
        self._waiting.setdefault(key, []).append((standing, deadline))
        deadline.set(IDLE)

    def close(self) -> None:
        """Say goodbye to all."""
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            for standing, deadline in each:
                deadline.clear()
                standing.protocol.quit()

    def _expired(self, key: Key, standing: Standing) -> None:
        left = [each for each in self._waiting.get(key, []) if each[0] is not standing]
        if left:
            self._waiting[key] = left
        else:
            self._waiting.pop(key, None)
        standing.protocol.quit()
