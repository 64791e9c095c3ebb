"""Responses of name servers (`dns.response`, `dns.question`)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from benchmarks.families.family import Family
from fopemta.dns.question import EXCHANGER, Question, read
from fopemta.dns.response import response_in

# RFC 1035 4.2.2.
_LARGEST = 65535
# As many as the setting allows; beyond it nothing is read.
_QUERY = Question.of("d.test", EXCHANGER).query(most=1000)
_MX, _CNAME, _TXT = 15, 5, 16
_ASKED = b"\xc0\x0c"
_BEGIN = 12 + len(_QUERY.wire[12:24])


def _record(owner: bytes, rdtype: int, data: bytes, rdclass: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", rdtype, rdclass, 60, len(data)) + data


def _response(records: list[bytes]) -> bytes:
    head = struct.pack("!6H", _QUERY.id, 0x8180, 1, min(len(records), 65535), 0, 0)
    return head + _QUERY.wire[12:24] + b"".join(records)


def _made(record: Callable[[int], bytes], before: bytes = b"") -> Callable[[int], bytes]:
    """As many records as the size allows; `before` is the first."""

    def make(size: int) -> bytes:
        count = max(1, (size - _BEGIN - len(before)) // len(record(0)))
        return _response([*([before] if before else []), *(record(number) for number in range(count))])

    return make


def _read(octets: bytes) -> object:
    message = response_in(octets, _QUERY)
    return None if message is None else read(message, EXCHANGER, "ns")


def _colliding(number: int) -> bytes:
    """Names for which dnspython's hash is the same: 9 * "a" + "j" is 9 * "b" + "a"."""
    pairs = b"".join(b"ba" if number >> bit & 1 else b"aj" for bit in range(12))
    return _record(bytes([len(pairs)]) + pairs + b"\0", _MX, b"\0\0\0")


def _pointers(size: int) -> bytes:
    """A chain of compression pointers, and records that begin at its end."""
    start = _BEGIN + 12
    count = min(max(1, (size - _BEGIN) // 4), 8000)
    chain = b"".join(struct.pack("!H", 0xC000 | (start + 2 * each - 2 if each else 12)) for each in range(count))
    last = struct.pack("!H", 0xC000 | (start + 2 * count - 2))
    return _response([_record(_ASKED, _TXT, chain), *[_record(last, _MX, b"\0\0" + last)] * (count // 10 + 1)])


_LONG = b"\x01a" * 126 + b"\0"

FAMILIES = tuple(
    Family(f"dns.{kind}", make, _read, _LARGEST)
    for kind, make in (
        ("exchangers", _made(lambda n: _record(_ASKED, _MX, struct.pack("!H", n & 0xFFFF) + b"\x05%05d" % n + _ASKED))),
        ("same-exchanger", _made(lambda n: _record(_ASKED, _MX, b"\0\0" + _ASKED))),
        ("colliding-names", _made(_colliding)),
        ("long-names", _made(lambda n: _record(b"\xc0\x24", _MX, b"\0\0\xc0\x24"), _record(_ASKED, _TXT, _LONG))),
        ("pointers", _pointers),
        ("aliases", _made(lambda n: _record(b"\x04%04d\0" % n, _CNAME, b"\x04%04d\0" % (n + 1)))),
        ("types", _made(lambda n: _record(_ASKED, 1000 + n & 0xFFFF, b"", 2000 + n & 0xFFFF))),
        ("octets", lambda size: _response([b"\x01a"] * size)[:size]),
    )
)
