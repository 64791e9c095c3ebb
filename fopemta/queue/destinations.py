"""Fair shares among destinations (shell room, but no I/O): a slow one holds up no other."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

D = TypeVar("D", bound=Hashable)
L = TypeVar("L")


class Destinations(Generic[D, L]):
    """Loads wait by destination; `take` goes round among those that have a free place.

    `places` in all and `places_each` for one destination.
    """

    def __init__(self, places: int, places_each: int) -> None:
        self._places = places
        self._places_each = places_each
        self._waiting: dict[D, deque[L]] = {}
        self._busy: dict[D, int] = {}
        # Destinations with a load waiting and a place free, in the order of their turn.
        self._turns: deque[D] = deque()
        self._in_turns: set[D] = set()
        self.running = 0
        self.waiting = 0

    def add(self, destination: D, load: L) -> None:
        """A load to be carried there."""
        self._waiting.setdefault(destination, deque()).append(load)
        self.waiting += 1
        self._give_turn(destination)

    def take(self) -> tuple[D, L] | None:
        """The next load to start, None when none may.  Its place is taken until `done`."""
        if self.running >= self._places or not self._turns:
            return None
        destination = self._turns.popleft()
        self._in_turns.discard(destination)
        queue = self._waiting[destination]
        load = queue.popleft()
        if not queue:
            del self._waiting[destination]
        self._busy[destination] = self._busy.get(destination, 0) + 1
        self.running += 1
        self.waiting -= 1
        self._give_turn(destination)
        return destination, load

    def done(self, destination: D) -> None:
        """A load has been carried; its place is free."""
        self.running -= 1
        self._busy[destination] -= 1
        if not self._busy[destination]:
            del self._busy[destination]
        self._give_turn(destination)

    def _give_turn(self, destination: D) -> None:
        free = self._busy.get(destination, 0) < self._places_each
        if free and destination in self._waiting and destination not in self._in_turns:
            self._turns.append(destination)
            self._in_turns.add(destination)
