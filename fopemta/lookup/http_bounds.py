"""Limits on what an HTTP server may send, whatever it is declared as (shell).

Twisted's client accepts any number of header fields, interim responses and chunks; so octets are counted before it sees
them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

# Of all heads before the body: interim responses (RFC 9110 15.2) are added to the last one, and each line of a folded
# field counts separately.
LARGEST_HEAD = 65536
MOST_LINES = 100


class HeadMeter:
    """Counts what precedes the body; pure."""

    def __init__(self) -> None:
        self.over = False
        self._octets = 0
        self._lines = 0
        self._line = bytearray()
        self._status = b""

    def excess(self, data: bytes) -> str | None:
        """Count the next octets.  Returns the exceeded bound, or None; after the head (`over`) nothing counts."""
        at = 0
        while not self.over:
            end = data.find(b"\n", at)
            taken = data[at:] if end < 0 else data[at:end]
            self._octets += len(taken) + (end >= 0)
            if self._octets > LARGEST_HEAD:
                return f"headers of more than {LARGEST_HEAD} octets"
            self._line += taken
            if end < 0:
                return None
            at = end + 1
            line = bytes(self._line.removesuffix(b"\r"))
            self._line.clear()
            if not self._status:
                self._status = line or b"-"
            elif not line:
                self.over, self._status = not _is_interim(self._status), b""
            else:
                self._lines += 1
                if self._lines > MOST_LINES:
                    return f"more than {MOST_LINES} header lines"
        return None


def _is_interim(status: bytes) -> bool:
    """Whether another head follows, as Twisted reads the status line."""
    words = status.split(b" ", 2)
    try:
        return len(words) > 1 and 100 <= int(words[1]) < 200
    except ValueError:
        return False


class Bounds:
    """The bounds of one response: its head, and `most` octets on the wire in all, including chunk sizes, extensions and
    trailers.  `excess` names the exceeded bound.
    """

    def __init__(self, most: int) -> None:
        self.excess: str | None = None
        self._head = HeadMeter()
        self._left = most

    def allow(self, data: bytes) -> bool:
        """Whether `data` may be read."""
        if self.excess is None:
            self._left -= len(data)
            self.excess = self._head.excess(data)
            if self.excess is None and self._left < 0:
                self.excess = "more around its body than the body itself"
        return self.excess is None


class _Metered(Protocol):
    """Wraps `inner`, which uses the transport directly."""

    def __init__(self, inner: IProtocol, bounds: Bounds) -> None:
        self.inner = inner
        self._bounds = bounds

    def makeConnection(self, transport: ITransport) -> None:
        """IProtocol."""
        self.transport = transport
        self.inner.makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        """IProtocol."""
        if self._bounds.allow(data):
            self.inner.dataReceived(data)
        else:
            self.transport.abortConnection()  # type: ignore[union-attr]  # TCP has it

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """IProtocol."""
        self.inner.connectionLost(reason)


class _MeteredFactory(Factory):
    noisy = False

    def __init__(self, inner: IProtocolFactory, bounds: Bounds) -> None:
        self._inner = inner
        self._bounds = bounds

    def buildProtocol(self, addr: Any) -> Protocol | None:
        inner = self._inner.buildProtocol(addr)
        return None if inner is None else _Metered(inner, self._bounds)


@implementer(IStreamClientEndpoint)
class BoundedEndpoint:
    """Wraps `endpoint`; no more octets are received than `bounds` allow."""

    def __init__(self, endpoint: IStreamClientEndpoint, bounds: Bounds) -> None:
        self._endpoint = endpoint
        self._bounds = bounds

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """IStreamClientEndpoint."""
        return self._endpoint.connect(_MeteredFactory(factory, self._bounds)).addCallback(_within)


def _within(metered: IProtocol) -> IProtocol:
    assert isinstance(metered, _Metered)
    return metered.inner


class FetchPlaces:
    """Limits of simultaneous fetches: `most` in all, `most_of_one` from one host, and `octets` of bodies."""

    def __init__(self, most: int, most_of_one: int, octets: int) -> None:
        self._all = DeferredSemaphore(most)
        self._most_of_one = most_of_one
        self._hosts: dict[str, DeferredSemaphore] = {}
        self._octets = octets

    async def enter(self, host: str) -> None:
        """Wait for a place, and take it.  Cancelling stops waiting."""
        own = self._hosts.setdefault(host, DeferredSemaphore(self._most_of_one))
        await own.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            self._free(host, own)
            raise

    def leave(self, host: str) -> None:
        """Give a place back."""
        self._all.release()
        self._free(host, self._hosts[host])

    def _free(self, host: str, own: DeferredSemaphore) -> None:
        own.release()
        if own.tokens == own.limit:
            del self._hosts[host]

    def take(self, octets: int) -> bool:
        """Take room for so many octets of a body; False if there is none.  A negative number gives room back."""
        if octets > self._octets:
            return False
        self._octets -= octets
        return True
