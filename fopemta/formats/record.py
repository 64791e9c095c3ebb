"""The records of the intake log as octets (pure): packing them, and finding them again in a damaged segment.

A record is a header, a JSON object (`meta`) and, for a small message, its content exactly as it goes on the wire.  The
header bears the random tag of its segment and its own offset, under a checksum that is keyed with the tag: a record
counts only where it was written.  So content that a stranger mailed can hold whole records, and even lie behind a
damaged header, and is never taken for one (the tag is not known outside this machine).

Checksums are BLAKE2b, not CRC-32: 4 microseconds more for 4 KiB, but pages of an unflushed batch may reach the disk in
any order, and what passes a check here is delivered to people; one in 2**32 is too often, and a CRC can be forged.
"""

from __future__ import annotations

import enum
import hashlib
import struct
from collections.abc import Iterator

import attrs

VERSION = 1
_MAGIC = b"\xf6\x0dFR"  # not UTF-8: rare in mail
# magic, version, kind, reserved, tag, own offset, octets known to be flushed, sizes of meta and content, their checksum
_FIELDS = struct.Struct(">4sBBH16sQQII16s")
_CHECKSUM = 8
HEADER_SIZE = _FIELDS.size + _CHECKSUM

_PIECE = 2047
_SMALL = 32 * 1024

_SEGMENT_WORDS = b"fopemta intake segment %d\n"
_SEGMENT_FIELDS = struct.Struct(">32s16s")
SEGMENT_HEADER_SIZE = 64


class RecordKind(enum.IntEnum):
    """What a record says of the message that it names."""

    MESSAGE = 1
    OUTCOME = 2
    COMPLETION = 3
    CANCEL = 4


@attrs.frozen
class Draft:
    """A record before it has a place.  `meta` is JSON, an object with the message's "id"."""

    kind: RecordKind
    message_id: str
    meta: bytes
    content: bytes = b""

    @property
    def size(self) -> int:
        """Octets in the log."""
        return HEADER_SIZE + len(self.meta) + len(self.content)


@attrs.frozen
class Record:
    """A good record: where it lies, its meta, and where its content lies (offsets from the segment's beginning)."""

    kind: RecordKind
    offset: int
    meta: bytes
    content_offset: int
    content_size: int


@attrs.frozen
class Damage:
    """Octets from `offset` to `end` that are no record.

    `acknowledged`: a record after it shows that these octets had been flushed, so somebody may have been promised
    them.  Otherwise it is what a crash leaves of a batch that nobody was told of.
    """

    offset: int
    end: int
    why: str
    acknowledged: bool = False


def pack(draft: Draft, tag: bytes, offset: int, flushed: int) -> bytes:
    """The record's octets for `offset` of the segment `tag`, whose first `flushed` octets are known to be durable."""
    digest = _digest(draft, tag)
    fields = _FIELDS.pack(
        _MAGIC, VERSION, draft.kind, 0, tag, offset, flushed, len(draft.meta), len(draft.content), digest
    )
    return b"".join((fields, _header_checksum(fields, tag), draft.meta, draft.content))


def _digest(draft: Draft, tag: bytes) -> bytes:
    """Of what is behind the header.

    For more than 2047 octets hashlib lets go of the interpreter.  To get it back from the reactor's thread, once for
    each message of a batch, costs more than to digest 4 KiB: so what is small is digested in pieces.
    """
    digest = hashlib.blake2b(draft.meta, digest_size=16, key=tag)
    content = memoryview(draft.content)
    piece = _PIECE if len(content) <= _SMALL else len(content)
    for start in range(0, len(content), piece):
        digest.update(content[start : start + piece])
    return digest.digest()


def scan(data: bytes, tag: bytes) -> list[Record | Damage]:
    """What the segment `tag` with the octets `data` holds, in order.  Octets that were never written are no damage."""
    flushed = SEGMENT_HEADER_SIZE
    findings: list[Record | Damage] = []
    for finding, known_flushed in _walk(data, tag):
        flushed = max(flushed, known_flushed)
        findings.append(finding)
    return [
        attrs.evolve(each, acknowledged=True) if isinstance(each, Damage) and each.offset < flushed else each
        for each in findings
    ]


def segment_header(tag: bytes) -> bytes:
    """The first block of a segment."""
    words = _SEGMENT_WORDS % VERSION
    fields = _SEGMENT_FIELDS.pack(words, tag)
    return (fields + hashlib.blake2b(fields, digest_size=_CHECKSUM).digest()).ljust(SEGMENT_HEADER_SIZE, b"\0")


def _walk(data: bytes, tag: bytes) -> Iterator[tuple[Record | Damage, int]]:
    """Findings in order, each with the flushed length that its header tells (0 for damage)."""
    offset = SEGMENT_HEADER_SIZE
    while offset < len(data):
        header = _header_at(data, offset, tag)
        if header is None:
            following = _next_header(data, offset + 1, tag)
            if data.count(0, offset, following) != following - offset:
                yield Damage(offset, following, "no record header"), 0
            offset = following
        else:
            end = min(offset + HEADER_SIZE + header.meta_size + header.content_size, len(data))
            yield _judge(data, offset, end, header, tag), header.flushed
            offset = end


@attrs.frozen
class _Header:
    """The fields of a header whose checksum is right."""

    version: int
    kind: int
    flushed: int
    meta_size: int
    content_size: int
    digest: bytes


def _header_at(data: bytes, offset: int, tag: bytes) -> _Header | None:
    fields = data[offset : offset + _FIELDS.size]
    if len(fields) < _FIELDS.size:
        return None
    magic, version, kind, _, its_tag, its_offset, flushed, meta_size, content_size, digest = _FIELDS.unpack(fields)
    if magic != _MAGIC or its_tag != tag or its_offset != offset:
        return None
    if data[offset + _FIELDS.size : offset + HEADER_SIZE] != _header_checksum(fields, tag):
        return None
    return _Header(version, kind, flushed, meta_size, content_size, digest)


def _next_header(data: bytes, offset: int, tag: bytes) -> int:
    """Where the next good header begins, or the end of the data."""
    while (offset := data.find(_MAGIC, offset)) != -1:
        if _header_at(data, offset, tag) is not None:
            return offset
        offset += 1
    return len(data)


def _judge(data: bytes, offset: int, end: int, header: _Header, tag: bytes) -> Record | Damage:
    """The record behind a good header."""
    if header.version != VERSION or header.kind not in RecordKind.__members__.values():
        return Damage(offset, end, f"a record of version {header.version}, kind {header.kind}, is not known here")
    meta_offset = offset + HEADER_SIZE
    content_offset = meta_offset + header.meta_size
    if content_offset + header.content_size > len(data):
        return Damage(offset, end, "record is cut off")
    digest = hashlib.blake2b(memoryview(data)[meta_offset:end], digest_size=16, key=tag).digest()
    if digest != header.digest:
        return Damage(offset, end, "record checksum is wrong")
    return Record(
        RecordKind(header.kind), offset, data[meta_offset:content_offset], content_offset, header.content_size
    )


def _header_checksum(fields: bytes, tag: bytes) -> bytes:
    return hashlib.blake2b(fields, digest_size=_CHECKSUM, key=tag).digest()
