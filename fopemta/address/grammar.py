"""The grammar of mailboxes, domains and address literals (pure).

RFC 5321 4.1.2 and 4.1.3, with the UTF-8 of RFC 6531 3.3; the caller checks whether a client may use that.  What is not
in the grammar is refused; nothing is guessed.  We are laxer than the RFC only where the text has just one reading: dots
anywhere in a local part, underscores in a domain.
"""

from __future__ import annotations

import functools
import ipaddress
import re

import idna

from fopemta.address.mailbox import DOT_STRING, Mailbox

# RFC 5321 Quoted-string: printable ASCII, a backslash before any of them.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*)"')
# RFC 5321 Domain, and underscores, which real host names have.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL = re.compile(r"\[(IPv6:)?([0-9A-Fa-f:.]+)\]", re.IGNORECASE)
# RFC 5321 A-d-l: "@one,@two:" before the mailbox; accepted and ignored (RFC 5321 4.1.1.3).
_SOURCE_ROUTE = re.compile(rf"@{_DOMAIN.pattern}(?:,@{_DOMAIN.pattern})*:")
# RFC 5321 4.5.3.1: the least that must be accepted; more is better where possible.  There is no limit of 64 for a local
# part: addresses rewritten by mailing lists and forwarders (VERP, SRS) often exceed it.  Counted in octets, which
# matters for UTF-8.
LONGEST_DOMAIN = 255
_LONGEST_PATH = 256


class NotInGrammar(Exception):
    """The text is invalid; the message says why, in words that a client may see."""


@functools.lru_cache(maxsize=2048)  # most addresses soon occur again
def mailbox(path: str) -> Mailbox:
    """A path without brackets as a mailbox in canonical form; a source route is ignored.  Raises NotInGrammar."""
    if len(path.encode("utf-8")) > _LONGEST_PATH - 2:
        raise NotInGrammar("the address is too long")
    route = _SOURCE_ROUTE.match(path)
    local_part, domain = _split_mailbox(path[route.end() :] if route else path)
    return Mailbox(_unquoted(local_part), canonical_domain(domain))


def canonical_domain(text: str) -> str:
    """A domain or address literal in canonical form: lower case, A-labels (RFC 5890), no final dot.

    Raises NotInGrammar.
    """
    if len(text) > LONGEST_DOMAIN:
        raise NotInGrammar("the domain is too long")
    if text.startswith("["):
        return canonical_literal(text)
    if not text.isascii():
        text = _a_labels(text)
    # The final dot of the root may be written, and does not change the domain.
    text = text.removesuffix(".")
    if not _DOMAIN.fullmatch(text):
        raise NotInGrammar("the domain is not valid")
    return text.lower()


def _a_labels(text: str) -> str:
    try:
        # RFC 5891 5.2 leaves it to the reader of a name to map letters to one form: case, width, accents (UTS 46). A
        # name that becomes too long is refused, too.
        return idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError as error:  # idna.IDNAError is one
        raise NotInGrammar("the domain is not valid") from error


def _split_mailbox(text: str) -> tuple[str, str]:
    quoted = _QUOTED.match(text)
    end = quoted.end() if quoted else text.find("@")
    if end < 0 or text[end : end + 1] != "@":
        raise NotInGrammar("the address needs a local part, @ and a domain")
    return text[:end], text[end + 1 :]


def _unquoted(local_part: str) -> str:
    quoted = _QUOTED.fullmatch(local_part)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    if not DOT_STRING.fullmatch(local_part):
        raise NotInGrammar("the local part is not valid")
    return local_part


def canonical_literal(text: str) -> str:
    """An address literal in canonical form, with its brackets.  Raises NotInGrammar."""
    match = _LITERAL.fullmatch(text)
    if match is None:
        raise NotInGrammar("the address literal is not valid")
    try:
        address = ipaddress.IPv6Address(match[2]) if match[1] else ipaddress.IPv4Address(match[2])
    except ValueError as error:
        raise NotInGrammar("the address literal is not valid") from error
    # An IPv4-mapped IPv6 address is the same host, and gets one name.
    address = getattr(address, "ipv4_mapped", None) or address
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
