"""Where the header of a message ends (pure): behind its first empty line, RFC 5322 2.1.

The content is as the spool holds it: every line ends with CRLF, and a message without a header begins with the empty
line (`mail.headless` sees to it).  `mime.fields` reads a header as any mail program might; this is how we read our own.
"""

from __future__ import annotations

_CRLF = b"\r\n"
_END = b"\r\n\r\n"


class HeaderEnd:
    """Finds it in content that is fed to it from its beginning, cut anywhere.  `ended`: it has been seen."""

    def __init__(self) -> None:
        self.ended = False
        # As if a line had ended before the first one: then an empty line that comes first is found like any other.
        self._tail = _CRLF

    def feed(self, piece: bytes) -> bytes:
        """What of `piece` belongs to the header, its empty line included."""
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
    """(header, body) without the empty line between them; without such a line all of it is the header."""
    end = HeaderEnd()
    header = end.feed(content)
    return header[: -len(_CRLF)] if end.ended else header, content[len(header) :]
