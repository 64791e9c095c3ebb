"""How many connections stand that were opened on the way to each next hop (shell): where others count
them, too, a place at a destination is free only when its connection is gone; and a process has so many descriptors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fopemta.outbound.protocol import OutboundProtocol
from fopemta.routing.values import NextHop


class Connections:
    """`closed` is told of the next hop of each connection that ends.  `most` may have a descriptor at a time, those
    included that are being made and those in which we have said goodbye; None for as many as there are.
    """

    def __init__(self) -> None:
        self.most: int | None = None
        self.open = 0
        self.standing: Counter[NextHop] = Counter()
        self.leaving: Counter[NextHop] = Counter()
        self.closed: Callable[[NextHop], None] = lambda _: None

    def to(self, next_hop: NextHop) -> int:
        """How many stand, with those that we have said goodbye in."""
        return self.standing[next_hop]

    def ending(self, next_hop: NextHop) -> int:
        """In how many of them we have said goodbye."""
        return self.leaving[next_hop]

    @property
    def full(self) -> bool:
        """No other may be made."""
        return self.most is not None and self.open >= self.most

    def count(self, protocol: OutboundProtocol, next_hop: NextHop) -> Counted:
        """Count a connection that is about to be made, until it is gone."""
        counted = protocol.counted = Counted(self, next_hop)
        return counted


class Counted:
    """One connection."""

    def __init__(self, connections: Connections, next_hop: NextHop) -> None:
        self._connections = connections
        self._next_hop = next_hop
        self._stands = False
        self._leaves = False
        self._open = True
        connections.open += 1

    def failed(self) -> None:
        """It was never made."""
        self._closed()

    def _closed(self) -> None:
        self._connections.open -= self._open
        self._open = False

    def made(self) -> None:
        """It stands."""
        self._stands = True
        self._connections.standing[self._next_hop] += 1

    def left(self) -> None:
        """We have said goodbye."""
        if self._stands and not self._leaves:
            self._leaves = True
            self._connections.leaving[self._next_hop] += 1

    def lost(self) -> None:
        """It is gone."""
        connections, next_hop = self._connections, self._next_hop
        self._closed()
        if self._stands:
            self._stands = False
            _less(connections.standing, next_hop)
            if self._leaves:
                _less(connections.leaving, next_hop)
            connections.closed(next_hop)


def _less(counter: Counter[NextHop], next_hop: NextHop) -> None:
    counter[next_hop] -= 1
    if not counter[next_hop]:
        del counter[next_hop]
