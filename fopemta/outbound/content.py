"""A message's content on its way to a server (shell): small ones in one write, large ones piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from fopemta.interfaces import IMessageContent, SpoolFailing
from fopemta.smtp.dot_stuffing import Stuffer

# What is read at once; a message of this size or less is one write, its final dot included.
PIECE = 256 * 1024


@attrs.define
class ContentSource:
    """The content, of which `start` has been read already; `whole` says that this was all.  `rest` has `left` octets
    more at least.
    """

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
        """Content that is at hand."""
        return cls(content, True, _Nothing())

    async def more(self) -> bytes:
        """The next piece, empty at the end.  Raises SpoolTrouble, also when there is less of it than there should be:
        what has been sent of it must not become a message.
        """
        piece = await self.rest.read(PIECE)
        self.left -= len(piece)
        if not piece and self.left > 0:
            raise SpoolFailing("the content is shorter than it should be")
        return piece


@implementer(IMessageContent)
class _Nothing:
    """No more content."""

    def read(self, size: int) -> Deferred[bytes]:
        """The end."""
        return succeed(b"")

    def close(self) -> None:
        """Nothing is open."""


class ChunkSource:
    """The content in chunks of BDAT (RFC 3030): counted, not dot-stuffed, one at a time.

    For BINARYMIME alone, where any octet may stand: text goes by DATA, since there it is seen where the message ends.
    """

    def __init__(self, source: ContentSource, size: int) -> None:
        self._source = source
        self._left = size
        self._next: bytes | None = source.start

    async def next_chunk(self) -> tuple[bytes, bool]:
        """The command and its octets, and whether it is the last.  Raises SpoolTrouble."""
        piece, self._next = self._next, None
        if piece is None:
            piece = await self._source.more()
        self._left -= len(piece)
        last = self._left <= 0
        return b"BDAT %d%s\r\n" % (len(piece), b" LAST" if last else b"") + piece, last


def send_content(source: ContentSource, transport: Any, sent: Callable[[], None]) -> Deferred[None] | None:
    """Write the content to `transport`, dot-stuffed and with its final dot.

    Gives None when that was done at once; else a Deferred that fires when the last octet was written and fails with
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
    """Follows the transport's wish to pause."""

    def __init__(self) -> None:
        self._paused = False
        self._stopped = False
        self._waiting: Deferred[None] | None = None

    async def room(self) -> None:
        """Come back when the transport wants more.  Raises SpoolFailing when it never will."""
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
