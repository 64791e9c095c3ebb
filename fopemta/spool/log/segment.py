"""One file of the intake log (shell): made durable before its first record counts, written only at its end."""

from __future__ import annotations

import errno
import os.path
import re
from collections.abc import Sequence

import attrs

from fopemta.formats.record import SEGMENT_HEADER_SIZE, Draft, pack, segment_header
from fopemta.spool.disk import Disk, write_whole

_NAME = re.compile(r"([0-9]{10})-([0-9a-f]{32})\.log")


@attrs.define(eq=False)
class Segment:
    """`length` octets are written, `flushed` of them durable, `capacity` have room; `created` by the steady clock.

    `live` counts its unfinished messages; it belongs to the reactor thread, all else to the thread that writes.
    So does `made_here`: the ids of its reports, the finished ones too.
    `retired`: nothing will ever be written to it again.
    """

    path: str
    sequence: int
    tag: bytes
    file: int
    created: float
    capacity: int
    length: int = SEGMENT_HEADER_SIZE
    flushed: int = SEGMENT_HEADER_SIZE
    live: int = 0
    retired: bool = False
    made_here: set[str] = attrs.Factory(set)


@attrs.frozen
class Position:
    """Where a message's record lies."""

    segment: Segment
    meta_offset: int
    meta_size: int
    content_size: int


def segment_name(sequence: int, tag: bytes) -> str:
    """The file name: text order is order of age."""
    return f"{sequence:010}-{tag.hex()}.log"


def parse_segment_name(name: str) -> tuple[int, bytes] | None:
    """(sequence, tag), or None for any other file."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), bytes.fromhex(match[2])) if match else None


def create_segment(disk: Disk, path: str, sequence: int, tag: bytes, capacity: int, now: float) -> Segment:
    """A new segment with room for `capacity` octets.  Raises OSError, then the file may be there all the same."""
    file = disk.create(path)
    try:
        # The room is taken now, so that a disk that fills up later still takes outcomes.
        disk.allocate(file, capacity)
        write_whole(disk, file, segment_header(tag), 0)
        disk.flush(file)
        # Records in a file whose name a power cut takes away would be lost with their 250 given.
        disk.flush_folder(os.path.dirname(path))
    except OSError:
        disk.close(file)
        raise
    return Segment(path, sequence, tag, file, now, capacity)


def append(disk: Disk, segment: Segment, drafts: Sequence[Draft], flush: bool) -> list[int]:
    """Write the drafts in one go; their offsets.  Raises OSError: then the segment is not to be written any more."""
    offsets, pieces, end = [], [], segment.length
    for draft in drafts:
        offsets.append(end)
        pieces.append(pack(draft, segment.tag, end, segment.flushed))
        end += len(pieces[-1])
    if pieces:
        write_whole(disk, segment.file, b"".join(pieces), segment.length)
        segment.length = end
    if flush:
        disk.flush(segment.file)
        segment.flushed = end
    return offsets


def read_meta(disk: Disk, position: Position) -> bytes:
    """The meta of a message's record.  Raises OSError."""
    return _read(disk, position.segment.file, position.meta_size, position.meta_offset)


def read_content(disk: Disk, position: Position) -> bytes:
    """The content in a message's record.  Raises OSError."""
    return _read(disk, position.segment.file, position.content_size, position.meta_offset + position.meta_size)


def _read(disk: Disk, file: int, size: int, offset: int) -> bytes:
    """From the page cache as a rule: it was written a moment ago, or read at start.

    So this may be done in the reactor thread: a hop to another costs thirty times as much as copying a few KiB.
    """
    data = disk.read_at(file, size, offset)
    if len(data) != size:
        raise OSError(errno.EIO, "the intake log is cut off")
    return data
