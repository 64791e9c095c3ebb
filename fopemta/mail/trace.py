"""How often a message has been received already (pure): RFC 5321 6.3."""

from __future__ import annotations

_FIELD = b"\r\nreceived:"
_END = b"\r\n\r\n"


class ReceivedCount:
    """Counts Received fields in the header of content that is fed to it, cut anywhere, in bounded memory."""

    def __init__(self) -> None:
        self.count = 0
        self.ended = False
        # As if a line had ended before the first: then every field follows a CRLF.
        self._tail = b"\r\n"

    def feed(self, content: bytes) -> None:
        """The next piece of the content, its lines ended by CRLF."""
        if self.ended:
            return
        text = self._tail + content
        end = text.find(_END)
        self.ended = end >= 0
        text = (text[:end] if self.ended else text).lower()
        self.count += text.count(_FIELD)
        # Shorter than what is looked for, so that nothing counts twice.
        self._tail = text[-(len(_FIELD) - 1) :]
