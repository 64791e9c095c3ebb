"""What the spool holds, in memory (shell, reactor thread): a few hundred octets a message, never its content."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import attrs
from twisted.internet.defer import Deferred

from fopemta.spool.kept_briefs import KeptBriefs
from fopemta.spool.segment import Position
from fopemta.trust.verdict import VerdictRecord


@attrs.define(eq=False)
class LoggedEntry:
    """A message in the intake log, `since` a moment of the steady clock.  `separate`: its content is in `bodies/`.
    `verdicts` so far, oldest first.
    """

    position: Position
    since: float
    separate: bool
    verdicts: list[VerdictRecord] = attrs.Factory(list)


@attrs.define(eq=False)
class Catalog:
    """Which message lies where.  `logged` is in order of arrival; `deferred` holds briefs, so that a list of 100,000
    need not read their files.
    """

    logged: dict[str, LoggedEntry]
    deferred: KeptBriefs

    def __contains__(self, message_id: str) -> bool:
        return message_id in self.logged or message_id in self.deferred

    def add(self, message_id: str, entry: LoggedEntry) -> None:
        """A message is in the log."""
        self.logged[message_id] = entry
        entry.position.segment.live += 1

    def drop(self, message_id: str) -> LoggedEntry:
        """A message's record in the log is completed."""
        entry = self.logged.pop(message_id)
        entry.position.segment.live -= 1
        return entry

    def move(self, message_id: str, brief: bytes) -> None:
        """It is in `deferred/` now, and its record in the log completed."""
        self.drop(message_id)
        self.deferred.keep(message_id, brief)

    def aged(self, now: float, message_age: float, segment_age: float) -> Iterator[str]:
        """Ids in the log whose message or segment is so old, oldest first; to be read before anything changes."""
        for message_id, entry in self.logged.items():
            if now - entry.since <= message_age and now - entry.position.segment.created <= segment_age:
                return
            yield message_id


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
