"""Count the open connections to each next hop (shell): with several processes, a place at a destination is free only
when its connection is gone; and a process has a limited number of descriptors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fopemta.outbound.protocol import OutboundProtocol
from fopemta.routing.values import NextHop


class Connections:
    """`closed` is called with the next hop of each connection that ends.  `most` is the limit of simultaneous ones,
    including those being made and those after QUIT; None for no limit.
    """

    def __init__(self) -> None:
        self.most: int | None = None
        self.open = 0
        self.standing: Counter[NextHop] = Counter()
        self.leaving: Counter[NextHop] = Counter()
        self.closed: Callable[[NextHop], None] = lambda _: None

    def to(self, next_hop: NextHop) -> int:
        """How many are open, including those after QUIT."""
        return self.standing[next_hop]

    def ending(self, next_hop: NextHop) -> int:
        """How many of them are after QUIT."""
        return self.leaving[next_hop]

    @property
    def full(self) -> bool:
        """Whether no further connection may be made."""
        return self.most is not None and self.open >= self.most

    def count(self, protocol: OutboundProtocol, next_hop: NextHop) -> CountedConnection:
        """Count a connection that is about to be made, until it is closed."""
        counted = protocol.counted = CountedConnection(self, next_hop)
        return counted


class CountedConnection:
    """One connection."""

    def __init__(self, connections: Connections, next_hop: NextHop) -> None:
        self._connections = connections
        self._next_hop = next_hop
        self._stands = False
        self._leaves = False
        self._open = True
        connections.open += 1

    def failed(self) -> None:
        """It could not be made."""
        self._closed()

    def _closed(self) -> None:
        self._connections.open -= self._open
        self._open = False

    def made(self) -> None:
        """It is established."""
        self._stands = True
        self._connections.standing[self._next_hop] += 1

    def left(self) -> None:
        """QUIT was sent."""
        if self._stands and not self._leaves:
            self._leaves = True
            self._connections.leaving[self._next_hop] += 1

    def lost(self) -> None:
        """It is closed."""
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
