"""A mailbox of the envelope, in one canonical form (pure)."""

from __future__ import annotations

import re
import unicodedata

import attrs

# RFC 5321 4.1.2 Dot-string, with the UTF-8 of RFC 6531 3.3: a local part that needs no quotes.  We are laxer: dots may
# be at the ends and in a row, as in addresses that Japanese mobile networks have issued for years.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"
DOT_STRING = re.compile(rf"\.*{_ATEXT}(?:{_ATEXT}|\.)*")


@attrs.frozen(cache_hash=True)  # each message uses a dozen tables keyed by recipient
class Mailbox:
    """`local_part@domain`.

    `local_part` is unquoted, keeps its case (RFC 5321 2.4) and may hold non-ASCII (RFC 6531).  `domain` is canonical:
    lower case, A-labels, no final dot; an address literal keeps its brackets ("[192.0.2.1]", "[IPv6:2001:db8::1]").
    """

    local_part: str
    domain: str
    _text: str = attrs.field(init=False, eq=False, repr=False)

    def __str__(self) -> str:
        """The address as on the wire, quoted if necessary, without angle brackets."""
        return self._text

    @_text.default
    def _written(self) -> str:
        # Computed once: the trace header, log, spool, transaction and verdict all need it.
        if DOT_STRING.fullmatch(self.local_part):
            return f"{self.local_part}@{self.domain}"
        escaped = self.local_part.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"@{self.domain}'

    @property
    def compared(self) -> str:
        """The local part for comparison: case-folded, in Unicode's form NFC."""
        if self.local_part.isascii():
            return self.local_part.lower()
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", self.local_part).lower())

    @property
    def internationalised(self) -> bool:
        """Whether it needs a server with SMTPUTF8; only the local part matters, since A-labels are ASCII."""
        return not self.local_part.isascii()

    @property
    def is_literal(self) -> bool:
        """Whether the domain is an address literal such as "[192.0.2.1]"."""
        return self.domain.startswith("[")


def path_text(sender: Mailbox | None) -> str:
    """A reverse-path without its brackets; the null path `None` is the empty string (RFC 5321 4.5.5)."""
    return "" if sender is None else str(sender)
