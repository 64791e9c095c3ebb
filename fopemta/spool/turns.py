"""Whose turn it is with a message (shell, reactor thread)."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred


class Turns:
    """One at a time for each message, in the order in which they came: outcomes and moves of the same message wait for
    each other.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Deferred[None]]] = {}
        # Those whose turn has come; whoever is given one may end it at once.
        self._next: deque[Deferred[None]] = deque()
        self._giving = False

    async def begin(self, message_id: str) -> None:
        """Wait for the turn."""
        if message_id in self._waiting:
            turn: Deferred[None] = Deferred()
            self._waiting[message_id].append(turn)
            await turn
        else:
            self._waiting[message_id] = deque()

    def end(self, message_id: str) -> None:
        """Give it to whoever has waited longest."""
        if waiting := self._waiting[message_id]:
            self._next.append(waiting.popleft())
            self._give()
        else:
            del self._waiting[message_id]

    def _give(self) -> None:
        """Not from within itself: thousands may wait, each of which ends its turn before this comes back."""
        if self._giving:
            return
        self._giving = True
        try:
            while self._next:
                self._next.popleft().callback(None)
        finally:
            self._giving = False

    def busy(self, message_id: str) -> bool:
        """Somebody has the turn."""
        return message_id in self._waiting
