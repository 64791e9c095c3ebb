"""Limits on TLS records without data for the protocol (pure).

A KeyUpdate of TLS 1.3 costs 27 octets and makes both sides derive new keys, thousands of times per read;
renegotiations, tickets, alerts and empty records are similar.  OpenSSL limits some of them, but not KeyUpdates.  Honest
peers send a ticket or two and a KeyUpdate in millions of records (RFC 8446 5.5).
"""

from __future__ import annotations

from collections.abc import Iterator

# A record's type, version and length (RFC 8446 5.1).
_HEADER = 5
# Records passed to OpenSSL at a time, before checking what they brought.
_AT_ONCE = 32
# Records that may bring nothing before others must bring something, and the records that earn one more.  In TLS 1.0 an
# empty record precedes each that is not.
_FREE = 64
_WORTH = 8
# A handshake: OpenSSL reads certificate chains up to 100 KiB, and a hello up to 128.
_SHAKE_RECORDS = 1_000
_SHAKE_OCTETS = 300_000


class Records:
    """Counts the records of one connection by their headers, which are never encrypted."""

    def __init__(self) -> None:
        # Octets of the current record still to come, and the beginning of an incomplete header.
        self._to_come = 0
        self._header = b""
        self._begun = 0
        self._spare = _FREE * _WORTH
        self._shake_records = 0
        self._shake_octets = 0

    def portions(self, wire: bytes) -> Iterator[bytes]:
        """`wire` in pieces in which a limited number of records begin; after each, check whether it was too much."""
        start = 0
        while start < len(wire):
            end = self._end_of_portion(wire, start)
            yield wire if start == 0 and end == len(wire) else wire[start:end]
            start = end

    def _end_of_portion(self, wire: bytes, start: int) -> int:
        position, self._begun = start, 0
        while position < len(wire) and (self._begun < _AT_ONCE or self._to_come or self._header):
            if self._to_come:
                step = min(self._to_come, len(wire) - position)
                self._to_come -= step
                position += step
                continue
            self._begun += not self._header
            missing = _HEADER - len(self._header)
            self._header += wire[position : position + missing]
            position += missing
            if len(self._header) == _HEADER:
                self._to_come = int.from_bytes(self._header[3:], "big")
                self._header = b""
        return min(position, len(wire))

    def too_much_to_shake(self, portion: bytes) -> bool:
        """Whether the last portion exceeds the limit for a handshake that has not finished."""
        self._shake_records += self._begun
        self._shake_octets += len(portion)
        return self._shake_records > _SHAKE_RECORDS or self._shake_octets > _SHAKE_OCTETS

    def too_little_said(self, brought: int, costly: bool) -> bool:
        """Whether too many records came without data; the last portion brought data in `brought` records.  `costly`:
        such records are expensive, since this is TLS 1.3.
        """
        worth = _WORTH if costly else 1
        self._spare = min(self._spare - self._begun * worth + brought * (worth + 1), _FREE * _WORTH)
        return self._spare < 0
