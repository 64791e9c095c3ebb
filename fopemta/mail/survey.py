"""Survey a message's content incrementally (pure), without storing it."""

from __future__ import annotations

from fopemta.mail.header import HeaderEnd


class Survey:
    """Feed the content from its beginning, cut anywhere.

    `eight_bit`: there are octets above 127.  `header_is_ascii`: there are none in the header; final once
    `header_ended`, when its empty line was seen.
    """

    def __init__(self) -> None:
        self.eight_bit = False
        self.header_is_ascii = True
        self._header = HeaderEnd()

    @property
    def header_ended(self) -> bool:
        """Whether the header is complete."""
        return self._header.ended

    def feed(self, piece: bytes) -> Survey:
        """Process the next piece; returns itself."""
        ascii_only = piece.isascii()
        self.eight_bit = self.eight_bit or not ascii_only
        if not self._header.ended:
            header = self._header.feed(piece)
            self.header_is_ascii = self.header_is_ascii and (ascii_only or header.isascii())
        return self
