"""One DNS message to one server and its response, by UDP and where needed by TCP (shell)."""

from __future__ import annotations

import struct

import dns.exception
import dns.message
from twisted.internet.defer import Deferred
from twisted.internet.error import MessageLengthError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Protocol
from twisted.python.failure import Failure

from fopemta.interfaces import IMailReactor


class ExchangeFailed(Exception):
    """No usable response came; the text says why, for the operator."""


class _Waiting:
    """A Deferred for one response, with its deadline; fires once, whatever else happens."""

    def __init__(self, reactor: IMailReactor, seconds: float, server: str) -> None:
        self.server = server
        self.done: Deferred[dns.message.Message] = Deferred(self._cancelled)
        self._call: IDelayedCall | None = reactor.callLater(seconds, self._too_late, seconds)

    def succeed(self, message: dns.message.Message) -> None:
        if self._stop():
            self.done.callback(message)

    def fail(self, why: str) -> None:
        if self._stop():
            self.done.errback(ExchangeFailed(f"{why} {self.server}"))

    def _cancelled(self, _: object) -> None:
        self._stop()

    def _too_late(self, seconds: float) -> None:
        self._call = None
        self.done.errback(ExchangeFailed(f"no answer within {seconds:.0f} s from {self.server}"))

    def _stop(self) -> bool:
        if self._call is None:
            return False
        self._call.cancel()
        self._call = None
        return True


async def by_udp(
    reactor: IMailReactor, server: tuple[str, int], query: dns.message.Message, seconds: float
) -> dns.message.Message:
    """Ask by UDP from a random port.  Raises ExchangeFailed; cancelling it ends it at once."""
    waiting = _Waiting(reactor, seconds, f"{server[0]}:{server[1]}")
    protocol = _Datagrams(server, query, waiting)
    # A port for each question, chosen by the kernel: with the id, what a forger has to guess.
    try:
        port = reactor.listenUDP(0, protocol, interface="::" if ":" in server[0] else "", maxPacketSize=65535)
    except OSError as error:
        waiting.fail(f"{error.strerror or error}: cannot ask")
        return await waiting.done
    try:
        return await waiting.done
    finally:
        port.stopListening()


async def by_tcp(
    reactor: IMailReactor, server: tuple[str, int], query: dns.message.Message, seconds: float
) -> dns.message.Message:
    """Ask by TCP.  Raises ExchangeFailed; cancelling it ends it at once."""
    waiting = _Waiting(reactor, seconds, f"{server[0]}:{server[1]} (TCP)")
    connector = reactor.connectTCP(server[0], server[1], _StreamFactory(query, waiting), timeout=seconds)
    try:
        return await waiting.done
    finally:
        connector.disconnect()


def _matching(data: bytes, query: dns.message.Message) -> dns.message.Message | None:
    """The message in `data` if it is a response to `query`, else None: then somebody guesses, or rubbish came."""
    try:
        message = dns.message.from_wire(data, ignore_trailing=True, raise_on_truncation=False)
        return message if query.is_response(message) else None
    except (dns.exception.DNSException, ValueError, struct.error, IndexError, UnicodeError):
        return None


class _Datagrams(DatagramProtocol):
    def __init__(self, server: tuple[str, int], query: dns.message.Message, waiting: _Waiting) -> None:
        self._server = server
        self._query = query
        self._waiting = waiting

    def startProtocol(self) -> None:
        assert self.transport is not None
        # Connected: the kernel drops what others send, and tells us of a closed port.
        try:
            self.transport.connect(*self._server)
            self.transport.write(self._query.to_wire(), None)  # connected: to whom is settled
        except (OSError, MessageLengthError) as error:
            self._waiting.fail(f"{error}: cannot ask")

    def datagramReceived(self, data: bytes, addr: object) -> None:
        message = _matching(data, self._query)
        if message is not None:
            self._waiting.succeed(message)

    def connectionRefused(self) -> None:
        self._waiting.fail("nobody listens at")


class _Stream(Protocol):
    def __init__(self, query: dns.message.Message, waiting: _Waiting) -> None:
        self._query = query
        self._waiting = waiting
        self._data = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        wire = self._query.to_wire()
        self.transport.write(struct.pack("!H", len(wire)) + wire)

    def dataReceived(self, data: bytes) -> None:
        # RFC 1035 4.2.2: two octets of length, then the message; never more than 65,537 octets are kept.
        self._data += data
        if len(self._data) < 2:
            return
        (length,) = struct.unpack_from("!H", self._data)
        if len(self._data) >= 2 + length:
            message = _matching(self._data[2 : 2 + length], self._query)
            if message is None:
                self._waiting.fail("rubbish from")
            else:
                self._waiting.succeed(message)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self._waiting.fail("connection closed by")


class _StreamFactory(ClientFactory):
    noisy = False

    def __init__(self, query: dns.message.Message, waiting: _Waiting) -> None:
        self._query = query
        self._waiting = waiting

    def buildProtocol(self, addr: object) -> _Stream:
        return _Stream(self._query, self._waiting)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self._waiting.fail("cannot connect to")
