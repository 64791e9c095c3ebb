"""The entries of a CRL, separated from the list (pure; RFC 5280 5.1, X.690).

A library that reads a list of a million entries holds the GIL for more than a second, in whichever thread, and nothing
else is served meanwhile.  So a list is split first: the library reads it without its entries, the signed octets are
hashed without the GIL, and the entry of a certificate is searched for as octets.
"""

from __future__ import annotations

import attrs

_INTEGER, _SEQUENCE, _UTC_TIME, _GENERALIZED_TIME = 0x02, 0x30, 0x17, 0x18
_TIMES = frozenset({_UTC_TIME, _GENERALIZED_TIME})
# Octets searched at once; between two searches other threads run.
_AT_ONCE = 1 << 20


@attrs.frozen
class Split:
    """`der` is the whole list; its signed octets are `signed` to `signed_end`, its entries `start` to `end` (both 0 if
    it has none).
    """

    der: bytes
    signed: int
    signed_end: int
    start: int = 0
    end: int = 0
    _before: bytes = b""
    _behind: bytes = b""
    _algorithm_and_signature: bytes = b""

    def with_entry(self, entry: bytes = b"") -> bytes:
        """The list in DER with only this entry, or none; its signature no longer matches."""
        entries = sequence(entry) if entry else b""
        return sequence(sequence(self._before + entries + self._behind) + self._algorithm_and_signature)

    def entry_of(self, serial: int) -> bytes | None:
        """The first entry with this serial number, complete."""
        number = serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True)
        wanted = bytes([_INTEGER, *_length_octets(len(number))]) + number
        if not self._holds(wanted):
            return None
        at = self.start
        while at < self.end:
            inner, after = _value(self.der, at, self.end, _SEQUENCE)
            if self.der.startswith(wanted, inner):
                return self.der[at:after]
            at = after
        return None

    def _holds(self, octets: bytes) -> bool:
        """Whether the octets occur among the entries, perhaps as part of something else."""
        for at in range(self.start, self.end, _AT_ONCE):
            if self.der.find(octets, at, min(at + _AT_ONCE + len(octets), self.end)) >= 0:
                return True
        return False


def split(der: bytes) -> Split:
    """Split a list.  Raises ValueError if it is no CertificateList as far as its entries go; the rest is checked when
    it is read without them.
    """
    whole, end = _value(der, 0, len(der), _SEQUENCE)
    if end != len(der):
        raise ValueError("octets behind the list")
    content, signed_end = _value(der, whole, end, _SEQUENCE)
    at = content
    for tags in ({_INTEGER}, {_SEQUENCE}, {_SEQUENCE}, _TIMES, _TIMES):  # everything that may precede the entries
        if at < signed_end and der[at] in tags:
            _, at = _value(der, at, signed_end)
    start = stop = behind = at
    if at < signed_end and der[at] == _SEQUENCE:
        start, stop = _value(der, at, signed_end, _SEQUENCE)
        behind = stop
        _check(der, start, stop)
    return Split(
        der, whole, signed_end, start, stop, der[content:at], der[behind:signed_end], der[signed_end:end]
    )  # fmt: skip


def sequence(content: bytes) -> bytes:
    """A SEQUENCE in DER."""
    return bytes([_SEQUENCE, *_length_octets(len(content))]) + content


def _check(der: bytes, start: int, end: int) -> None:
    """Check that every entry is a SEQUENCE that begins with an INTEGER in its only form: otherwise one might not be
    found.
    """
    at = start
    while at < end:
        inner, after = _value(der, at, end, _SEQUENCE)
        number, number_end = _value(der, inner, after, _INTEGER)
        if number_end - number > 1 and der[number] in (0x00, 0xFF) and (der[number] ^ der[number + 1]) < 0x80:
            raise ValueError("a number with needless octets")
        at = after


def _value(der: bytes, at: int, end: int, tag: int | None = None) -> tuple[int, int]:
    """Where the content of the value at `at` begins and ends, which must not be after `end`.  Raises ValueError."""
    if at + 2 > end or (tag is not None and der[at] != tag):
        raise ValueError("another value is expected")
    size, begin = der[at + 1], at + 2
    if size >= 0x80:
        octets = size & 0x7F
        begin += octets
        size = int.from_bytes(der[at + 2 : begin], "big")
        # X.690 10.1: the shortest form; indefinite lengths are not DER.
        if not 1 <= octets <= 4 or size < 0x80 or size >> 8 * (octets - 1) == 0:
            raise ValueError("a length that is not DER")
    if begin + size > end or (tag == _INTEGER and size == 0):
        raise ValueError("a value longer than its container")
    return begin, begin + size


def _length_octets(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets
