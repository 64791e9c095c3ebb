"""Received headers (`mail.received_chain`)."""

from __future__ import annotations

from benchmarks.families.family import Family, repeated
from fopemta.mail.received_chain import read_hop

# A header beyond this is not read.
_LARGEST = 8192
_FROM = b"from x ([192.0.2.1]) by mx.test with "


def _read(octets: bytes) -> object:
    return read_hop(octets.decode("latin-1"))


_PIECES = {
    "comments": b"(a) ", "open-comments": b"(", "quotes": b'"', "escapes": b'"\\', "angles": b"<a>", "semicolons": b";",
    "by": b"by x ", "with": b"with A encrypted ", "for": b"for ", "words": b"a ", "addresses": b"(192.0.2.1) ",
    "no-addresses": b"(9.9.9.999 ", "six": b"(IPv6:", "colons": b"2001:", "dates": b"1 Jan 2001 00:00:00 GMT ",
    "tls": b"(TLS1:A:", "using": b"using TLSv1 with cipher A (", "version": b"version=A cipher=", "tls-word": b"tls A",
    "cipher": b"(cipher=A ", "encrypted": b"with (TLS1 AAAAAA ", "qmail": b"(qmail 1 invoked ", "uid": b"by uid ",
}  # fmt: skip

FAMILIES = tuple(
    Family(f"received.{kind}{'-behind' if before else ''}", repeated(piece, before), _read, _LARGEST)
    for kind, piece in _PIECES.items()
    for before in (b"", _FROM)
)
