"""What a message's content is made of, found while it is read piece by piece (pure); nothing of it is kept."""

from __future__ import annotations

from fopemta.mail.header import HeaderEnd


class Survey:
    """Feed the content from its beginning, cut anywhere.

    `eight_bit`: there are octets above 127.  `header_is_ascii`: there are none in the header; `header_ended`: its empty
    line has been seen, so that this is certain.
    """

    def __init__(self) -> None:
        self.eight_bit = False
        self.header_is_ascii = True
        self._header = HeaderEnd()

    @property
    def header_ended(self) -> bool:
        """Nothing of the header is still to come."""
        return self._header.ended

    def feed(self, piece: bytes) -> Survey:
        """Take the next piece."""
        ascii_only = piece.isascii()
        self.eight_bit = self.eight_bit or not ascii_only
        if not self._header.ended:
            header = self._header.feed(piece)
            self.header_is_ascii = self.header_is_ascii and (ascii_only or header.isascii())
        return self
