"""The extensions that a server offers in its reply to EHLO (pure).

STARTTLS is recognised wherever a lenient reader would see it: a false positive costs one refused attempt, but an
overlooked one sends mail in the clear.  Everything else is read strictly, since using an extension that was not offered
breaks the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import attrs

# Old drafts put the value after "=" ("AUTH=LOGIN").
_LINE = re.compile(r"[\s-]*([A-Za-z0-9][A-Za-z0-9-]*)(?:[\s=]+(.*))?")
_STARTTLS = re.compile(r"(?<![A-Z0-9])STARTTLS(?![A-Z0-9])", re.IGNORECASE)
# A line that begins with one of these can only be part of a reply to EHLO.
_KEYWORDS = frozenset(
    {
        "8BITMIME", "AUTH", "BINARYMIME", "BURL", "CHECKPOINT", "CHUNKING", "CONNEG", "CONPERM", "DELIVERBY", "DSN",
        "ENHANCEDSTATUSCODES", "ETRN", "EXPN", "FUTURERELEASE", "HELP", "LIMITS", "MT-PRIORITY", "MTRK",
        "NO-SOLICITING", "PIPECONNECT", "PIPELINING", "REQUIRETLS", "RRVS", "SIZE", "SMTPUTF8", "STARTTLS", "TURN",
        "UTF8SMTP", "VERB", "VRFY", "XCLIENT", "XFORWARD",
    }
)  # fmt: skip


@attrs.frozen(kw_only=True)
class ServerOffer:
    """The extensions that matter for sending a message.

    `size` limit in octets, 0 if unknown.  Limits of RFC 9422, 0 if not announced: `recipients` per transaction,
    `messages` per session, and `domains` of all recipients.
    """

    pipelining: bool = False
    size: int = 0
    says_size: bool = False
    eight_bit: bool = False
    chunking: bool = False
    binary: bool = False
    smtputf8: bool = False
    dsn: bool = False
    recipients: int = 0
    messages: int = 0
    domains: int = 0

    @classmethod
    def of(cls, extensions: Mapping[str, str]) -> ServerOffer:
        """Make the offer from upper-case keywords and their values."""
        size, limits = extensions.get("SIZE", ""), _limits(extensions.get("LIMITS", ""))
        return cls(
            pipelining="PIPELINING" in extensions,
            size=_number(size),
            says_size="SIZE" in extensions,
            eight_bit="8BITMIME" in extensions,
            chunking="CHUNKING" in extensions,
            binary="BINARYMIME" in extensions and "CHUNKING" in extensions,
            smtputf8="SMTPUTF8" in extensions,
            dsn="DSN" in extensions,
            recipients=limits.get("RCPTMAX", 0),
            messages=limits.get("MAILMAX", 0),
            domains=limits.get("RCPTDOMAINMAX", 0),
        )


def _limits(value: str) -> dict[str, int]:
    """RFC 9422 4: names and numbers; anything else is ignored."""
    pairs = (word.partition("=") for word in value.upper().split())
    return {name: _number(number) for name, _, number in pairs}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0


def extensions_of(lines: Iterable[str]) -> dict[str, str]:
    """Upper-case keywords and their values, from the lines after the first one."""
    found = {}
    for line in lines:
        match = _LINE.match(line)
        if match is not None:
            found[match[1].upper()] = (match[2] or "").strip()
    return found


def lists_starttls(lines: Sequence[str]) -> bool:
    """Whether STARTTLS occurs anywhere in a reply to EHLO or HELO; the first of `lines` begins with a name."""
    first = lines[0].strip(" -") if lines else ""
    name, _, rest = first.partition(" ")
    return name.upper() == "STARTTLS" or any(_STARTTLS.search(line) for line in (rest, *lines[1:]))


def continues_offer(lines: Sequence[str]) -> bool:
    """Whether each line begins with a keyword: a server that forgets the "-" sends each line as a separate reply."""
    return bool(lines) and all((match := _LINE.match(line)) and match[1].upper() in _KEYWORDS for line in lines)
