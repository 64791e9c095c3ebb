"""Find the end of a message's header (pure): after its first empty line, RFC 5322 2.1.

The content is in the spool's form: every line ends with CRLF, and a message without a header begins with the empty line
(`mail.headless` inserts it).  `mime.fields` reads a header as leniently as any mail program; this reads our own.
"""

from __future__ import annotations

_CRLF = b"\r\n"
_END = b"\r\n\r\n"


class HeaderEnd:
    """Finds the end in content fed from its beginning, cut anywhere.  `ended`: the end was found."""

    def __init__(self) -> None:
        self.ended = False
        # As if a line had ended before the first one, so that an empty first line is found like any other.
        self._tail = _CRLF

    def feed(self, piece: bytes) -> bytes:
        """The part of `piece` that belongs to the header, its empty line included."""
        if self.ended:
            return b""
        text = self._tail + piece
        end = text.find(_END)
        if end < 0:
            self._tail = text[-3:]
            return piece
        self.ended = True
        return piece[: end + len(_END) - len(self._tail)]


def split(content: bytes) -> tuple[bytes, bytes]:
    """(header, body) without the empty line between them; without an empty line everything is header."""
    end = HeaderEnd()
    header = end.feed(content)
    return header[: -len(_CRLF)] if end.ended else header, content[len(header) :]
