"""Loads that wait by destination (shell room, but no I/O): one in turn for each destination that may have it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

D = TypeVar("D", bound=Hashable)
L = TypeVar("L")


class Lane(Generic[D, L]):
    """First come, first served for one destination; among destinations each in its turn."""

    def __init__(self) -> None:
        self._waiting: dict[D, deque[L]] = {}
        # Destinations that may have had a place free when they were last asked about, in the order of their turn.
        self._turns: deque[D] = deque()
        self._in_turns: set[D] = set()

    def add(self, destination: D, load: L) -> None:
        """A load to be carried there."""
        self._waiting.setdefault(destination, deque()).append(load)
        self.offer(destination)

    def offer(self, destination: D) -> None:
        """It may have a place free again."""
        if destination in self._waiting and destination not in self._in_turns:
            self._turns.append(destination)
            self._in_turns.add(destination)

    def take(self, free: Callable[[D], bool]) -> tuple[D, L] | None:
        """The next load of a destination that is `free`.  One that is not has no turn again before it is offered."""
        while self._turns:
            destination = self._turns.popleft()
            self._in_turns.discard(destination)
            if destination in self._waiting and free(destination):
                queue = self._waiting[destination]
                load = queue.popleft()
                if not queue:
                    del self._waiting[destination]
                self.offer(destination)
                return destination, load
        return None

    def others(self, destination: D) -> bool:
        """Somebody else has a turn to come."""
        return len(self._in_turns) > (destination in self._in_turns)

    def empty(self, destination: D) -> list[L]:
        """Take out all its loads."""
        return list(self._waiting.pop(destination, ()))

    def loads(self) -> Iterator[L]:
        """All of them."""
        for loads in self._waiting.values():
            yield from loads

    def withdraw(self, unwanted: Callable[[L], bool]) -> list[L]:
        """Take out the loads that are `unwanted`, whatever their destination."""
        taken: list[L] = []
        for destination, loads in list(self._waiting.items()):
            out = [load for load in loads if unwanted(load)]
            if not out:
                continue
            taken += out
            left = deque(load for load in loads if not unwanted(load))
            if left:
                self._waiting[destination] = left
            else:
                del self._waiting[destination]
        return taken

    def waiting(self, destination: D) -> int:
        """How many loads it has here."""
        return len(self._waiting.get(destination, ()))

    @property
    def destinations(self) -> int:
        """How many destinations have loads here."""
        return len(self._waiting)
