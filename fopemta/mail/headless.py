"""Content that does not begin with a header (pure): fields added in front would swallow its first line."""

from __future__ import annotations

import re

# RFC 5322 2.2; blanks before the colon are allowed by RFC 5322 4.5.  Lines that mailbox formats add are left alone.
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:|\r\n|>?From ")
# What may become one of these when more octets come.
_BEGUN = re.compile(rb"[!-9;-~]*[ \t]*|\r", re.DOTALL)
# The separator line of mbox files.
_MBOX_LINE = (b"From ", b">From ")
# RFC 5322 2.1.1: no line is longer, and so no field name.
_LONGEST = 998
_CRLF = _END_OF_HEADER = b"\r\n"


class Headless:
    """Passes on the content of a message, cut anywhere; where it begins with no header, inserts an empty line first
    (RFC 5322 2.1: the body follows the first empty line).

    `submitted`: from a local program.  Some submit messages in mailbox form, beginning with a line "From ..."; it is
    left out, since within the header it would end the header.
    """

    def __init__(self, submitted: bool = False) -> None:
        self._without_mbox_line = submitted
        self._begun = b""
        self._known = False

    def feed(self, data: bytes) -> bytes:
        """The octets to pass on now; none while the first line may still become a header."""
        if self._known:
            return data
        data = self._begun + data
        if self._without_mbox_line and data.startswith(_MBOX_LINE):
            end = data.find(_CRLF, 0, _LONGEST + len(_CRLF))
            if end < 0 and len(data) < _LONGEST + len(_CRLF):
                self._begun = data
                return b""
            self._without_mbox_line = False
            data = data[end + len(_CRLF) :] if end >= 0 else data
        if _HEADER.match(data, 0, _LONGEST + 1):
            self._known, self._begun = True, b""
            return data
        if len(data) <= _LONGEST and _BEGUN.fullmatch(data):
            self._begun = data
            return b""
        self._known, self._begun = True, b""
        return _END_OF_HEADER + data

    def finish(self) -> bytes:
        """The octets held back, once the content has ended."""
        rest, self._begun, self._known = self._begun, b"", True
        return _END_OF_HEADER + rest if rest else b""
