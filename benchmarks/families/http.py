"""What a server of CRLs or OCSP responses answers (`lookup.fetch`, over Twisted's HTTP client)."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol

from benchmarks.families.family import Family, repeated
from fopemta.config.model import Fetch
from fopemta.lookup.fetch import Fetcher
from fopemta.testing.dns import ScriptedResolver
from fopemta.testing.network import MemoryNetwork

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_ADDRESS = "9.9.9.9"


class _Server(Protocol):
    """Says all that it has to say when it is asked."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.factory.answer)
        self.transport.loseConnection()


def _read(octets: bytes) -> object:
    server: Any = Factory.forProtocol(_Server)
    server.answer = octets
    network = MemoryNetwork({(_ADDRESS, 80): server})
    fetcher = Fetcher(network, ScriptedResolver({}, {"c.test": (_ADDRESS,)}), Fetch(), False)  # type: ignore[arg-type]
    found: list[object] = []
    fetcher.get("http://c.test/list").addCallback(found.append)
    network.flush()
    return found[0] if found else None


FAMILIES = tuple(
    Family(f"http.{kind}", repeated(unit, before), _read)
    for kind, before, unit in (
        ("fields", _OK, b"X: y\r\n"),
        ("one-field", _OK + b"X: ", b"y"),
        ("folds", _OK + b"X: y\r\n", b" y\r\n"),
        ("blank-lines", b"", b"\r\n"),
        ("interim", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("lengths", _OK, b"Content-Length: 1\r\n"),
        ("locations", b"HTTP/1.1 302 Found\r\n", b"Location: /x\r\n"),
        ("body", _OK + b"\r\n", b"x"),
        ("chunks", _CHUNKED, b"1\r\nx\r\n"),
        ("extensions", _CHUNKED, b"1;" + b"x" * 200 + b"\r\ny\r\n"),
        ("trailers", _CHUNKED + b"0\r\n", b"X: y\r\n"),
        ("chunk-size", _CHUNKED, b"0"),
    )
)
