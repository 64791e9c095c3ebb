"""One DNS question, its wire form, and what a response says about it (shell: dnspython, but no I/O)."""

from __future__ import annotations

import attrs
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from fopemta.answer import Absent, Answer, Found, Unavailable

# What resolvers agreed on as safe from fragmentation (DNS flag day 2020).
UDP_PAYLOAD = 1232

# RFC 2308 5: a negative answer without SOA is not cached for long; nothing is kept longer than a day.
_NEGATIVE_TTL = 60
_LONGEST_TTL = 86400


@attrs.frozen
class Question:
    """`name` absolute, `rdtype` a number of `dns.rdatatype`."""

    name: dns.name.Name
    rdtype: dns.rdatatype.RdataType

    @classmethod
    def of(cls, name: str, rdtype: dns.rdatatype.RdataType) -> Question:
        """Raises dns.exception.DNSException or UnicodeError for a text that is no name."""
        return cls(dns.name.from_text(name.lower(), origin=dns.name.root), rdtype)

    @property
    def word(self) -> str:
        """For the operator: "MX example.org"."""
        return f"{dns.rdatatype.to_text(self.rdtype)} {self.name.to_text(omit_final_dot=True)}"

    def query(self) -> dns.message.QueryMessage:
        """The message to send, with a random id."""
        return dns.message.make_query(self.name, self.rdtype, use_edns=0, payload=UDP_PAYLOAD)


@attrs.frozen
class Response:
    """A response that was read: the answer, how long it holds (seconds), and a name still to be asked.

    `elsewhere` is where a chain of CNAMEs led without an end in this response.
    """

    answer: Answer[dns.rrset.RRset]
    ttl: float
    elsewhere: dns.name.Name | None = None


def truncated(message: dns.message.Message) -> bool:
    """The response did not fit: TCP has the rest."""
    return bool(message.flags & dns.flags.TC)


def read(message: dns.message.Message, server: str) -> Response:
    """What a response to one of our questions says; `server` for the operator.  Never raises."""
    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Response(Unavailable(f"{dns.rcode.to_text(rcode)} from {server}"), 0)
    try:
        if not isinstance(message, dns.message.QueryMessage):
            raise dns.exception.FormError
        chain = message.resolve_chaining()
    except dns.exception.DNSException as error:
        return Response(Unavailable(f"unusable answer from {server} ({type(error).__name__})"), 0)
    ttl = float(min(chain.minimum_ttl, _LONGEST_TTL))
    proven = bool(message.flags & dns.flags.AD)
    if chain.answer is not None:
        return Response(Found(chain.answer, proven), ttl)
    if rcode == dns.rcode.NXDOMAIN:
        return Response(Absent(proven, name_exists=False), min(ttl, _negative_ttl(message)))
    has_soa = any(each.rdtype == dns.rdatatype.SOA for each in message.authority)
    elsewhere = chain.canonical_name if chain.cnames and not has_soa else None
    return Response(Absent(proven), min(ttl, _negative_ttl(message)), elsewhere)


def _negative_ttl(message: dns.message.Message) -> float:
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return float(min(rrset.ttl, rrset[0].minimum))
    return _NEGATIVE_TTL
