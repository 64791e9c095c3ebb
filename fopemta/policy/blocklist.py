"""DNS blocklists of clients (pure): RFC 5782, and the meaning of an answer."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Sequence
from typing import Any

import attrs

from fopemta.answer import Absent, Answer, Found
from fopemta.settings.key import REQUIRED, key, section_of
from fopemta.settings.place import NotValid, Place, array, plain
from fopemta.settings.words import domain, ip_address_of

# RFC 5782 2.1: answers in this network are listings.
LISTINGS = ipaddress.ip_network("127.0.0.0/8")
# Answers of list operators to unwanted queries: never a listing.
NO_LISTINGS = ipaddress.ip_network("127.255.255.0/24")
_USUAL = ipaddress.ip_network("127.0.0.0/24")


def list_code_of(value: object) -> str:
    """An answer of a DNS blocklist for a listed client (RFC 5782 2.1)."""
    text = ip_address_of(value)
    code = ipaddress.ip_address(text)
    if code not in LISTINGS or code in NO_LISTINGS:
        raise NotValid(f"must be in {LISTINGS}, and not in {NO_LISTINGS}, where lists answer that they do not: {text}")
    return text


list_code = plain(list_code_of, "address in 127.0.0.0/8")


@attrs.frozen
class Blocklist:
    """A DNS blocklist of clients."""

    zone: str = key(domain, REQUIRED, "The list's domain.")
    codes: tuple[str, ...] = key(
        array(list_code), [], "The addresses that count as listed; without any 127.0.0.2 to 127.0.0.255."
    )


def read_blocklist(value: object, place: Place) -> Any:
    """Read a zone, or a table with the codes that count (a Reader)."""
    return section_of(Blocklist)({"zone": value} if isinstance(value, str) else value, place)


class BlocklistAnswer(enum.Enum):
    """Whether a list lists the client; an answer that means neither is invalid."""

    LISTED = "listed"
    NOT_LISTED = "not listed"
    UNAVAILABLE = "unavailable"


def query_name(client: str, zone: str) -> str | None:
    """The name to query (RFC 5782 2.1, 2.4): octets or nibbles reversed; None if `client` is no address."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return None
    return address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa") + f".{zone}"


def listing(blocklist: Blocklist, answer: Answer[tuple[str, ...]]) -> BlocklistAnswer:
    """The meaning of an answer.  Only a certain listing blocks mail."""
    if isinstance(answer, Absent):
        return BlocklistAnswer.NOT_LISTED
    if isinstance(answer, Found) and any(_listed(blocklist.codes, each) for each in answer.value):
        return BlocklistAnswer.LISTED
    return BlocklistAnswer.UNAVAILABLE


def _listed(codes: Sequence[str], address: str) -> bool:
    try:
        code = ipaddress.ip_address(address)
    except ValueError:
        return False
    if code in NO_LISTINGS:
        return False
    return address in codes if codes else code in _USUAL and int(code) % 256 >= 2
