"""Read a DNS response within bounds (pure): linear cost, whatever its octets are.

Only records that can matter are kept.  dnspython would decode every record and compare names that an attacker has made
to collide in its tables; 64 KiB then take many seconds.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

import attrs

# A name's labels in lower case, without the root's.
Labels: TypeAlias = tuple[bytes, ...]

CNAME, SOA, NS, OPT = 5, 6, 2, 41
_IN = 1
_QR, _OPCODE, TC, AD, _RCODE = 0x8000, 0x7800, 0x0200, 0x0020, 0x000F
NOERROR, NXDOMAIN = 0, 3
# FORMERR, SERVFAIL, NOTIMP, REFUSED: a response with one of these may omit the question.
_WITHOUT_QUESTION = frozenset({1, 2, 4, 5})

# RFC 1035 2.3.4.
_LONGEST_NAME = 255
# Pointers within one name: a name has at most 127 labels, and servers use one or two pointers.
MOST_POINTERS = 64
# RFC 2181 8: a TTL with the highest bit set is zero.
_LARGEST_TTL = 0x7FFFFFFF


class Malformed(Exception):
    """Not a DNS message, or not a valid record of its type."""


class BoundExceeded(Exception):
    """A response that may be valid, but exceeds what we read; the text names the bound."""


@attrs.frozen
class Query:
    """A question: `wire` is sent; a response has its `id`, `name` and `rdtype`, and at most `most` records."""

    wire: bytes
    id: int
    name: Labels
    rdtype: int
    most: int


@attrs.frozen
class DnsRecord:
    """A record of class IN.  `ttl` in seconds; its data are `size` octets at offset `at` of the message."""

    name: Labels
    rdtype: int
    ttl: int
    at: int
    size: int


@attrs.frozen
class Message:
    """A response to `query`, with its records of the type asked for, CNAME, SOA and NS.

    `excess` names the exceeded bound; then no record was read.
    """

    query: Query
    wire: bytes
    flags: int
    rcode: int
    answer: tuple[DnsRecord, ...] = ()
    authority: tuple[DnsRecord, ...] = ()
    excess: str = ""

    @property
    def truncated(self) -> bool:
        """Whether the response did not fit: ask by TCP for the whole of it."""
        return bool(self.flags & TC)


def response_in(wire: bytes, query: Query) -> Message | None:
    """The message in `wire` if it is a response to `query`, else None: it may be a forger's guess.

    A truncated response counts, only for its truncation flag.
    """
    try:
        return _read(wire, query)
    except (Malformed, IndexError, struct.error):
        return None


def name_at(wire: bytes, at: int) -> tuple[Labels, int]:
    """The name at offset `at`, and the offset after it (RFC 1035 4.1.4).

    Raises Malformed, IndexError at the end of the message, and BoundExceeded.
    """
    labels: list[bytes] = []
    size, hops, least, end = 1, 0, at, -1
    while length := wire[at]:
        if length >= 0xC0:
            if end < 0:
                end = at + 2
            at = (length & 0x3F) << 8 | wire[at + 1]
            hops += 1
            if at >= least:  # pointers must lead backwards, so a name cannot loop
                raise Malformed
            if hops > MOST_POINTERS:
                raise BoundExceeded(f"a name of more than {MOST_POINTERS} compression pointers")
            least = at
            continue
        size += 1 + length
        if length > 63 or size > _LONGEST_NAME or at + 1 + length >= len(wire):
            raise Malformed
        labels.append(wire[at + 1 : at + 1 + length].lower())
        at += 1 + length
    return tuple(labels), at + 1 if end < 0 else end


# --- the message -----------------------------------------------------------------------------------------------------


def _read(wire: bytes, query: Query) -> Message | None:
    ident, flags, questions, *counts = struct.unpack_from("!6H", wire)
    rcode = flags & _RCODE
    if ident != query.id or not flags & _QR or flags & _OPCODE:
        return None
    if questions == 0 and rcode in _WITHOUT_QUESTION:
        return Message(query, wire, flags, rcode)
    try:
        end = _after_question(wire, query) if questions == 1 else None
        if end is None:
            return None
    except BoundExceeded:
        return None  # not the question as we wrote it
    if flags & TC:
        return Message(query, wire, flags, rcode)
    try:
        return _with_records(wire, query, flags, counts, end)
    except BoundExceeded as excess:
        return Message(query, wire, flags, rcode, excess=str(excess))


def _after_question(wire: bytes, query: Query) -> int | None:
    """Where the records begin; None if the question is another."""
    name, at = name_at(wire, 12)
    rdtype, rdclass = struct.unpack_from("!HH", wire, at)
    return at + 4 if (name, rdtype, rdclass) == (query.name, query.rdtype, _IN) else None


def _with_records(wire: bytes, query: Query, flags: int, counts: list[int], at: int) -> Message:
    if sum(counts) > query.most:
        raise BoundExceeded(f"{sum(counts)} records, of which at most {query.most} are read")
    answer, at, _ = _section(wire, at, counts[0], frozenset({query.rdtype, CNAME}))
    authority, at, _ = _section(wire, at, counts[1], frozenset({SOA, NS}))
    _, _, extended = _section(wire, at, counts[2], frozenset())
    return Message(query, wire, flags, extended << 4 | flags & _RCODE, answer, authority)


def _section(wire: bytes, at: int, count: int, wanted: frozenset[int]) -> tuple[tuple[DnsRecord, ...], int, int]:
    """The records of the types `wanted`, where the section ends, and the upper bits of the rcode (RFC 6891 6.1.3)."""
    records, extended = [], 0
    for _ in range(count):
        name, at = name_at(wire, at)
        rdtype, rdclass, ttl, size = struct.unpack_from("!HHIH", wire, at)
        at += 10
        if at + size > len(wire):
            raise Malformed
        if rdtype == OPT:
            extended = ttl >> 24
        elif rdclass == _IN and rdtype in wanted:
            records.append(DnsRecord(name, rdtype, ttl if ttl <= _LARGEST_TTL else 0, at, size))
        at += size
    return tuple(records), at, extended
