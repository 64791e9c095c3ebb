"""A header field that we add, from a text as an operator writes it (pure): legal lines, whatever the text is.

RFC 5322 2.1.1: lines of 78 where possible, never more than 998.  RFC 2047: other letters than ASCII in encoded words.
"""

from __future__ import annotations

from email.header import Header

_USUAL = 78
_LONGEST = 998
# More is no header but a text of its own; one field may have 128 KiB, as whoever reads it may have a bound.
LONGEST_VALUE = 4000

# What says how a message is to be read, where it has come from, and what it has once only (RFC 5322 3.6): a second one
# makes of it what its sender did not write, or stops it on its way as one that loops.
_ONCE = frozenset({
    "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "received", "return-path", "delivered-to", "dkim-signature",
})  # fmt: skip
_FAMILIES = ("content-", "resent-", "arc-", "x-google-dkim-")


def is_reserved(name: str) -> bool:
    """A field of that name may not be added to a message that has come from elsewhere."""
    lower = name.lower()
    return lower in _ONCE or lower.startswith(_FAMILIES)


def header_field(name: str, value: str) -> bytes:
    """`name: value`, folded and encoded as far as it has to be, with its CRLF.  `value` is printable, on one line."""
    if value.isascii():
        lines = _folded(f"{name}: {value}")
        if max(map(len, lines)) <= _LONGEST:
            return "\r\n".join((*lines, "")).encode("ascii")
    # By the standard library, whose words are cut between letters and not within one.
    words = Header(value, "utf-8", _USUAL - 2, name).encode(linesep="\r\n")
    return f"{name}: {words}\r\n".encode("ascii")


def _folded(text: str) -> list[str]:
    """Lines that begin with the blank before which the text was cut, so that taken together they are the text again."""
    lines: list[str] = []
    words = text.index(":") + 1
    while len(text) > _USUAL:
        # No line without a word (RFC 5322 3.2.2), and none of the name alone.
        first = words + len(text[words:]) - len(text[words:].lstrip(" ")) + 1
        at = text.rfind(" ", first, _USUAL + 1)
        if at < 0:
            at = text.find(" ", max(first, _USUAL))
        if at < 0 or text[at:].isspace():
            break
        lines.append(text[:at])
        text, words = text[at:], 0
    return [*lines, text]
