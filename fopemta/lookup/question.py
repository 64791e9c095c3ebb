"""One DNS question, its wire form, and what a response says about it (shell: dnspython, but no I/O)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import attrs
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from fopemta.answer import Absent, Answer, Found, Unavailable

T = TypeVar("T")

# What resolvers agreed on as safe from fragmentation (DNS flag day 2020).
UDP_PAYLOAD = 1232

# A name server counts TTLs down for us, so nothing need be kept for longer: who mends his zone and empties the cache of
# his name server does not wait for ours.  RFC 2308 5: one to three hours is enough for negative answers, too.
LONGEST_TTL = 3600.0
# RFC 2308 5: a negative answer without SOA should not be cached; a burst of mail asks but once a minute.
_NEGATIVE_TTL = 60.0


def canonical(name: dns.name.Name) -> str:
    """The name as routing knows it: lower case, no final dot; the root is ""."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


@attrs.frozen
class Kind(Generic[T]):
    """A kind of record: its type, and what one record of it says."""

    rdtype: dns.rdatatype.RdataType
    read: Callable[[Any], T]


EXCHANGER: Kind[tuple[int, str]] = Kind(
    dns.rdatatype.MX, lambda record: (record.preference, canonical(record.exchange))
)
IPV4: Kind[str] = Kind(dns.rdatatype.A, lambda record: record.address)
IPV6: Kind[str] = Kind(dns.rdatatype.AAAA, lambda record: record.address)


@attrs.frozen
class Question(Generic[T]):
    """`name` is absolute."""

    name: dns.name.Name
    kind: Kind[T]

    @classmethod
    def of(cls, name: str, kind: Kind[T]) -> Question[T]:
        """Raises dns.exception.DNSException or UnicodeError for a text that is no name.  Underscores are welcome."""
        return cls(dns.name.from_text(name, origin=dns.name.root), kind)

    def query(self, validated: bool = False) -> dns.message.QueryMessage:
        """The message to send, with a random id.  `validated`: ask to be told what DNSSEC proved (RFC 6840 5.7)."""
        flags = dns.flags.RD | (dns.flags.AD if validated else 0)
        return dns.message.make_query(self.name, self.kind.rdtype, flags=flags, use_edns=0, payload=UDP_PAYLOAD)


@attrs.frozen
class Response(Generic[T]):
    """A response that was read: the answer, how long it holds (seconds), and a name still to be asked.

    `elsewhere` is where a chain of CNAMEs led without an end in this response.
    """

    answer: Answer[tuple[T, ...]]
    ttl: float = 0.0
    elsewhere: dns.name.Name | None = None


def response_in(data: bytes, query: dns.message.Message) -> dns.message.Message | None:
    """The message in `data` if it is a response to `query`, else None: then somebody guesses, or rubbish came.

    A response that was cut off counts, for its truncation flag (C128).
    """
    try:
        message = dns.message.from_wire(data, ignore_trailing=True, raise_on_truncation=True)
    except dns.message.Truncated as cut:
        message = cut.message()  # type: ignore[no-untyped-call]
    except (dns.exception.DNSException, ValueError, struct.error, IndexError, UnicodeError):
        return None
    return message if query.is_response(message) else None


def truncated(message: dns.message.Message) -> bool:
    """The response did not fit: TCP has the whole of it."""
    return bool(message.flags & dns.flags.TC)


def read(message: dns.message.Message, kind: Kind[T], server: str, validated: bool = False) -> Response[T]:
    """What a response to a question of `kind` says; `server` for the operator.  Never raises.

    `validated`: what the server says of DNSSEC may be believed.
    """
    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Response(Unavailable(f"{dns.rcode.to_text(rcode)} from {server}"))
    try:
        if not isinstance(message, dns.message.QueryMessage):
            raise dns.exception.FormError
        chain = message.resolve_chaining()
    except dns.exception.DNSException as error:
        return Response(Unavailable(f"unusable answer from {server} ({type(error).__name__})"))
    proven = validated and bool(message.flags & dns.flags.AD)
    ttl = min(float(chain.minimum_ttl), LONGEST_TTL)
    if chain.answer is not None:
        return Response(Found(tuple(kind.read(record) for record in chain.answer), proven), ttl)
    ttl = min(ttl, _negative_ttl(message))
    if rcode == dns.rcode.NXDOMAIN:
        return Response(Absent(proven, name_exists=False), ttl)
    if chain.cnames and not _has(message, dns.rdatatype.SOA):
        return Response(Absent(proven), ttl, chain.canonical_name)
    if _has(message, dns.rdatatype.NS) and not _has(message, dns.rdatatype.SOA):
        # RFC 2308 2.2: "ask those", from a server that does not look things up for us.  That is no "no".
        return Response(Unavailable(f"only a referral from {server}, which does not resolve for us"))
    return Response(Absent(proven), ttl)


def _has(message: dns.message.Message, rdtype: dns.rdatatype.RdataType) -> bool:
    return any(each.rdtype == rdtype for each in message.authority)


def _negative_ttl(message: dns.message.Message) -> float:
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return float(min(rrset.ttl, rrset[0].minimum))
    return _NEGATIVE_TTL
