"""One DNS question, its wire form, and what a response says about it (dnspython's messages, no sockets)."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

import attrs
import dns.flags
import dns.ipv4
import dns.ipv6
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from fopemta.answer import Absent, Answer, Found, Unavailable
from fopemta.dns.response import (
    AD,
    CNAME,
    NOERROR,
    NS,
    NXDOMAIN,
    SOA,
    BoundExceeded,
    DnsRecord,
    Labels,
    Malformed,
    Message,
    Query,
    name_at,
)

T = TypeVar("T")

# The size that resolvers agreed on as safe from fragmentation (DNS flag day 2020).
UDP_PAYLOAD = 1232

# Records of one response, all sections together; a mail domain needs a tenth of it.
MOST_RECORDS = 300
# Of CNAMEs in one response.
_LONGEST_CHAIN = 16

# Our name server counts TTLs down, so nothing need be cached longer: if an administrator fixes a zone and empties the
# name server's cache, ours expires soon.  RFC 2308 5: one to three hours is enough for negative answers, too.
LONGEST_TTL = 3600.0
# RFC 2308 5: a negative answer without SOA should not be cached; this makes a burst of mail ask only once a minute.
_NEGATIVE_TTL = 60.0


def canonical(labels: Labels) -> str:
    """The form of a name used by routing: lower case, no final dot; the root is ""."""
    return dns.name.Name((*labels, b"")).to_text(omit_final_dot=True).lower() if labels else ""


@attrs.frozen
class DnsKind(Generic[T]):
    """A kind of record: its type, and how to read the data of one record.

    `read` gets the message, the offset of the data and their size in octets; it raises Malformed, IndexError,
    struct.error or BoundExceeded.
    """

    rdtype: dns.rdatatype.RdataType
    read: Callable[[bytes, int, int], T]


def _exchanger(wire: bytes, at: int, size: int) -> tuple[int, str]:
    (preference,) = struct.unpack_from("!H", wire, at)
    name, end = name_at(wire, at + 2)
    if end != at + size:
        raise Malformed
    return preference, canonical(name)


def _address(text: Callable[[bytes], str], length: int) -> Callable[[bytes, int, int], str]:
    def read(wire: bytes, at: int, size: int) -> str:
        if size != length:
            raise Malformed
        return text(wire[at : at + size])

    return read


EXCHANGER: DnsKind[tuple[int, str]] = DnsKind(dns.rdatatype.MX, _exchanger)
IPV4: DnsKind[str] = DnsKind(dns.rdatatype.A, _address(dns.ipv4.inet_ntoa, 4))
IPV6: DnsKind[str] = DnsKind(dns.rdatatype.AAAA, _address(dns.ipv6.inet_ntoa, 16))


@attrs.frozen
class Question(Generic[T]):
    """One question; `name` is absolute."""

    name: dns.name.Name
    kind: DnsKind[T]

    @classmethod
    def of(cls, name: str, kind: DnsKind[T]) -> Question[T]:
        """Raises dns.exception.DNSException or UnicodeError if `name` is invalid.  Underscores are allowed."""
        return cls(dns.name.from_text(name, origin=dns.name.root), kind)

    def query(self, validated: bool = False, most: int = MOST_RECORDS) -> Query:
        """The message to send, with a random id.  `validated`: ask for the result of DNSSEC validation (RFC
        6840 5.7).
        """
        flags = dns.flags.RD | (dns.flags.AD if validated else 0)
        message = dns.message.make_query(self.name, self.kind.rdtype, flags=flags, use_edns=0, payload=UDP_PAYLOAD)
        labels = tuple(label.lower() for label in self.name.labels[:-1])
        return Query(message.to_wire(), message.id, labels, self.kind.rdtype, most)


@attrs.frozen
class Response(Generic[T]):
    """A parsed response: the answer, its validity in seconds, and a name still to be asked.

    `elsewhere` is the end of a chain of CNAMEs without records in this response; `excess` names the bound that the
    response exceeds, or "".
    """

    answer: Answer[tuple[T, ...]]
    ttl: float = 0.0
    elsewhere: dns.name.Name | None = None
    excess: str = ""


@attrs.frozen
class _Chain:
    """The end of the CNAMEs: its records of the type asked for, and the shortest TTL of the chain."""

    name: Labels
    records: tuple[DnsRecord, ...]
    ttl: float
    followed: bool


def read(message: Message, kind: DnsKind[T], server: str, validated: bool = False) -> Response[T]:
    """Read a response to a question of `kind`; `server` is its name for the operator.  Never raises.

    `validated`: the server's statement about DNSSEC is trusted.
    """
    if message.excess:
        return _excessive(message.excess, server)
    if message.rcode not in (NOERROR, NXDOMAIN):
        return Response(Unavailable(f"{dns.rcode.to_text(dns.rcode.Rcode(message.rcode))} from {server}"))
    try:
        chain = _chain(message)
        found = tuple(dict.fromkeys(kind.read(message.wire, each.at, each.size) for each in chain.records))
    except BoundExceeded as excess:
        return _excessive(str(excess), server)
    except (Malformed, IndexError, struct.error):
        return Response(Unavailable(f"unusable answer from {server}"))
    proven = validated and bool(message.flags & AD)
    if not found:
        return _nothing(message, chain, proven, server)
    if message.rcode == NXDOMAIN:
        return Response(Unavailable(f"unusable answer from {server} (a name that does not exist has records)"))
    return Response(Found(found, proven), min(chain.ttl, LONGEST_TTL))


def _excessive(excess: str, server: str) -> Response[T]:
    return Response(Unavailable(f"the answer from {server} has {excess}"), excess=excess)


def _chain(message: Message) -> _Chain:
    """RFC 1034 3.6.2.  Raises BoundExceeded, and the exceptions of `name_at`."""
    by_name: dict[tuple[Labels, int], list[DnsRecord]] = defaultdict(list)
    for record in message.answer:
        by_name[record.name, record.rdtype].append(record)
    name, ttl = message.query.name, float("inf")
    for step in range(_LONGEST_CHAIN + 1):
        records = by_name.get((name, message.query.rdtype), [])
        aliases = by_name.get((name, CNAME), [])
        ttl = min([ttl, *(each.ttl for each in records or aliases)])
        if records or not aliases:
            return _Chain(name, tuple(records), ttl, step > 0)
        name, end = name_at(message.wire, aliases[0].at)
        if end != aliases[0].at + aliases[0].size:
            raise Malformed
    raise BoundExceeded(f"a chain of more than {_LONGEST_CHAIN} CNAMEs")


def _nothing(message: Message, chain: _Chain, proven: bool, server: str) -> Response[T]:
    denials = [each for each in message.authority if each.rdtype == SOA]
    ttl = min(chain.ttl, _negative_ttl(message.wire, denials), LONGEST_TTL)
    if message.rcode == NXDOMAIN:
        return Response(Absent(proven, name_exists=False), ttl)
    if chain.followed and not denials:
        return Response(Absent(proven), ttl, dns.name.Name((*chain.name, b"")))
    if not denials and any(each.rdtype == NS for each in message.authority):
        # RFC 2308 2.2: a referral, from a server that does not recurse for us.  That is no negative answer.
        return Response(Unavailable(f"only a referral from {server}, which does not resolve for us"))
    return Response(Absent(proven), ttl)


def _negative_ttl(wire: bytes, denials: list[DnsRecord]) -> float:
    """RFC 2308 5: the lesser of the SOA's own TTL and its last field."""
    if not denials or denials[0].size < 4:
        return _NEGATIVE_TTL
    first = denials[0]
    (minimum,) = struct.unpack_from("!I", wire, first.at + first.size - 4)
    return float(min(first.ttl, minimum))
