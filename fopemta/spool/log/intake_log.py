"""The intake log as the writing thread sees it (shell): segments in order, and what is owed after a failure.

Everything here runs in the one thread that writes, a batch at a time.
"""

from __future__ import annotations

import errno
import os.path
import secrets
from collections.abc import Iterable, Iterator, Sequence

from fopemta.formats.layout import SpoolLayout
from fopemta.formats.message_json import identity_json
from fopemta.formats.record import HEADER_SIZE, SEGMENT_HEADER_SIZE, Draft, RecordKind
from fopemta.spool.disk import Disk, remove_if_there
from fopemta.spool.log.segment import Position, Segment, append, create_segment, segment_name

SEGMENT_SIZE = 16 * 1024 * 1024
SEGMENT_LIFE = 600.0


class IntakeLog:
    """`segments` holds all living ones, oldest first; the writing thread appends to it, others take from its front.

    `last_sequence` is that of the youngest segment found at start: those are never appended to, since what their
    unflushed ends hold is not known for sure.
    """

    def __init__(self, disk: Disk, layout: SpoolLayout, last_sequence: int, segment_size: int = SEGMENT_SIZE) -> None:
        self._disk = disk
        self._layout = layout
        self._sequence = last_sequence
        self._segment_size = segment_size
        self._small_segment_size = segment_size // 4
        self._has_reserve = False
        self._stillborn: list[str] = []
        self._active: Segment | None = None
        # Written and told to be written, but not yet durable: to be written again if the flush fails.
        self._unflushed: list[Draft] = []
        # To be written before anything else: cancels of refused records, and what a failed segment may have lost.
        # In order, and each once.
        self._owed: dict[Draft, None] = {}
        self.segments: list[Segment] = []

    @property
    def in_debt(self) -> bool:
        """Something is owed: a batch, even an empty one, should be written soon."""
        return bool(self._owed)

    @property
    def dirty(self) -> bool:
        """Something is written and not flushed."""
        return bool(self._unflushed)

    def write(self, drafts: Sequence[Draft], flush: bool, now: float, in_new_segment: bool = False) -> list[Position]:
        """Write a batch; where each record lies.  `flush`: it must be durable when this returns.

        `in_new_segment`: show that the disk can take mail again, not only what there was room left for.

        Raises OSError: then none of the batch counts, and the segment that failed is never touched again.
        """
        segment = self._segment_for(drafts, now, in_new_segment)
        everything = [*self._owed, *drafts]
        try:
            offsets = append(self._disk, segment, everything, flush or bool(self._owed))
        except BaseException:
            self._abandon(segment)
            self._owe(
                Draft(RecordKind.CANCEL, each.message_id, identity_json(each.message_id)) for each in messages(drafts)
            )
            raise
        if flush or self._owed:
            self._unflushed = []
        else:
            self._unflushed += drafts
        own = offsets[len(self._owed) :]
        self._owed = {}
        return [_position(segment, offset, draft) for offset, draft in zip(own, drafts, strict=True)]

    def owe(self, draft: Draft) -> None:
        """Write it with the next batch, whatever that is.  Only called when no batch is under way."""
        self._owe([draft])

    def remove(self, segment: Segment) -> None:
        """Unlink a segment whose messages are all finished, and make that durable before a younger one goes.

        A younger one may hold the completions of its messages: without them they would be delivered again.
        Raises OSError.
        """
        remove_if_there(self._disk, segment.path)
        self._disk.flush_folder(self._layout.intake)
        self._disk.close(segment.file)

    def keep_reserve(self) -> None:
        """Set room aside for outcomes on a full disk, unless it is.  Raises OSError when there is none."""
        if self._has_reserve:
            return
        there = os.path.basename(self._layout.reserve) in self._disk.names(self._layout.intake)
        file = self._disk.open(self._layout.reserve, True) if there else self._disk.create(self._layout.reserve)
        try:
            self._disk.allocate(file, 2 * self._small_segment_size)
        finally:
            self._disk.close(file)
        self._has_reserve = True

    def close(self) -> None:
        """Flush, give the room that was not used back, and close.  Raises OSError."""
        if self._active is not None:
            self._retire(self._active)
            self._active = None
        for segment in self.segments:
            self._disk.close(segment.file)

    def _segment_for(self, drafts: Sequence[Draft], now: float, a_new_one: bool) -> Segment:
        """The segment that takes the batch: the active one while it has room and is young."""
        active = self._active
        size = sum(each.size for each in (*drafts, *self._owed))
        if not a_new_one and active is not None and active.length + size <= active.capacity and not _old(active, now):
            return active
        new = (
            self._new_segment(self._segment_size, now)
            if a_new_one or any(messages(drafts))
            else self._for_outcomes(now)
        )
        if active is not None:
            self._retire(active)
        self._active = new
        self.segments.append(new)
        return new

    def _for_outcomes(self, now: float) -> Segment:
        """They must find room on a full disk, too: else what was delivered would be delivered again."""
        try:
            return self._new_segment(self._segment_size, now)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._has_reserve:
                raise
        self._has_reserve = False
        remove_if_there(self._disk, self._layout.reserve)
        return self._new_segment(self._small_segment_size, now)

    def _new_segment(self, size: int, now: float) -> Segment:
        self._remove_stillborn()
        self._sequence += 1
        tag = secrets.token_bytes(16)
        path = os.path.join(self._layout.intake, segment_name(self._sequence, tag))
        self._stillborn.append(path)
        try:
            segment = create_segment(self._disk, path, self._sequence, tag, size, now)
        except OSError:
            self._remove_stillborn()
            raise
        self._stillborn.remove(path)
        return segment

    def _remove_stillborn(self) -> None:
        """Segments whose making failed: an empty one among others would be taken for damage after a restart."""
        for path in list(self._stillborn):
            try:
                remove_if_there(self._disk, path)
            except OSError:
                return
            self._stillborn.remove(path)

    def _retire(self, segment: Segment) -> None:
        """Close a good segment for writing: flush it, give unused room back."""
        segment.retired = True
        try:
            if self._unflushed:
                self._disk.flush(segment.file)
                self._unflushed = []
            self._disk.truncate(segment.file, segment.length)
        except OSError:
            self._owe(self._unflushed)
            self._unflushed = []

    def _abandon(self, segment: Segment) -> None:
        """After a failure: nobody knows what the kernel still holds, so the segment is closed for good."""
        segment.retired = True
        self._active = None
        self._owe(self._unflushed)
        self._unflushed = []
        try:
            self._disk.truncate(segment.file, segment.flushed)
            segment.length = segment.flushed
        except OSError:
            pass  # the cancels say that its last records do not count

    def _owe(self, drafts: Iterable[Draft]) -> None:
        self._owed.update(dict.fromkeys(drafts))


def messages(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """Those that bring a message."""
    return (each for each in drafts if each.kind is RecordKind.MESSAGE)


def _old(segment: Segment, now: float) -> bool:
    """Young segments die young; an empty one may wait."""
    return segment.length > SEGMENT_HEADER_SIZE and now - segment.created > SEGMENT_LIFE


def _position(segment: Segment, offset: int, draft: Draft) -> Position:
    return Position(segment, offset + HEADER_SIZE, len(draft.meta), len(draft.content))
