"""What the spool holds, in memory (shell, reactor thread): a few hundred octets a message, never its content."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from fopemta.spool.log.segment import Position, Segment
from fopemta.spool.waiting.briefs import KeptBriefs


@attrs.define(eq=False)
class LoggedEntry:
    """A message in the intake log, `since` a moment of the steady clock.  `separate`: its content is in `bodies/`.
    `outcomes` so far, oldest first, as JSON.
    """

    position: Position
    since: float
    separate: bool
    outcomes: list[bytes] = attrs.Factory(list)


@attrs.define(eq=False)
class Unwritten:
    """Outcomes of a waiting message that the log has and its journal does not: JSON, oldest first, the first of them
    `since` a moment of the steady clock.  `segments` has the segment of each.  `doubtful`: the journal may have some,
    since a process before this one wrote them, or a write that failed.
    """

    since: float
    outcomes: list[bytes] = attrs.Factory(list)
    segments: list[Segment] = attrs.Factory(list)
    doubtful: bool = False

    def add(self, outcome: bytes, segment: Segment) -> None:
        """One more is in the log."""
        self.outcomes.append(outcome)
        self.segments.append(segment)
        segment.live += 1


@attrs.define(eq=False)
class Catalog:
    """Which message lies where.  `logged` is in order of arrival; `deferred` holds briefs, so that a list of 100,000
    need not read their files; `unwritten` is in order of `since`.
    """

    logged: dict[str, LoggedEntry]
    deferred: KeptBriefs
    unwritten: dict[str, Unwritten] = attrs.Factory(dict)

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

    def recorded(self, message_id: str, outcome: bytes, segment: Segment, now: float) -> None:
        """An outcome of a waiting message is in the log."""
        self.deferred.recorded(message_id, outcome)
        unwritten = self.unwritten.get(message_id)
        if unwritten is None:
            unwritten = self.unwritten[message_id] = Unwritten(now)
        unwritten.add(outcome, segment)

    def unwritten_of(self, message_id: str) -> tuple[bytes, ...]:
        """What its journal may lack."""
        unwritten = self.unwritten.get(message_id)
        return () if unwritten is None else tuple(unwritten.outcomes)

    def doubtful(self, message_id: str) -> bool:
        """Whether its journal may have some of them already."""
        unwritten = self.unwritten.get(message_id)
        return unwritten is not None and unwritten.doubtful

    def doubt(self, message_id: str) -> None:
        """A write of them has failed, and how much of it is in the journal is unknown."""
        if (unwritten := self.unwritten.get(message_id)) is not None:
            unwritten.doubtful = True

    def written(self, message_id: str, count: int, now: float) -> None:
        """The first `count` of them are in its journal, durably, so the log need not keep them."""
        unwritten = self.unwritten.pop(message_id, None)
        if unwritten is None:
            return  # it is finished; its files keep what the log says of it
        for segment in unwritten.segments[:count]:
            segment.live -= 1
        del unwritten.outcomes[:count], unwritten.segments[:count]
        if unwritten.outcomes:
            unwritten.since, unwritten.doubtful = now, False
            self.unwritten[message_id] = unwritten

    def end(self, message_id: str) -> list[Segment]:
        """A waiting message is finished: the segments that must stay until its files are gone for good."""
        self.deferred.drop(message_id)
        unwritten = self.unwritten.pop(message_id, None)
        return [] if unwritten is None else unwritten.segments

    def forget(self, message_id: str) -> None:
        """A waiting message is not here any more, or never was: the log need not keep anything of it."""
        for segment in self.end(message_id):
            segment.live -= 1

    def aged(self, now: float, message_age: float, segment_age: float) -> Iterator[str]:
        """Ids in the log whose message or segment is so old, oldest first; to be read before anything changes."""
        for message_id, entry in self.logged.items():
            if now - entry.since <= message_age and now - entry.position.segment.created <= segment_age:
                return
            yield message_id
