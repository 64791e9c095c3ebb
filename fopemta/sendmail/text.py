"""The text that a program hands in (pure): where it ends, what its header says, and what of it goes on.

Lines may end in LF or CRLF; the server makes CRLF of both.  Pieces may be cut anywhere.
"""

from __future__ import annotations

import re

import attrs

from fopemta.sendmail.address_list import addresses

# Octets of a header; a longer one is no program's.
LARGEST_HEADER = 1024 * 1024
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
# How a mailbox in the form mbox marks a message; the server leaves it out.
_MBOX_LINE = (b"From ", b">From ")
_RECIPIENTS = frozenset({b"to", b"cc", b"bcc"})
_RESENT = b"resent-"
# RFC 5322 3.6.3: blind copies are for those who get them alone.
_REMOVED = frozenset({b"bcc", b"resent-bcc"})


class HeaderTooLong(Exception):
    """The header does not end within LARGEST_HEADER octets."""


class DotEnd:
    """Takes input and gives it on up to a line with nothing but a dot, from which on it is `ended`.

    A dot that is the last line and lacks its line end counts, too: what is held back when the input ends is no text.
    """

    def __init__(self) -> None:
        self.ended = False
        self._line_start = True
        # A dot that may become such a line; it stands at the start of one.
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What goes on now."""
        if self.ended:
            return b""
        # With the end of the line before, a lone dot always stands behind an LF.
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
    """`text` goes on; `recipients` are those of To, Cc and Bcc, or of their Resent- forms where there are any."""

    text: bytes
    recipients: tuple[str, ...]


class HeaderTaken:
    """Takes input and keeps it until the header has ended: `rest` is what came behind it."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self._lines: list[bytes] = []
        self._held = b""
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """What goes on now, with the header in front of what first does.  Raises HeaderTooLong."""
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
        """The input has ended; what was held back."""
        if self.header is not None:
            return b""
        rest, self._held = self._held, b""
        if rest and not self._ends(rest):
            self._lines.append(rest + b"\n")
            rest = b""
        return self._end() + rest

    def _ends(self, line: bytes) -> bool:
        """The header has ended before that line: it is empty, or no header's."""
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
    """Each field with the lines that continue it (RFC 5322 2.2.3)."""
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
    """RFC 5322 3.6.6: of a message that is sent again the Resent- fields say to whom."""
    named = [(_name(field), field.partition(b":")[2]) for field in fields]
    resent = [value for name, value in named if name.startswith(_RESENT) and name[len(_RESENT) :] in _RECIPIENTS]
    plain = [value for name, value in named if name in _RECIPIENTS]
    found = [each for value in resent or plain for each in addresses(value.decode("utf-8", "replace"))]
    return tuple(dict.fromkeys(found))
