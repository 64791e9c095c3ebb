"""Content that begins with no header (pure): what a server puts in front of it would swallow its first line."""

from __future__ import annotations

import re

# RFC 5322 2.2; blanks before the colon are RFC 5322 4.5's.  What mail programs write into mailboxes is left as it is.
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:|\r\n|>?From ")
# What may become one of these with the next octet.
_BEGUN = re.compile(rb"[!-9;-~]*[ \t]*|\r", re.DOTALL)
# How mailboxes in the form mbox mark the beginning of a message.
_MBOX_LINE = (b"From ", b">From ")
# RFC 5322 2.1.1: no line is longer, and so no name of a header.
_LONGEST = 998
_CRLF = _END_OF_HEADER = b"\r\n"


class Headless:
    """Takes the content of a message, cut anywhere, and gives it on; where it begins with no header, an empty line goes
    before it (RFC 5322 2.1: the body is what follows the first one).

    `submitted`: a program on our side hands it in.  Some hand in messages as they are kept in a mailbox, with a line
    "From ..." in front; in the midst of the header it would be the end of that, so it is left out.
    """

    def __init__(self, submitted: bool = False) -> None:
        self._without_mbox_line = submitted
        self._begun = b""
        self._known = False

    def feed(self, data: bytes) -> bytes:
        """What goes on now; nothing as long as the first line may still become a header."""
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
        """The end has come: what was held back."""
        rest, self._begun, self._known = self._begun, b"", True
        return _END_OF_HEADER + rest if rest else b""
