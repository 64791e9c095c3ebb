"""Send one DNS message to one server and await its response, by UDP or TCP (shell)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from fopemta.dns.response import Message, Query, response_in
from fopemta.interfaces import IMailReactor
from fopemta.lookup.dns.datagrams import ConnectedDatagrams, Datagrams, Failed, Received

Server: TypeAlias = tuple[str, int]
OpenDatagrams: TypeAlias = Callable[[IMailReactor, Server, Received, Failed], Datagrams]


class ExchangeFailed(Exception):
    """No usable response came; the text tells the operator why."""


class NoAnswer(ExchangeFailed):
    """No response came in time; asking again may help."""


def text_of(server: Server) -> str:
    """The form of a server in logs and records."""
    address, port = server
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class _Response:
    """An expected response, with its deadline.  Its Deferred fires exactly once."""

    def __init__(self, reactor: IMailReactor, query: Query, seconds: float, server: str) -> None:
        self.done: Deferred[Message] = Deferred(self._cancelled)
        self._query = query
        self._server = server
        self._call: IDelayedCall | None = reactor.callLater(seconds, self._too_late, seconds)

    def received(self, data: bytes) -> bool:
        """Accept `data` if it is the response; returns whether it is."""
        message = response_in(data, self._query)
        if message is not None and self._stop():
            self.done.callback(message)
        return message is not None

    def failed(self, why: str) -> None:
        """Report that no response will come."""
        if self._stop():
            self.done.errback(ExchangeFailed(f"{why} {self._server}"))

    def _cancelled(self, _: object) -> None:
        self._stop()

    def _too_late(self, seconds: float) -> None:
        self._call = None
        self.done.errback(NoAnswer(f"no answer within {seconds:.1f} s from {self._server}"))

    def _stop(self) -> bool:
        if self._call is None:
            return False
        self._call.cancel()
        self._call = None
        return True


async def by_udp(
    reactor: IMailReactor,
    server: Server,
    query: Query,
    seconds: float,
    open_datagrams: OpenDatagrams = ConnectedDatagrams,
) -> Message:
    """Ask by UDP, from a separate port: a forger must guess it and the random id (RFC 5452).

    Raises ExchangeFailed; cancelling ends the exchange at once.
    """
    response = _Response(reactor, query, seconds, text_of(server))
    try:
        datagrams = open_datagrams(reactor, server, response.received, response.failed)
    except OSError as error:
        response.failed(f"{error.strerror or error}: cannot ask")
        return await response.done
    try:
        datagrams.send(query.wire)
        return await response.done
    finally:
        datagrams.close()


async def by_tcp(reactor: IMailReactor, server: Server, query: Query, seconds: float) -> Message:
    """Ask by TCP.  Raises ExchangeFailed; cancelling ends the exchange at once."""
    response = _Response(reactor, query, seconds, f"{text_of(server)} (TCP)")
    connector = reactor.connectTCP(server[0], server[1], _StreamFactory(query, response), timeout=seconds)
    try:
        return await response.done
    finally:
        connector.disconnect()


class _Stream(Protocol):
    """RFC 1035 4.2.2: two octets of length, then the message, in both directions."""

    def __init__(self, query: Query, response: _Response) -> None:
        self._query = query
        self._response = response
        self._data = bytearray()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(struct.pack("!H", len(self._query.wire)) + self._query.wire)

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if len(self._data) < 2:
            return
        (length,) = struct.unpack_from("!H", self._data)
        if len(self._data) >= 2 + length and not self._response.received(bytes(self._data[2 : 2 + length])):
            self._response.failed("rubbish from")

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self._response.failed("connection closed by")


class _StreamFactory(ClientFactory):
    noisy = False

    def __init__(self, query: Query, response: _Response) -> None:
        self._query = query
        self._response = response

    def buildProtocol(self, addr: object) -> _Stream:
        return _Stream(self._query, self._response)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self._response.failed("cannot connect to")
