"""The grammar of addresses, parameters and names in SMTP commands (pure).

RFC 5321 4.1.2 and 4.1.3, with the UTF-8 of RFC 6531 3.3; whether a client may use that is for the caller to say.  What
is not in the grammar is refused; nothing is guessed.  We are laxer than the RFC where no two readers can take what is
written for different things: blanks after the colon and at the end of MAIL and RCPT lines, dots anywhere in a local
part, any printable word for a client's name; and for clients who are known, paths without angle brackets.
"""

from __future__ import annotations

import functools
import ipaddress
import re

import idna

from fopemta.mail.address import DOT_STRING, Mailbox

# RFC 5321 Quoted-string: printable ASCII, a backslash before any of them.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*)"')
# RFC 5321 Domain, and underscores, which real host names have.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9._:\[\]-]")
_LITERAL = re.compile(r"\[(IPv6:)?([0-9A-Fa-f:.]+)\]", re.IGNORECASE)
# RFC 5321 A-d-l: "@one,@two:" before the mailbox; accepted and ignored (RFC 5321 4.1.1.3).
_SOURCE_ROUTE = re.compile(rf"@{_DOMAIN.pattern}(?:,@{_DOMAIN.pattern})*:")
_NEEDS_BRACKETS = re.compile(r'[<>"\\]')
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?")

# RFC 5321 4.5.3.1: so much must be taken at least, and more where possible.  There is no limit of 64 for a local part:
# addresses that mailing lists and forwarders rewrite (VERP, SRS) often exceed it.
# Counted in octets, which matters for UTF-8.
_LONGEST_DOMAIN = 255
_LONGEST_PATH = 256


class NotInGrammar(Exception):
    """The text is no such thing; the message says what is wrong with it, in words a client may see."""


def split_path(argument: str, lenient: bool = False) -> tuple[str, str]:
    """An argument "<path> parameters" in two: the path without its brackets, the rest stripped.

    `lenient`: the brackets may be missing.  Raises NotInGrammar.
    """
    text = argument.strip(" ")
    if not text.startswith("<"):
        return _bare_path(text, lenient)
    end = _closing_bracket(text)
    rest = text[end + 1 :]
    if rest and not rest.startswith(" "):
        raise NotInGrammar("a blank must follow the address")
    return text[1:end], rest.strip(" ")


def _bare_path(text: str, lenient: bool) -> tuple[str, str]:
    path, _, rest = text.partition(" ")
    # What may hold a blank or a bracket has no certain end without brackets around it; what has no @ and an equals sign
    # is a parameter, and the address is missing.
    if not lenient or not path or _NEEDS_BRACKETS.search(path) or ("=" in path and "@" not in path):
        raise NotInGrammar("the address must stand in angle brackets")
    return path, rest.strip(" ")


def local_sender(path: str, domain: str) -> Mailbox:
    """A path without brackets that may lack its domain, which is then `domain`.  Raises NotInGrammar."""
    return mailbox(f"{path}@{domain}" if DOT_STRING.fullmatch(path) else path)


@functools.lru_cache(maxsize=2048)  # whoever writes or is written to once mostly comes again
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
    if len(text) > _LONGEST_DOMAIN:
        raise NotInGrammar("the domain is too long")
    if text.startswith("["):
        return _canonical_literal(text)
    if not text.isascii():
        text = _a_labels(text)
    # The root may be written out, and names the same domain.
    text = text.removesuffix(".")
    if not _DOMAIN.fullmatch(text):
        raise NotInGrammar("the domain is not valid")
    return text.lower()


def _a_labels(text: str) -> str:
    try:
        # RFC 5891 5.2 leaves it to whoever reads a name to bring letters to one form: case, width, accents (UTS 46).
        # What is too long then is refused, too.
        return idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError as error:  # idna.IDNAError is one
        raise NotInGrammar("the domain is not valid") from error


def host_name(text: str) -> str:
    """The argument of HELO or EHLO: mostly a domain or literal, but many programs say what their machine is called.

    The name says nothing that could be relied on, so any word will do (RFC 5321 4.1.4); what might not be safe in a
    header or a log becomes "?".  Raises NotInGrammar.
    """
    name = text.strip(" ")
    try:
        return _canonical_literal(name)
    except NotInGrammar:
        pass
    if not name or " " in name or len(name) > _LONGEST_DOMAIN:
        raise NotInGrammar("the name is not valid")
    return _NOT_OF_A_NAME.sub("?", name)


def parameters(text: str) -> dict[str, str | None]:
    """ESMTP parameters by upper-case keyword (RFC 5321 4.1.2).  Raises NotInGrammar, also for a repeated one."""
    found: dict[str, str | None] = {}
    for word in text.split(" "):
        if not word:
            continue
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise NotInGrammar("a parameter is not valid")
        keyword = match[1].upper()
        if keyword in found:
            raise NotInGrammar("a parameter is given twice")
        found[keyword] = match[2]
    return found


def _closing_bracket(text: str) -> int:
    """Where the path ends; a bracket inside quotes does not count."""
    end = text.find(">")
    if end >= 0 and '"' not in text[:end]:
        return end
    quoted = escaped = False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ">" and not quoted:
            return index
    raise NotInGrammar("the address has no closing bracket")


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


def _canonical_literal(text: str) -> str:
    match = _LITERAL.fullmatch(text)
    if match is None:
        raise NotInGrammar("the address literal is not valid")
    try:
        address = ipaddress.IPv6Address(match[2]) if match[1] else ipaddress.IPv4Address(match[2])
    except ValueError as error:
        raise NotInGrammar("the address literal is not valid") from error
    # An IPv4 address within IPv6 is the same host, and is named in one way.
    address = getattr(address, "ipv4_mapped", None) or address
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
