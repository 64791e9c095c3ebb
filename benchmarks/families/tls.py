"""What a peer may send in records of TLS: their count, and a handshake without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from OpenSSL import SSL

from benchmarks.families.family import Family, repeated
from fopemta.tls.channel import TlsChannel
from fopemta.trust.tls_records import Records

# As much as is read from a socket at once.
_SEGMENT = 1 << 16


class _Nowhere:
    """A transport that keeps nothing."""

    def write(self, data: bytes) -> None:
        """Forget it."""

    loseConnection = abortConnection = lambda _: None


def _segments(octets: bytes, size: int) -> Iterator[bytes]:
    return (octets[start : start + size] for start in range(0, len(octets), size))


def _counted(size: int) -> Callable[[bytes], None]:
    """All of it counted, whatever comes of that."""

    def read(octets: bytes) -> None:
        records = Records()
        for segment in _segments(octets, size):
            for _ in records.portions(segment):
                records.too_little_said(0, costly=True)

    return read


def _shaken(octets: bytes) -> None:
    """A server's side that hears it from the first octet on."""
    channel = TlsChannel(SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD), None), True, _nothing, _nothing)
    channel.start(_Nowhere())
    for segment in _segments(octets, _SEGMENT):
        channel.take(segment)


def _nothing(*_: object) -> None:
    """Nobody listens."""


FAMILIES = (
    Family("tls.empty records", repeated(b"\x17\x03\x03\x00\x00"), _counted(_SEGMENT)),
    Family("tls.records by the octet", repeated(b"\x17\x03\x03\x00\x01x"), _counted(1), 1 << 18),
    Family(
        "tls.a hello by the octet",
        repeated(b"\x16\x03\x01\x00\x01\x00", b"\x16\x03\x01\x00\x04\x01\x01\xff\xff"),
        _shaken,
    ),
    Family("tls.alerts", repeated(b"\x15\x03\x01\x00\x02\x01\x5a"), _shaken),
    Family("tls.anything", repeated(b"\x00"), _shaken),
)
