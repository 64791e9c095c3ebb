"""Messages that wait until their destination can take them (shell room, but no I/O): their ids, no more.

A destination that rests, or is slower than its mail comes, keeps its messages here and not in memory, where they would
take the room of others' mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Generic, TypeVar

D = TypeVar("D", bound=Hashable)


class Parked(Generic[D]):
    """Ids by destination, first come first.  One that was called is on its way until it has `arrived`."""

    def __init__(self) -> None:
        self._ids: dict[D, dict[str, None]] = {}
        self._called: dict[str, D] = {}
        self._coming: Counter[D] = Counter()

    def add(self, destination: D, message_id: str) -> None:
        """It waits for that destination."""
        self._ids.setdefault(destination, {})[message_id] = None

    def call(self, destination: D) -> str | None:
        """The id that waits longest, None when there is none."""
        ids = self._ids.get(destination)
        if not ids:
            return None
        message_id = next(iter(ids))
        del ids[message_id]
        if not ids:
            del self._ids[destination]
        return message_id

    def clear(self) -> list[str]:
        """Take out all ids, some perhaps twice."""
        taken, self._ids = self._ids, {}
        return [message_id for ids in taken.values() for message_id in ids]

    def comes(self, destination: D, message_id: str) -> None:
        """A called one is being read."""
        self._called[message_id] = destination
        self._coming[destination] += 1

    def arrived(self, message_id: str) -> D | None:
        """It has been read, or cannot be; gives who had called it, None for one that was not called."""
        destination = self._called.pop(message_id, None)
        if destination is not None:
            self._coming[destination] -= 1
            if not self._coming[destination]:
                del self._coming[destination]
        return destination

    def coming(self, destination: D) -> int:
        """How many of its messages are being read."""
        return self._coming[destination]

    def waiting(self, destination: D) -> int:
        """How many ids wait for it; some may be finished, or be waiting elsewhere, meanwhile."""
        return len(self._ids.get(destination, ()))
