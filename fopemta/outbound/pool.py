"""Idle sessions that wait for the next message to the same server (shell).

The key is the server, by address and by name, and the whole TLS plan: a message never uses a session that was
authenticated for less than its own plan demands, or for another name.  Domains of one provider share sessions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import attrs
from twisted.internet.interfaces import IReactorTime

from fopemta.address.mailbox import Mailbox
from fopemta.attempt.findings import Session
from fopemta.deadline import Deadline
from fopemta.outbound.protocol import OutboundProtocol
from fopemta.routing.values import Host, NextHop
from fopemta.trust.plan import TlsPlan

# RFC 5321 4.5.3.2 makes a server wait five minutes; it would be impolite to occupy it that long.
IDLE = 3.0


@attrs.frozen
class SessionPlace:
    """What two messages must have in common to share a session: the certificate is judged by `name`, or by the address
    if it is None.
    """

    name: str | None
    address: str
    port: int
    plan: TlsPlan

    @property
    def server(self) -> tuple[str, int]:
        """The server; all its addresses are equivalent."""
        return self.name or self.address, self.port

    @classmethod
    def all_of(cls, hosts: Sequence[Host], plan: TlsPlan) -> list[SessionPlace]:
        """The places in the order of `hosts` and of their addresses."""
        return [cls(host.name, address, host.port, plan) for host in hosts for address in host.addresses]


@attrs.define(eq=False)
class StandingSession:
    """A session, what its TLS proved, how many messages it has carried, and to which domains.

    It was opened for `next_hop`; `greeted_by` is the server's name for itself.  `judged_at`: when its certificate was
    last judged for a message, in seconds of a steady clock.
    """

    protocol: OutboundProtocol
    session: Session
    next_hop: NextHop
    greeted_by: str = ""
    messages: int = 0
    judged_at: float = -math.inf
    domains: set[str] = attrs.Factory(set)
    # The time of the full handshake that this session has resumed.
    resumed_since: float | None = None
    # `Pool.era` when the connection was made.
    era: int = 0

    def book(self, waiting: Iterable[Mailbox]) -> list[Mailbox]:
        """The recipients of `waiting` that the next transaction can take within the server's limits (RFC 9422); they
        are counted.

        Empty if another transaction, or another domain, would exceed a limit.
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
    """Keeps idle sessions open for a few seconds each."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # Incremented when all sessions are given up: older connections must not be kept.
        self.era = 0
        # The most that are kept; None for no limit.
        self.most: int | None = None
        # Each with its expiry; all have the same timeout, so one timer is enough.
        self._waiting: dict[SessionPlace, list[tuple[StandingSession, float]]] = {}
        self._sweep = Deadline(clock, self._send_away)

    def take(self, places: Sequence[SessionPlace], next_hop: NextHop) -> StandingSession | None:
        """A session at one of `places`, the best of them first; None if there is none.

        Any at the best host; at another only one that was opened for `next_hop`: one domain's primary host may be
        another's last resort.
        """
        for place in places:
            best = place.server == places[0].server
            for standing in [each for each, _ in reversed(self._waiting.get(place, ()))]:
                if best or standing.next_hop == next_hop:
                    self._forget(place, standing)
                    if standing.protocol.usable:
                        return standing
        return None

    def put(self, place: SessionPlace, standing: StandingSession) -> None:
        """Keep an idle session, unless it was opened before all were given up."""
        if standing.era != self.era:
            standing.protocol.quit()
            return
        while self.most is not None and sum(map(len, self._waiting.values())) >= max(self.most, 1):
            self.make_room()
        self._waiting.setdefault(place, []).append((standing, self._clock.seconds() + IDLE))
        if not self._sweep.active:
            self._sweep.set(IDLE)

    def make_room(self) -> None:
        """Send QUIT in the session that has been idle longest, if there is one."""
        oldest = min(
            ((over, place, each) for place, waiting in self._waiting.items() for each, over in waiting),
            key=lambda found: found[0],
            default=None,
        )
        if oldest is not None:
            self._expired(*oldest[1:])

    def leave(self, next_hop: NextHop) -> None:
        """Send QUIT in those that were opened for that next hop."""
        for place, waiting in list(self._waiting.items()):
            for standing in [each for each, _ in waiting if each.next_hop == next_hop]:
                self._expired(place, standing)

    def close(self) -> None:
        """Send QUIT in all, and later in those that are busy."""
        self.era += 1
        waiting, self._waiting = self._waiting, {}
        self._sweep.clear()
        for each in waiting.values():
            for standing, _ in each:
                standing.protocol.quit()

    def _send_away(self) -> None:
        now = self._clock.seconds()
        for place, waiting in list(self._waiting.items()):
            for standing in [each for each, over in waiting if over <= now]:
                self._expired(place, standing)
        moments = [over for waiting in self._waiting.values() for _, over in waiting]
        if moments:
            self._sweep.set(min(moments) - now)

    def _expired(self, place: SessionPlace, standing: StandingSession) -> None:
        self._forget(place, standing)
        standing.protocol.quit()

    def _forget(self, place: SessionPlace, standing: StandingSession) -> None:
        left = [(each, over) for each, over in self._waiting.pop(place, ()) if each is not standing]
        if left:
            self._waiting[place] = left
