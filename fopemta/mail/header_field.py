"""Make a header field from an operator's text (pure): legal lines, whatever the text is.

RFC 5322 2.1.1: lines of 78 where possible, never more than 998.  RFC 2047: non-ASCII letters in encoded words.
"""

from __future__ import annotations

from email.header import Header

_USUAL = 78
_LONGEST = 998
# A longer text is no header field; readers may limit one field, and ours has at most 128 KiB.
LONGEST_VALUE = 4000

# Fields about how a message is to be read and where it came from, and fields that occur only once (RFC 5322 3.6): a
# second one would falsify the message, or make servers reject it as looping.
_ONCE = frozenset({
    "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "received", "return-path", "delivered-to", "dkim-signature",
})  # fmt: skip
_FAMILIES = ("content-", "resent-", "arc-", "x-google-dkim-")


def is_reserved(name: str) -> bool:
    """Whether a field of that name must not be added to a message from elsewhere."""
    lower = name.lower()
    return lower in _ONCE or lower.startswith(_FAMILIES)


def header_field(name: str, value: str) -> bytes:
    """`name: value` with its CRLF, folded and encoded where necessary.  `value` is printable, on one line."""
    if value.isascii():
        lines = _folded(f"{name}: {value}")
        if max(map(len, lines)) <= _LONGEST:
            return "\r\n".join((*lines, "")).encode("ascii")
    # The standard library splits encoded words between letters, never within one.
    words = Header(value, "utf-8", _USUAL - 2, name).encode(linesep="\r\n")
    return f"{name}: {words}\r\n".encode("ascii")


def _folded(text: str) -> list[str]:
    """Split into lines that begin with the blank before which the text was cut; joined, they give the text again."""
    lines: list[str] = []
    words = text.index(":") + 1
    while len(text) > _USUAL:
        # Every line has a word (RFC 5322 3.2.2), and the first one has more than the name.
        first = words + len(text[words:]) - len(text[words:].lstrip(" ")) + 1
        at = text.rfind(" ", first, _USUAL + 1)
        if at < 0:
            at = text.find(" ", max(first, _USUAL))
        if at < 0 or text[at:].isspace():
            break
        lines.append(text[:at])
        text, words = text[at:], 0
    return [*lines, text]
