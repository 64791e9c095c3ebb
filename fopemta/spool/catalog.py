"""What the spool holds, in memory (shell, reactor thread): a few hundred octets a message, never its content."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from fopemta.spool.log.segment import Position
from fopemta.spool.waiting.briefs import KeptBriefs
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
