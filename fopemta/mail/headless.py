"""Content that begins with no header (pure): what a server puts in front of it would swallow its first line."""

from __future__ import annotations

import re

# RFC 5322 2.2; blanks before the colon are RFC 5322 4.5's.  What mail programs write into mailboxes is left as it is.
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:|\r\n|>?From ")
# What may become one of these with the next octet.
_BEGUN = re.compile(rb"[!-9;-~]*[ \t]*|\r", re.DOTALL)
# RFC 5322 2.1.1: no line is longer, and so no name of a header.
_LONGEST = 998
_END_OF_HEADER = b"\r\n"


class Headless:
    """Takes the content of a message, cut anywhere, and gives it on; where it begins with no header, an empty line goes
    before it (RFC 5322 2.1: the body is what follows the first one).
    """

    def __init__(self) -> None:
        self._begun = b""
        self._known = False

    def feed(self, data: bytes) -> bytes:
        """What goes on now; nothing as long as the first line may still become a header."""
        if self._known:
            return data
        data = self._begun + data
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
