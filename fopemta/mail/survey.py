"""What a message's content is made of, found while it is read piece by piece (pure); nothing of it is kept."""

from __future__ import annotations

_END_OF_HEADER = b"\r\n\r\n"


class Survey:
    """Feed the content from its beginning, cut anywhere.

    `eight_bit`: there are octets above 127.  `header_is_ascii`: there are none in the header; `header_ended`: its empty
    line has been seen, so that this is certain.
    """

    def __init__(self) -> None:
        self.eight_bit = False
        self.header_is_ascii = True
        self.header_ended = False
        # A message without any header begins with the empty line.
        self._tail = b"\r\n"

    def feed(self, piece: bytes) -> Survey:
        """Take the next piece."""
        ascii_only = piece.isascii()
        self.eight_bit = self.eight_bit or not ascii_only
        if not self.header_ended:
            self._header(piece, ascii_only)
        return self

    def _header(self, piece: bytes, ascii_only: bool) -> None:
        text = self._tail + piece
        end = text.find(_END_OF_HEADER)
        self.header_ended = end >= 0
        self.header_is_ascii = self.header_is_ascii and (ascii_only or (end >= 0 and text[:end].isascii()))
        self._tail = text[-3:]
