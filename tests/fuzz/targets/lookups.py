"""What name servers and web servers answer."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol

from fopemta.answer import Absent, Found, Unavailable
from fopemta.config.model import Fetch
from fopemta.dns.question import EXCHANGER, IPV4, IPV6, LONGEST_TTL, MOST_RECORDS, DnsKind, Response, read
from fopemta.dns.response import Query, response_in
from fopemta.lookup.fetch import Fetcher
from fopemta.testing.dns import ScriptedResolver
from fopemta.testing.network import MemoryNetwork
from tests.fuzz.targets.target import Target

_ID = 0x1234
_ADDRESS = "9.9.9.9"
_LARGEST_BODY = 1000


def _dns(octets: bytes) -> None:
    """The message without its id, as the answer to a question of each kind."""
    for kind in (EXCHANGER, IPV4, IPV6):
        query = Query(b"", _ID, (b"d", b"test"), kind.rdtype, MOST_RECORDS)
        message = response_in(_ID.to_bytes(2, "big") + octets, query)
        if message is not None:
            assert len(message.answer) + len(message.authority) <= MOST_RECORDS
            assert all(each.at + each.size <= len(message.wire) for each in message.answer + message.authority)
            _check_response(read(message, kind, "ns", validated=True), kind)


def _check_response(response: Response[Any], kind: DnsKind[Any]) -> None:
    answer = response.answer
    assert isinstance(answer, Found | Absent | Unavailable)
    assert 0 <= response.ttl <= LONGEST_TTL
    assert response.elsewhere is None or isinstance(answer, Absent)
    if isinstance(answer, Unavailable):
        assert answer.reason.isprintable()
    if not isinstance(answer, Found):
        return
    assert 0 < len(answer.value) == len(set(answer.value)) <= MOST_RECORDS
    for each in answer.value:
        if kind is EXCHANGER:
            preference, name = each
            assert 0 <= preference <= 65535
            assert name.isascii()
            assert name.isprintable()
            assert name == name.lower()
            assert not name.endswith(".") or name.endswith("\\.")


class _Server(Protocol):
    """Says all that it has to say when it is asked."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.factory.answer)
        self.transport.loseConnection()


def _http(octets: bytes) -> None:
    server: Any = Factory.forProtocol(_Server)
    server.answer = octets
    network: Any = MemoryNetwork({(_ADDRESS, 80): server})
    resolver: Any = ScriptedResolver({}, {"c.test": (_ADDRESS,)})
    fetcher = Fetcher(network, resolver, Fetch(largest=_LARGEST_BODY), False)
    found: list[object] = []
    fetcher.get("http://c.test/list").addBoth(found.append)
    network.flush()
    # The server has gone, so there is an answer.
    [answer] = found
    assert isinstance(answer, Found | Absent | Unavailable), answer
    if isinstance(answer, Found):
        assert len(answer.value) <= _LARGEST_BODY
    if isinstance(answer, Unavailable):
        assert answer.reason.isprintable(), answer.reason


TARGETS = (
    Target("dns", _dns, ("dns",), 1232),
    Target("http", _http, ("http",)),
)
