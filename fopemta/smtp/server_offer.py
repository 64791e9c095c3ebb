"""What a server offers in its answer to EHLO (pure)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class ServerOffer:
    """The extensions that matter for carrying a message.

    `size` octets at most, 0 where no limit is known (C093).  `recipients` of one transaction, `messages` of one session
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
