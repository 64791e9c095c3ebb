"""The intake log as the writing thread sees it (shell): segments in order, and what is owed after a failure.

Everything here runs in the one thread that writes, a batch at a time.
"""

from __future__ import annotations

import errno
import os.path
import secrets
from collections.abc import Iterable, Iterator, Sequence

from fopemta.spool.disk import Disk, new_file, remove_if_there
from fopemta.spool.layout import SpoolLayout
from fopemta.spool.message_json import identity_json
from fopemta.spool.record import HEADER_SIZE, SEGMENT_HEADER_SIZE, Draft, Kind
from fopemta.spool.segment import Position, Segment, append, create_segment

SEGMENT_SIZE = 16 * 1024 * 1024
SEGMENT_LIFE = 600.0
_RESERVE_SIZE = 1024 * 1024


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
        self._active: Segment | None = None
        # Written and told to be written, but not yet durable: to be written again if the flush fails.
        self._unflushed: list[Draft] = []
        # To be written before anything else: cancels of refused records, and what a failed segment may have lost.
        self._owed: list[Draft] = []
        self.segments: list[Segment] = []

    @property
    def in_debt(self) -> bool:
        """Something is owed: a batch, even an empty one, should be written soon."""
        return bool(self._owed)

    @property
    def dirty(self) -> bool:
        """Something is written and not flushed."""
        return bool(self._unflushed)

    def write(self, drafts: Sequence[Draft], flush: bool, now: float) -> list[Position]:
        """Write a batch; where each record lies.  `flush`: it must be durable when this returns.

        Raises OSError: then none of the batch counts, and the segment that failed is never touched again.
        """
        segment = self._segment_for(drafts, now)
        everything = [*self._owed, *drafts]
        try:
            offsets = append(self._disk, segment, everything, flush or bool(self._owed))
        except BaseException:
            self._abandon(segment)
            self._owe(Draft(Kind.CANCEL, each.message_id, identity_json(each.message_id)) for each in messages(drafts))
            raise
        self._unflushed = [] if flush or self._owed else [*self._unflushed, *drafts]
        own = offsets[len(self._owed) :]
        self._owed = []
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
        """Set room aside for outcomes on a full disk.  Raises OSError when there is none."""
        if os.path.basename(self._layout.reserve) not in self._disk.names(self._layout.intake):
            new_file(self._disk, self._layout.reserve, bytes(_RESERVE_SIZE))

    def close(self) -> None:
        """Flush, give the room that was not used back, and close.  Raises OSError."""
        if self._active is not None:
            self._retire(self._active)
            self._active = None
        for segment in self.segments:
            self._disk.close(segment.file)

    def _segment_for(self, drafts: Sequence[Draft], now: float) -> Segment:
        """The segment that takes the batch: the active one while it has room and is young."""
        active = self._active
        size = sum(each.size for each in drafts) + sum(each.size for each in self._owed)
        if active is not None and active.length + size <= self._segment_size and not _old(active, now):
            return active
        new = self._create(now, for_mail=any(messages(drafts)))
        if active is not None:
            self._retire(active)
        self._active = new
        self.segments.append(new)
        return new

    def _create(self, now: float, for_mail: bool) -> Segment:
        try:
            return self._new_segment(self._segment_size, now)
        except OSError as error:
            if for_mail or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        # Outcomes must find room on a full disk: else what was delivered would be delivered again.
        remove_if_there(self._disk, self._layout.reserve)
        return self._new_segment(_RESERVE_SIZE // 2, now)

    def _new_segment(self, size: int, now: float) -> Segment:
        self._sequence += 1
        return create_segment(self._disk, self._layout.intake, self._sequence, secrets.token_bytes(16), size, now)

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
        for draft in drafts:
            if draft not in self._owed:
                self._owed.append(draft)


def messages(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """Those that bring a message."""
    return (each for each in drafts if each.kind is Kind.MESSAGE)


def _old(segment: Segment, now: float) -> bool:
    """Young segments die young; an empty one may wait."""
    return segment.length > SEGMENT_HEADER_SIZE and now - segment.created > SEGMENT_LIFE


def _position(segment: Segment, offset: int, draft: Draft) -> Position:
    return Position(segment, offset + HEADER_SIZE, len(draft.meta), len(draft.content))
