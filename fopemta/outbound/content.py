"""Send a message's content (shell): small ones in one write, large ones piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from fopemta.interfaces import IMessageContent, SpoolFailing
from fopemta.smtp.dot_stuffing import Stuffer

# Octets read at once; a message up to this size is one write, its final dot included.
PIECE = 256 * 1024


@attrs.define
class ContentSource:
    """The content, of which `start` has been read; `whole`: that was all.  `rest` has at least `left` more octets."""

    start: bytes
    whole: bool
    rest: IMessageContent
    left: int = 0

    @classmethod
    async def read(cls, content: IMessageContent, size: int) -> ContentSource:
        """Read the first piece of a message of `size` octets.  Raises SpoolTrouble."""
        start = await content.read(PIECE)
        return cls(start, len(start) >= size, content, size - len(start))

    @classmethod
    def of(cls, content: bytes) -> ContentSource:
        """Content that is in memory."""
        return cls(content, True, _Nothing())

    async def more(self) -> bytes:
        """The next piece, empty at the end.  Raises SpoolTrouble, also if there is less of it than expected: a
        truncated message must not be completed.
        """
        piece = await self.rest.read(PIECE)
        self.left -= len(piece)
        if not piece and self.left > 0:
            raise SpoolFailing("the content is shorter than it should be")
        return piece


@implementer(IMessageContent)
class _Nothing:
    """An empty rest."""

    def read(self, size: int) -> Deferred[bytes]:
        """Always at the end."""
        return succeed(b"")

    def close(self) -> None:
        """Nothing to close."""


class ChunkSource:
    """The content in BDAT chunks (RFC 3030): counted, not dot-stuffed, one at a time.

    Only for BINARYMIME, which may contain any octet: text is sent by DATA, whose end is unambiguous.
    """

    def __init__(self, source: ContentSource, size: int) -> None:
        self._source = source
        self._left = size
        self._next: bytes | None = source.start

    async def next_chunk(self) -> tuple[bytes, bool]:
        """The command with its octets, and whether it is the last.  Raises SpoolTrouble."""
        piece, self._next = self._next, None
        if piece is None:
            piece = await self._source.more()
        self._left -= len(piece)
        last = self._left <= 0
        return b"BDAT %d%s\r\n" % (len(piece), b" LAST" if last else b"") + piece, last


def send_content(source: ContentSource, transport: Any, sent: Callable[[], None]) -> Deferred[None] | None:
    """Write the content to `transport`, dot-stuffed and with its final dot.

    Returns None if that was done at once; else a Deferred that fires when the last octet was written and fails with
    SpoolTrouble; `sent` is called after each piece.
    """
    stuffer = Stuffer()
    if source.whole:
        transport.write(stuffer.feed(source.start) + stuffer.finish())
        return None
    return Deferred.fromCoroutine(_stream(source, stuffer, transport, sent))


async def _stream(source: ContentSource, stuffer: Stuffer, transport: Any, sent: Callable[[], None]) -> None:
    flow = _Flow()
    transport.registerProducer(flow, True)
    try:
        piece = source.start or await source.more()
        while piece:
            transport.write(stuffer.feed(piece))
            sent()
            await flow.room()
            piece = await source.more()
        transport.write(stuffer.finish())
    finally:
        transport.unregisterProducer()


@implementer(IPushProducer)
class _Flow:
    """Waits while the transport pauses us."""

    def __init__(self) -> None:
        self._paused = False
        self._stopped = False
        self._waiting: Deferred[None] | None = None

    async def room(self) -> None:
        """Wait until the transport wants more.  Raises SpoolFailing if it is gone."""
        if self._paused and not self._stopped:
            self._waiting = Deferred()
            await self._waiting
        if self._stopped:
            raise SpoolFailing("the connection is gone")

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._go_on()

    def stopProducing(self) -> None:
        self._stopped = True
        self._go_on()

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
