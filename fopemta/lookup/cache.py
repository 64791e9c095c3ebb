"""A cache of answers with expiry, in bounded memory (shell: the caller passes the time)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ExpiringCache(Generic[K, V]):
    """Entries with a total weight of at most `size`, by default 1 each; the least recently used goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._weight = 0
        self._entries: OrderedDict[K, tuple[float, V, int]] = OrderedDict()

    def get(self, key: K, now: float) -> V | None:
        """The value; None if absent or expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= now:
            self._weight -= self._entries.pop(key)[2]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: K, value: V, expires: float, weight: int = 1) -> None:
        """Store `value` until the time `expires`."""
        before = self._entries.pop(key, None)
        self._weight += weight - (before[2] if before is not None else 0)
        self._entries[key] = (expires, value, weight)
        while self._weight > self._size:
            _, (_, _, gone) = self._entries.popitem(last=False)
            self._weight -= gone

    def __len__(self) -> int:
        return len(self._entries)
