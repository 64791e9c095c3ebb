"""DNS for tests: a resolver that answers from a table, and a small real server on loopback."""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from typing import Any

import attrs
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Protocol, ServerFactory
from zope.interface import implementer

from fopemta.address.ip import is_ip_address
from fopemta.answer import Absent, Answer, Found
from fopemta.interfaces import IResolver
from fopemta.routing.public_address import Reach

# Tests use addresses of documentation and loopback, to which no mail is sent otherwise.
EVERYWHERE = Reach((ip_network("0.0.0.0/0"), ip_network("::/0")))


@implementer(IResolver)
class ScriptedResolver:
    """Answers from two tables; a name in neither does not exist.

    `mx` maps a domain to its answer, `hosts` a host to its answer.  A plain tuple means Found; a Deferred delays the
    answer until the test fires it.  Every question is recorded in `asked`.
    """

    def __init__(self, mx: Mapping[str, Any] | None = None, hosts: Mapping[str, Any] | None = None) -> None:
        self.mx = dict(mx or {})
        self.hosts = dict(hosts or {})
        self.asked: list[str] = []

    def exchangers(self, domain: str) -> Deferred[Answer[tuple[tuple[int, str], ...]]]:
        """See IResolver."""
        self.asked.append(f"MX {domain}")
        return self._answer(self.mx, domain)

    def addresses(self, host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """See IResolver."""
        if is_ip_address(host):
            return succeed(Found((host,)))
        self.asked.append(f"A {host}")
        return self._answer(self.hosts, host)

    def ipv4_addresses(self, host: str) -> Deferred[Answer[tuple[str, ...]]]:
        """See IResolver."""
        self.asked.append(f"A {host}")
        return self._answer(self.hosts, host)

    def _answer(self, table: Mapping[str, Any], name: str) -> Deferred[Any]:
        if name not in table:
            return succeed(Absent(name_exists=name in self.mx or name in self.hosts))
        value = table[name]
        if isinstance(value, Deferred):
            return value
        return succeed(Found(value) if isinstance(value, tuple) else value)


class Trouble(enum.Enum):
    """How the server misbehaves for a name."""

    SERVFAIL = "servfail"
    REFUSED = "refused"
    SILENT = "silent"
    TRUNCATED = "truncated"  # over UDP only the flag; TCP has the whole answer
    CUT_OFF = "cut_off"  # over UDP the flag and a record that is cut off; TCP has the whole answer
    SLOW = "slow"  # answers after SLOW_SECONDS


SLOW_SECONDS = 1.0


@attrs.define
class Zone:
    """Records as lines of "name ttl type data", names absolute without final dot, and `trouble` by name."""

    records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = attrs.Factory(dict)
    trouble: dict[dns.name.Name, Trouble] = attrs.Factory(dict)

    @classmethod
    def of(cls, lines: Iterable[str], trouble: Mapping[str, Trouble] | None = None) -> Zone:
        """Raises dns.exception.DNSException if a line is no record."""
        zone = cls()
        for line in lines:
            zone.add(line)
        for name, kind in (trouble or {}).items():
            zone.trouble[_name(name)] = kind
        return zone

    def add(self, line: str) -> None:
        """Add a record."""
        name, ttl, rdtype, data = line.split(None, 3)
        key = (_name(name), dns.rdatatype.from_text(rdtype))
        rrset = dns.rrset.from_text_list(
            key[0], int(ttl), dns.rdataclass.IN, key[1], [data], origin=dns.name.root, relativize=False
        )
        if key in self.records:
            self.records[key].update(rrset)  # type: ignore[no-untyped-call]
        else:
            self.records[key] = rrset

    def answer(self, query: dns.message.Message, tcp: bool) -> dns.message.Message | None:
        """The response to a query; None means silence."""
        question = query.question[0]
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        trouble = self.trouble.get(question.name)
        if trouble is Trouble.SILENT:
            return None
        if trouble in (Trouble.SERVFAIL, Trouble.REFUSED):
            response.set_rcode(dns.rcode.SERVFAIL if trouble is Trouble.SERVFAIL else dns.rcode.REFUSED)
        elif trouble is Trouble.TRUNCATED and not tcp:
            response.flags |= dns.flags.TC
        elif trouble is Trouble.CUT_OFF and not tcp:
            self._fill(response, question.name, question.rdtype)
            response.flags |= dns.flags.TC
        else:
            self._fill(response, question.name, question.rdtype)
        return response

    def _fill(self, response: dns.message.Message, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> None:
        for _ in range(8):
            found = self.records.get((name, rdtype))
            if found is not None:
                response.answer.append(found)
                return
            alias = self.records.get((name, dns.rdatatype.CNAME))
            if alias is None:
                break
            response.answer.append(alias)
            name = alias[0].target
        if not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)


class DnsServer:
    """A name server with one Zone, by UDP and TCP on the same port of an address."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.queries: list[str] = []
        self.port = 0
        self._reactor: Any = None
        self._ports: list[Any] = []
        self._late: set[Any] = set()

    def listen(self, reactor: Any, address: str = "127.0.0.1", port: int = 0) -> int:
        """Open both ports (0: a free one); returns the number.  Raises CannotListenError."""
        self._reactor = reactor
        for attempt in range(1 if port else 20, 0, -1):
            # A number free for TCP, which has many users on a busy machine, is usually free for UDP too.
            streams = reactor.listenTCP(port, _StreamFactory(self), interface=address)
            self.port = streams.getHost().port
            self._ports = [streams]
            try:
                self._ports.append(reactor.listenUDP(self.port, _Datagrams(self), interface=address))
                break
            except CannotListenError:
                streams.stopListening()
                if attempt == 1:
                    raise
        return self.port

    def stop(self) -> Deferred[Any]:
        """Close both ports; delayed responses are never sent."""
        for call in self._late:
            call.cancel()
        self._late.clear()
        stopping = [port.stopListening() for port in self._ports]
        return gatherResults([each for each in stopping if each is not None])

    def respond(self, wire: bytes, tcp: bool) -> bytes | None:
        """The wire form of the response; None means silence, also for invalid queries."""
        query = _query(wire)
        if query is None:
            return None
        question = query.question[0]
        self.queries.append(f"{dns.rdatatype.to_text(question.rdtype)} {question.name.to_text(omit_final_dot=True)}")
        response = self.zone.answer(query, tcp)
        if response is None:
            return None
        if self.zone.trouble.get(question.name) is Trouble.CUT_OFF and not tcp:
            return response.to_wire()[:-5]
        try:
            return response.to_wire(max_size=65535 if tcp else query.payload or 512)
        except dns.exception.TooBig:
            shortened = dns.message.make_response(query)
            shortened.flags |= dns.flags.TC
            return shortened.to_wire()

    def answer(self, wire: bytes, tcp: bool, send: Callable[[bytes], object]) -> None:
        """`send` the response at its time; never for silence."""
        response = self.respond(wire, tcp)
        if response is None:
            return
        query = _query(wire)
        if query is None or self.zone.trouble.get(query.question[0].name) is not Trouble.SLOW:
            send(response)
            return

        def late(answer: bytes) -> None:
            self._late.discard(call)
            send(answer)

        call = self._reactor.callLater(SLOW_SECONDS, late, response)
        self._late.add(call)


class _Datagrams(DatagramProtocol):
    noisy = False

    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        def send(answer: bytes) -> None:
            if self.transport is not None:
                self.transport.write(answer, addr)

        self._server.answer(data, False, send)


class _StreamFactory(ServerFactory):
    noisy = False

    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def buildProtocol(self, addr: Any) -> _Stream:
        return _Stream(self._server)


class _Stream(Protocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= 2 and len(self._data) >= 2 + struct.unpack_from("!H", self._data)[0]:
            (length,) = struct.unpack_from("!H", self._data)
            wire, self._data = self._data[2 : 2 + length], self._data[2 + length :]
            self._server.answer(wire, True, self._send)

    def _send(self, answer: bytes) -> None:
        if self.transport is not None and self.connected:
            self.transport.write(struct.pack("!H", len(answer)) + answer)


def _query(wire: bytes) -> dns.message.Message | None:
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    return query if query.question else None


def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text, origin=dns.name.root)
