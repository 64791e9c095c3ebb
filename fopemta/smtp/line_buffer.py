"""Split a stream of bytes into lines that end in CRLF and nothing else, in bounded memory (pure)."""

from __future__ import annotations

import enum
import re

# A CR without LF after it, or an LF without CR before it.  A CR at the very end may still get its LF.
_BARE = re.compile(rb"\r(?!\n|\Z)|(?<!\r)\n")


class LineFlaw(enum.Enum):
    """The reason why a line must not be interpreted; reported once, in place of the line."""

    TOO_LONG = "too long"
    BARE_LINE_END = "bare CR or LF"


class LineBuffer:
    """Collects bytes and returns lines, each ended by CRLF and nothing else (RFC 5321 2.3.8).

    `limit` is the longest line in octets, CRLF included.  A flawed line is reported as soon as the flaw is certain, and
    the rest of it, up to its CRLF, is discarded.  The result does not depend on how the bytes were cut.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = b""
        self._at = 0
        # Octets of an unfinished line that have been searched already, so that a line sent octet by octet is read once.
        self._clean = 0
        self._swallowing = False
        # Octets of the current flawed line discarded so far, so that the caller can set a limit.
        self.swallowed = 0

    def feed(self, data: bytes) -> None:
        """Add bytes, cut anywhere."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    @property
    def size(self) -> int:
        """Octets fed and not yet taken."""
        return len(self._data) - self._at

    def next_line(self) -> bytes | LineFlaw | None:
        """The next line without its CRLF, a flaw in its place, or None until more bytes come."""
        if self._swallowing and not self._swallow():
            return None
        start = self._at
        end = self._data.find(b"\r\n", start + self._clean)
        if end < 0:
            return self._flaw_of_unfinished(start)
        self._at, self._clean = end + 2, 0
        line = self._data[start:end]
        if end + 2 - start <= self._limit and b"\n" not in line and b"\r" not in line:
            return line
        return self._flaw(start, end + 2)

    def take(self, size: int) -> bytes:
        """Take up to `size` octets, in a state that counts octets instead of reading lines."""
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        self._clean = 0
        return taken

    def take_rest(self) -> bytes:
        """Take everything that is left, in a state that does not read lines."""
        rest = self._data[self._at :]
        self._data, self._at, self._clean = b"", 0, 0
        return rest

    def clear(self) -> None:
        """Forget all input, and any flawed line that is being discarded."""
        self._data, self._at, self._clean, self._swallowing, self.swallowed = b"", 0, 0, False, 0

    def _flaw_of_unfinished(self, start: int) -> LineFlaw | None:
        if start == len(self._data):
            return None
        flaw = self._flaw(start, len(self._data), self._clean)
        if flaw is LineFlaw.TOO_LONG and self.size < self._limit:
            # The last octet may be a CR whose LF has not arrived.
            self._clean = self.size - 1
            return None
        self._swallowing, self._clean = True, 0
        self._swallow()
        return flaw

    def _flaw(self, start: int, end: int, clean: int = 0) -> LineFlaw:
        """What is wrong with a line, judged by its first `limit` octets so that no cutting can change it."""
        if _BARE.search(self._data[start + clean : min(end, start + self._limit)]):
            return LineFlaw.BARE_LINE_END
        return LineFlaw.TOO_LONG

    def _swallow(self) -> bool:
        """Discard the rest of a flawed line; True once its CRLF was found."""
        end = self._data.find(b"\r\n", self._at)
        if end >= 0:
            self._at, self._swallowing, self.swallowed = end + 2, False, 0
            return True
        self.swallowed += len(self._data) - self._at
        # A CR at the end may be half of the CRLF.
        self._data, self._at = (b"\r" if self._data.endswith(b"\r") else b""), 0
        return False
