"""What a server offers in its answer to EHLO (pure).

STARTTLS is found wherever a lenient reader would see it: reading it into a line adds an attempt, which costs a refusal
where there is none, while one that is overlooked sends mail in the clear.  All else is read as it is defined, since
using it where it is not meant breaks the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import attrs

# As old drafts have it, a value may stand behind "=" ("AUTH=LOGIN").
_LINE = re.compile(r"[\s-]*([A-Za-z0-9][A-Za-z0-9-]*)(?:[\s=]+(.*))?")
_STARTTLS = re.compile(r"(?<![A-Z0-9])STARTTLS(?![A-Z0-9])", re.IGNORECASE)
# What begins a line that can be nothing but a part of an answer to EHLO.
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
    """The extensions that matter for carrying a message.

    `size` octets at most, 0 where no limit is known.  `recipients` of one transaction, `messages` of one session
    and `domains` of all its recipients at most (RFC 9422), 0 where that is not said.
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
        """From keywords in upper case and their values."""
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
    """RFC 9422 4: names and numbers; what is no such pair says nothing."""
    pairs = (word.partition("=") for word in value.upper().split())
    return {name: _number(number) for name, _, number in pairs}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0


def extensions_of(lines: Iterable[str]) -> dict[str, str]:
    """Keywords in upper case and their values, of the lines behind the first one."""
    found = {}
    for line in lines:
        match = _LINE.match(line)
        if match is not None:
            found[match[1].upper()] = (match[2] or "").strip()
    return found


def lists_starttls(lines: Sequence[str]) -> bool:
    """STARTTLS stands somewhere in an answer to EHLO or HELO; `lines` with the first one, where a name comes first."""
    first = lines[0].strip(" -") if lines else ""
    name, _, rest = first.partition(" ")
    return name.upper() == "STARTTLS" or any(_STARTTLS.search(line) for line in (rest, *lines[1:]))


def continues_offer(lines: Sequence[str]) -> bool:
    """Each line begins with a keyword: a server that forgets the "-" says each as a reply of its own."""
    return bool(lines) and all((match := _LINE.match(line)) and match[1].upper() in _KEYWORDS for line in lines)
