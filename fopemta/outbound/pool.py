"""Sessions that stand and wait for the next message to the same server (shell).

The key is the server, by address and by name, and the whole TLS plan: a message never rides a session that was proven
for less than its own plan demands, nor for another name.  Domains of one provider share sessions.
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

# RFC 5321 4.5.3.2 lets a server wait five minutes; keeping his place for long without need is no courtesy.
IDLE = 3.0


@attrs.frozen
class Place:
    """What two messages must have in common to share a session: `name` is what the certificate is judged by, the
    address itself where it is None.
    """

    name: str | None
    address: str
    port: int
    plan: TlsPlan

    @property
    def server(self) -> tuple[str, int]:
        """Its addresses are all the same to us."""
        return self.name or self.address, self.port

    @classmethod
    def all_of(cls, hosts: Sequence[Host], plan: TlsPlan) -> list[Place]:
        """In the order of `hosts` and of their addresses."""
        return [cls(host.name, address, host.port, plan) for host in hosts for address in host.addresses]


@attrs.define(eq=False)
class Standing:
    """A session, what its TLS proved, how many messages it has carried, and to which domains.

    It was opened on the way to `next_hop`; `greeted_by` is what the server calls itself.  `judged_at`: when its
    certificate was judged for a message that rode it, in seconds of a steady clock.
    """

    protocol: OutboundProtocol
    session: Session
    next_hop: NextHop
    greeted_by: str = ""
    messages: int = 0
    judged_at: float = -math.inf
    domains: set[str] = attrs.Factory(set)
    # When the full handshake was whose session this one has resumed.
    resumed_since: float | None = None
    # What `Pool.era` was when the connection was made.
    era: int = 0

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
        # Counts how often all that stood has been given up: what was opened before must not come back.
        self.era = 0
        # So many are kept; None for as many as come.
        self.most: int | None = None
        # Each with the moment when its time is over; all have the same time, so one deadline does for them.
        self._waiting: dict[Place, list[tuple[Standing, float]]] = {}
        self._sweep = Deadline(clock, self._send_away)

    def take(self, places: Sequence[Place], next_hop: NextHop) -> Standing | None:
        """A session at one of `places`, the best of them first; None when none stands.

        Any at the best host; at another only one that was opened on the way to `next_hop`: where one domain is at home
        may be another's last resort.
        """
        for place in places:
            best = place.server == places[0].server
            for standing in [each for each, _ in reversed(self._waiting.get(place, ()))]:
                if best or standing.next_hop == next_hop:
                    self._forget(place, standing)
                    if standing.protocol.usable:
                        return standing
        return None

    def put(self, place: Place, standing: Standing) -> None:
        """Keep a session that has nothing to do, unless it was opened before all were given up."""
        if standing.era != self.era:
            standing.protocol.quit()
            return
        while self.most is not None and sum(map(len, self._waiting.values())) >= max(self.most, 1):
            self.make_room()
        self._waiting.setdefault(place, []).append((standing, self._clock.seconds() + IDLE))
        if not self._sweep.active:
            self._sweep.set(IDLE)

    def make_room(self) -> None:
        """Say goodbye in the one that has waited longest; nothing where none does."""
        oldest = min(
            ((over, place, each) for place, waiting in self._waiting.items() for each, over in waiting),
            key=lambda found: found[0],
            default=None,
        )
        if oldest is not None:
            self._expired(*oldest[1:])

    def leave(self, next_hop: NextHop) -> None:
        """Say goodbye in those that were opened on the way there."""
        for place, waiting in list(self._waiting.items()):
            for standing in [each for each, _ in waiting if each.next_hop == next_hop]:
                self._expired(place, standing)

    def close(self) -> None:
        """Say goodbye to all, and later to those that are busy."""
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

    def _expired(self, place: Place, standing: Standing) -> None:
        self._forget(place, standing)
        standing.protocol.quit()

    def _forget(self, place: Place, standing: Standing) -> None:
        left = [(each, over) for each, over in self._waiting.pop(place, ()) if each is not standing]
        if left:
            self._waiting[place] = left
