"""The text from a program (pure): its end, its header, and what is passed on.

Lines may end in LF or CRLF; the server converts both to CRLF.  Pieces may be cut anywhere.
"""

from __future__ import annotations

import re

import attrs

from fopemta.sendmail.address_list import addresses

# Octets of a header; no program writes a longer one.
LARGEST_HEADER = 1024 * 1024
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
# The separator line of mbox files; the server leaves it out.
_MBOX_LINE = (b"From ", b">From ")
_RECIPIENTS = frozenset({b"to", b"cc", b"bcc"})
_RESENT = b"resent-"
# RFC 5322 3.6.3: blind copies must not be visible to others.
_REMOVED = frozenset({b"bcc", b"resent-bcc"})


class HeaderTooLong(Exception):
    """The header does not end within LARGEST_HEADER octets."""


class DotEnd:
    """Passes on input up to a line with only a dot, after which it is `ended`.

    A final dot without line end counts, too: what is held back at the end of the input is no text.
    """

    def __init__(self) -> None:
        self.ended = False
        self._line_start = True
        # A dot at the start of a line, which may become such a line.
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The octets to pass on now."""
        if self.ended:
            return b""
        # With the end of the previous line in front, a lone dot always follows an LF.
        skip = 1 if self._line_start else 0
        text = b"\n"[:skip] + self._held + data
        if match := _LONE_DOT.search(text):
            self.ended = True
            return text[skip : match.start() + 1]
        begun = _MAY_BE_DOT.search(text)
        self._held = begun[1] if begun else b""
        text = text[: len(text) - len(self._held)]
        self._line_start = text.endswith(b"\n")
        return text[skip:]


_LONE_DOT = re.compile(rb"\n\.\r?\n")
_MAY_BE_DOT = re.compile(rb"\n(\.\r?)\Z")


@attrs.frozen
class Header:
    """`text` is passed on; `recipients` are those of To, Cc and Bcc, or of their Resent- forms if there are any."""

    text: bytes
    recipients: tuple[str, ...]


class HeaderTaken:
    """Holds input until the header has ended: `rest` is what came after it."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self._lines: list[bytes] = []
        self._held = b""
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """The octets to pass on now, the header first.  Raises HeaderTooLong."""
        if self.header is not None:
            return data
        self._size += len(data)
        text = self._held + data
        start = 0
        while (end := text.find(b"\n", start)) >= 0:
            line = text[start : end + 1]
            if self._ends(line):
                return self._end() + text[start:]
            self._lines.append(line)
            start = end + 1
        self._held = text[start:]
        if self._size > LARGEST_HEADER:
            raise HeaderTooLong
        return b""

    def finish(self) -> bytes:
        """The rest, once the input has ended."""
        if self.header is not None:
            return b""
        rest, self._held = self._held, b""
        if rest and not self._ends(rest):
            self._lines.append(rest + b"\n")
            rest = b""
        return self._end() + rest

    def _ends(self, line: bytes) -> bool:
        """Whether the header ends before that line, which is empty or no header field."""
        if line[:1] in (b" ", b"\t"):
            return not self._lines
        return _FIELD.match(line) is None and not (not self._lines and line.startswith(_MBOX_LINE))

    def _end(self) -> bytes:
        fields = _folded(self._lines)
        self._lines.clear()
        text = b"".join(field for field in fields if _name(field) not in _REMOVED)
        self.header = Header(text, _recipients(fields))
        return text


def _folded(lines: list[bytes]) -> list[bytes]:
    """Each field with its continuation lines (RFC 5322 2.2.3)."""
    fields: list[list[bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            fields[-1].append(line)
        else:
            fields.append([line])
    return [b"".join(each) for each in fields]


def _name(field: bytes) -> bytes:
    match = _FIELD.match(field)
    return b"" if match is None else match[1].lower()


def _recipients(fields: list[bytes]) -> tuple[str, ...]:
    """RFC 5322 3.6.6: the Resent- fields of a resent message name its recipients."""
    named = [(_name(field), field.partition(b":")[2]) for field in fields]
    resent = [value for name, value in named if name.startswith(_RESENT) and name[len(_RESENT) :] in _RECIPIENTS]
    plain = [value for name, value in named if name in _RECIPIENTS]
    found = [each for value in resent or plain for each in addresses(value.decode("utf-8", "replace"))]
    return tuple(dict.fromkeys(found))
