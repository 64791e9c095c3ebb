"""Count how often a message was received before (pure): RFC 5321 6.3."""

from __future__ import annotations

from fopemta.mail.header import HeaderEnd

_FIELD = b"\r\nreceived:"


class ReceivedCount:
    """Counts Received fields in the header of content, cut anywhere, in bounded memory."""

    def __init__(self) -> None:
        self.count = 0
        self._header = HeaderEnd()
        # As if a line had ended before the first, so that every field follows a CRLF.
        self._tail = b"\r\n"

    @property
    def ended(self) -> bool:
        """Whether the header has ended; nothing more is counted."""
        return self._header.ended

    def feed(self, content: bytes) -> None:
        """Process the next piece of the content, whose lines end with CRLF."""
        if self._header.ended:
            return
        text = (self._tail + self._header.feed(content)).lower()
        self.count += text.count(_FIELD)
        # Shorter than the search text, so that nothing counts twice.
        self._tail = text[-(len(_FIELD) - 1) :]
