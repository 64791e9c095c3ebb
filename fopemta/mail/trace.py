"""How often a message has been received already (pure): RFC 5321 6.3."""

from __future__ import annotations

from fopemta.mail.header import HeaderEnd

_FIELD = b"\r\nreceived:"


class ReceivedCount:
    """Counts Received fields in the header of content that is fed to it, cut anywhere, in bounded memory."""

    def __init__(self) -> None:
        self.count = 0
        self._header = HeaderEnd()
        # As if a line had ended before the first: then every field follows a CRLF.
        self._tail = b"\r\n"

    @property
    def ended(self) -> bool:
        """The header has ended; nothing more is counted."""
        return self._header.ended

    def feed(self, content: bytes) -> None:
        """The next piece of the content, its lines ended by CRLF."""
        if self._header.ended:
            return
        text = (self._tail + self._header.feed(content)).lower()
        self.count += text.count(_FIELD)
        # Shorter than what is looked for, so that nothing counts twice.
        self._tail = text[-(len(_FIELD) - 1) :]
