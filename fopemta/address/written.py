"""Addresses and domains as people write them (pure): one grammar and one canonical form for every place that has one.

| written            | names                                             |
|--------------------|---------------------------------------------------|
| `user@example.org` | one mailbox                                       |
| `example.org`      | the domain itself                                 |
| `*.example.org`    | what lies below it, however deep                  |
| `@example.org`     | both: the domain and what lies below              |
| `[192.0.2.1]`      | an address literal; there is nothing below it     |

The canonical form is the one that the SMTP grammar gives to what clients send: A-labels, lower case, no final dot, no
needless quotes, one spelling of each IP address.  What cannot name anything that a client may send is refused, with
what was probably meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from fopemta.address.grammar import NotInGrammar, canonical_domain, mailbox
from fopemta.address.ip import is_ip_address
from fopemta.address.mailbox import Mailbox

T = TypeVar("T")

# Prefixes of addresses and hosts elsewhere, which do not belong here.
_SCHEME = re.compile(r"^(?:mailto|smtps?|https?):(?://)?", re.IGNORECASE)
_PORT = re.compile(r"(?<=[^:]):[0-9]+$")
_WILDCARD = re.compile(r"[*?]")
_BETWEEN = re.compile(r"[\s,;]+")
_MOST_MEANT = 4


class NotWritten(Exception):
    """The text is no valid name; `wanted` says what is, `meant` what the author probably had in mind, or is empty."""

    def __init__(self, wanted: str, meant: str = "") -> None:
        super().__init__(f"must be {wanted}{suggestion(meant)}")
        self.wanted = wanted
        self.meant = meant


def suggestion(meant: str) -> str:
    """The end of an error message; empty if `meant` is."""
    return f"; did you mean {meant}?" if meant else ""


def written_domain(text: str) -> str:
    """Read a domain.  Raises NotWritten."""
    return _read(_domain, text, "a domain such as example.org")


def written_address(text: str) -> Mailbox:
    """Read a mailbox, with or without angle brackets.  Raises NotWritten."""
    return _read(_address, text, "an address such as postmaster@example.org")


def written_local_part(text: str) -> str:
    """Read a local part, without any quotes.  Raises NotWritten."""
    return _read(_local_part, text, "a local part such as postmaster")


def domain_pattern(text: str) -> str:
    """Read `example.org`, `*.example.org`, `@example.org` or `[192.0.2.1]`.  Raises NotWritten."""
    return _read(_domain_pattern, text, 'a domain such as example.org, or "*.example.org" for what is below it')


def address_or_domains(text: str) -> str:
    """Read an address (given in lower case) or a domain pattern.  Raises NotWritten."""
    return _read(_address_or_domains, text, 'an address, or a domain such as "example.org" or "@example.org"')


def address_pattern_text(text: str) -> str:
    """Read an address pattern, in lower case: an address or domain pattern, with `*` and `?` as wildcards in either
    part; `<>` for the null sender, `*` for every one.  Raises NotWritten.
    """
    return _read(_address_pattern, text, 'an address, a domain, "*.example.org" or "@example.org"')


def names_of(domain: str) -> Iterator[str]:
    """Every domain pattern that names `domain` (canonical), the narrowest first."""
    yield domain
    yield f"@{domain}"
    at = domain.find(".")
    while at >= 0:
        parent = domain[at + 1 :]
        yield f"*.{parent}"
        yield f"@{parent}"
        at = domain.find(".", at + 1)


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(read: Callable[[str], T], text: str, wanted: str) -> T:
    try:
        return read(text)
    except NotInGrammar:
        raise NotWritten(wanted, meant(text, lambda each: _accepts(read, each))) from None


def _accepts(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except NotInGrammar:
        return False
    return True


def _domain(text: str) -> str:
    found = canonical_domain(text)
    if found.startswith("[") or is_ip_address(found):
        raise NotInGrammar("an IP address is no domain")
    return found


def _domain_or_literal(text: str) -> str:
    return canonical_domain(text) if text.startswith("[") else _domain(text)


def _domain_pattern(text: str) -> str:
    for start in ("*.", "@"):
        if text.startswith(start):
            return start + _domain(text.removeprefix(start))
    return _domain_or_literal(text)


def _address(text: str) -> Mailbox:
    text = _bare(text)
    found = mailbox(_without_route(text))
    if _WILDCARD.search(text) and not text.startswith('"'):
        raise NotInGrammar("wildcards name several addresses")
    # A bare IP address is no useful domain: the host is named in brackets.
    return Mailbox(found.local_part, _domain_or_literal(found.domain))


def _local_part(text: str) -> str:
    return mailbox(f"{_without_route(text)}@any.invalid").local_part


def _without_route(text: str) -> str:
    """Refuse a source route: clients may send one, and it is ignored, but people never write one."""
    if text.startswith("@"):
        raise NotInGrammar("there is nothing before the @")
    return text


def _address_or_domains(text: str) -> str:
    if "@" in text.removeprefix("@"):
        found = _address(text)
        return str(Mailbox(found.compared, found.domain))
    pattern = _domain_pattern(text)
    if "." not in pattern and pattern[0] not in "@[":
        raise NotInGrammar("a name alone is a local part sooner than a domain")
    return pattern


def _address_pattern(text: str) -> str:
    if text in ("<>", "*"):
        return text
    local_part, at, domain = _bare(text).rpartition("@")
    domain = _domain_with_wildcards(domain)
    if at and not local_part:
        return domain if domain.startswith("*.") else f"@{_domain(domain)}"
    if not local_part:
        return domain
    # To the grammar, both wildcards are letters of a local part.
    return str(Mailbox(Mailbox(_local_part(local_part), domain).compared, domain))


def _domain_with_wildcards(text: str) -> str:
    rest = text.removeprefix("*.")
    if not _WILDCARD.search(rest):
        return text[: -len(rest)] + _domain(rest) if rest != text else _domain_or_literal(text)
    # A wildcard stands for characters of the canonical form, so the rest must be in that form already.
    example = _WILDCARD.sub("1" if text.startswith("[") else "a", text).lower().removesuffix(".")
    if not text.isascii() or _domain_or_literal(example).lower() != example:
        raise NotInGrammar("wildcards stand beside plain letters only")
    return text.lower().removesuffix(".")


def _bare(text: str) -> str:
    """The text without the angle brackets of a path."""
    return text[1:-1] if text.startswith("<") and text.endswith(">") else text


# --- what was meant --------------------------------------------------------------------------------------------------


def meant(text: str, accepts: Callable[[str], bool]) -> str:
    """What the author of `text` probably meant and `accepts` can read, in quotes; empty if there is no good guess.

    Never anything wider than the text: the author of an address did not mean its whole domain.
    """
    one = text.rpartition("@")[0] not in ("", "*")
    for candidate in _candidates(text):
        widens = one and "@" not in candidate and accepts(f"u@{candidate.removeprefix('*.')}")
        if candidate != text and not widens and accepts(candidate):
            return f'"{candidate}"'
    words = [each for each in _BETWEEN.split(text) if each]
    if 1 < len(words) <= _MOST_MEANT and all("." in each and accepts(each) for each in words):
        return " and ".join(f'"{each}"' for each in words) + ", one by one"
    return ""


def _candidates(text: str) -> Iterator[str]:
    text = text.strip().strip("\"'").strip()
    yield text
    text = _PORT.sub("", text.strip("<>"))
    yield text
    text = _SCHEME.sub("", text)
    yield text
    local_part, at, domain = text.rpartition("@")
    address = domain.strip("[]")
    if is_ip_address(address):
        yield f"{local_part}{at}{_literal(address)}"
    if domain.startswith(".") and local_part in ("", "*"):
        # The suffix form of other programs' lists.
        yield f"*{domain}"
    yield address
    yield text.partition("/")[0]
    words = text.split()
    if len(words) == 2 and "." not in words[0]:
        yield "".join(words)


def _literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
