"""How long logins wait before they are looked at, at the supervisor (shell room): counted for all workers together, or
who guesses would have as many guesses more as there are workers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Protocol


class AnyLoginPace(Protocol):
    """See users.slowdown.Slowdown."""

    def begin(self, client: str, name: str) -> float | None:
        """Seconds to wait; None: not to be looked at."""

    def end(self, client: str) -> None:
        """The login that has begun is over, however."""

    def failed(self, client: str, name: str) -> int:
        """It failed; how often that has happened lately."""

    def succeeded(self, client: str, name: str) -> None:
        """It was good."""


class LoginPace:
    """Keeps to `pace`, and knows which worker's logins are under way: they end when it dies."""

    def __init__(self, pace: AnyLoginPace) -> None:
        self._pace = pace
        self._under_way: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def begin(self, worker: int, client: str, name: str) -> float | None:
        """See Pace."""
        seconds = self._pace.begin(client, name)
        if seconds is not None:
            self._under_way[worker][client] += 1
        return seconds

    def end(self, worker: int, client: str) -> None:
        """See Pace; nothing where none is under way."""
        under_way = self._under_way[worker]
        if under_way[client] > 0:
            under_way[client] -= 1
            self._pace.end(client)
        if not under_way[client]:
            del under_way[client]

    def failed(self, client: str, name: str) -> int:
        """See Pace."""
        return self._pace.failed(client, name)

    def succeeded(self, client: str, name: str) -> None:
        """See Pace."""
        self._pace.succeeded(client, name)

    def left(self, worker: int) -> None:
        """It has died."""
        for client in self._under_way.pop(worker, Counter()).elements():
            self._pace.end(client)
