"""The content of a dropped file, piece by piece (shell), with its checksum at the end."""

from __future__ import annotations

import os
import zlib

from twisted.internet.defer import Deferred

from fopemta.few_at_once import InThread
from fopemta.pickup.folder import OpenedFile, read_exactly
from fopemta.sendmail.dropped import Damaged

_PIECE = 256 * 1024
# Octets kept for a report.
LARGEST_BEGINNING = 64 * 1024


class DroppedContent:
    """Reads in threads; `beginning` is collected for a report."""

    def __init__(self, opened: OpenedFile, in_thread: InThread) -> None:
        self._opened = opened
        self._in_thread = in_thread
        self._left = opened.head.content
        self._checksum = zlib.crc32(opened.envelope)
        self.beginning = b""

    def piece(self) -> Deferred[bytes]:
        """See NextPiece.  Fails with Damaged or OSError."""
        return self._in_thread(self._piece)

    async def begun(self) -> bytes:
        """How it begins, whether or not anybody has wanted to know it.  Raises as `piece` fails."""
        if not self.beginning:
            await self.piece()
        return self.beginning

    def _piece(self) -> bytes:
        if not self._left:
            if self._checksum != self._opened.head.checksum:
                raise Damaged("its checksum is wrong")
            return b""
        data = read_exactly(self._opened.descriptor, min(_PIECE, self._left))
        self._left -= len(data)
        self._checksum = zlib.crc32(data, self._checksum)
        self.beginning += data[: LARGEST_BEGINNING - len(self.beginning)]
        return data

    def close(self) -> None:
        """Close the file."""
        os.close(self._opened.descriptor)
