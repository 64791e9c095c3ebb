"""Two protocols joined in memory, with real STARTTLS: no sockets, no time but a Clock's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol, ISSLTransport, ITCPTransport
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer

_PUMPS_BEFORE_WE_CALL_IT_A_LOOP = 100_000

# A streaming producer is paused when more than this is on the wire, as in Twisted's own buffer.
HIGH_WATER = 65536


@implementer(ITCPTransport)
class MemoryTransport:
    """One end.  Behaves like Twisted's TCP transport, `startTLS` included, as far as mail protocols notice.

    `clock` drives Twisted's write aggregation under TLS.  `segment` cuts what the other end sends into pieces of this
    many octets (None: as written).
    """

    def __init__(self, clock: Clock, *, client: bool, host: IPv4Address, peer: IPv4Address) -> None:
        self.clock = clock
        self.client = client
        self.host = host
        self.peer = peer
        self.protocol: Any = None
        self.other: MemoryTransport | None = None
        self.incoming = bytearray()
        self.segment: int | None = None
        self.producer: Any = None
        self.streaming = False
        self.producer_paused = False
        self.paused = False
        self.no_delay = False
        self.disconnecting = False
        self.disconnected = False
        self._half_closed = False
        self._told_half_closed = False
        self._ending: type[Exception] | None = None
        self._tls: Any = None

    # ITransport, above TLS where there is TLS

    def write(self, data: bytes) -> None:
        """Send `data`."""
        if self._tls is not None:
            self._tls.write(data)
        else:
            self.write_raw(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send all pieces."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once everything is written and no producer is left."""
        if self._tls is not None:
            self._tls.loseConnection()
        else:
            self.lose_raw()

    def abortConnection(self) -> None:
        """Close at once."""
        self.end(ConnectionAborted)
        if self.other is not None:
            self.other.end(ConnectionLost)

    def loseWriteConnection(self) -> None:
        """Half close, below TLS: nothing more is sent, what comes is still read.

        The other end closes wholly, unless its protocol provides IHalfCloseableProtocol.
        """
        self._half_closed = True

    def getPeer(self) -> IPv4Address:
        """The other end's address."""
        return self.peer

    def getHost(self) -> IPv4Address:
        """The address of this end."""
        return self.host

    def getTcpNoDelay(self) -> bool:
        """The value set."""
        return self.no_delay

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Stored, so that a test can check it."""
        self.no_delay = enabled

    def getTcpKeepAlive(self) -> bool:
        """Not modelled."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Not modelled."""

    # producers and consumers

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """IConsumer."""
        if self._tls is not None:
            self._tls.registerProducer(producer, streaming)
        else:
            self.register_raw(producer, streaming)

    def unregisterProducer(self) -> None:
        """IConsumer."""
        if self._tls is not None:
            self._tls.unregisterProducer()
        else:
            self.unregister_raw()

    def pauseProducing(self) -> None:
        """No more `dataReceived` until resumed."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Resume delivery."""
        self.paused = False

    def stopProducing(self) -> None:
        """Like loseConnection."""
        self.loseConnection()

    # TLS

    def startTLS(self, contextFactory: Any, normal: bool = True) -> None:
        """Put TLS between the protocol and this transport, as Twisted's own `startTLS` does."""
        factory = TLSMemoryBIOFactory(contextFactory, self.client == normal, None, self.clock)  # type: ignore[arg-type]
        producer, streaming = self.producer, self.streaming
        if producer is not None:
            self.unregisterProducer()
        self._tls = factory.protocol(factory, self.protocol, False)
        self.protocol = self._tls
        directlyProvides(self, ISSLTransport)
        self._tls.makeConnection(_BelowTls(self))
        if producer is not None:
            self.registerProducer(producer, streaming)

    def getHandle(self) -> Any:
        """The OpenSSL connection, under TLS."""
        return self._tls.getHandle()

    def getPeerCertificate(self) -> Any:
        """The other end's certificate, under TLS."""
        return self._tls.getPeerCertificate()

    # below TLS

    def write_raw(self, data: bytes) -> None:
        """Put octets on the wire."""
        closed = self.disconnecting or self.disconnected or self._half_closed
        if self.other is not None and not closed:
            self.other.incoming += data
            self._hold_producer(len(self.other.incoming))

    def _hold_producer(self, waiting: int) -> None:
        """Pause a streaming producer while too much waits, and resume it once all is gone."""
        if self.producer is None or not self.streaming:
            return
        if waiting > HIGH_WATER and not self.producer_paused:
            self.producer_paused = True
            self.producer.pauseProducing()
        elif waiting == 0 and self.producer_paused:
            self.producer_paused = False
            self.producer.resumeProducing()

    def lose_raw(self) -> None:
        """Close the wire after what is on it."""
        self.disconnecting = True

    def register_raw(self, producer: Any, streaming: bool) -> None:
        """The wire's own producer."""
        if self.disconnected:
            producer.stopProducing()
            return
        self.producer, self.streaming, self.producer_paused = producer, streaming, False

    def unregister_raw(self) -> None:
        """The wire's own producer has finished."""
        self.producer = None

    # what the pump does

    def deliver(self) -> bool:
        """Deliver received data; True if there was any."""
        if self.disconnected or self.paused or not self.incoming:
            return False
        size = self.segment or len(self.incoming)
        data = bytes(self.incoming[:size])
        del self.incoming[:size]
        if self.other is not None:
            self.other._hold_producer(len(self.incoming))
        self.protocol.dataReceived(data)
        return True

    def produce(self) -> bool:
        """Let a pull producer write once the wire is empty; True if it did."""
        if self.producer is None or self.streaming or self.disconnected:
            return False
        if self.other is not None and self.other.incoming:
            return False
        self.producer.resumeProducing()
        return True

    def settle(self) -> bool:
        """End the connection if its time has come; True if it ended here."""
        if self.disconnected:
            return False
        if self._ending is None and self.disconnecting and self.producer is None:
            self._ending = ConnectionDone
        if self._ending is None and self.other is not None and not self.incoming and not self.paused:
            if self.other.disconnected or self.other._half_closed:
                # To the reader they look the same.
                return self._read_end()
        if self._ending is None:
            return False
        self._finish(self._ending)
        return True

    def _read_end(self) -> bool:
        """The other end has closed its half, or all."""
        if not IHalfCloseableProtocol.providedBy(self.protocol):
            self._finish(ConnectionDone)
            return True
        told, self._told_half_closed = self._told_half_closed, True
        if not told:
            self.protocol.readConnectionLost()
        return not told

    def _finish(self, reason: type[Exception]) -> None:
        self.disconnected = self.disconnecting = True
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason()))

    def end(self, reason: type[Exception]) -> None:
        """The connection ends at the next pump with `reason`, whatever is still on the wire."""
        if not self.disconnected:
            self.incoming.clear()
            self._ending = self._ending or reason


class _BelowTls:
    """The transport that TLS itself writes to."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._transport.write_raw(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self._transport.write_raw(b"".join(data))

    def loseConnection(self) -> None:
        self._transport.lose_raw()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._transport.register_raw(producer, streaming)

    def unregisterProducer(self) -> None:
        self._transport.unregister_raw()


class Pump:
    """Moves octets between the two ends of a connection, and the clock by zero."""

    def __init__(self, client: MemoryTransport, server: MemoryTransport, clock: Clock) -> None:
        self.client = client
        self.server = server
        self.clock = clock

    def pump(self) -> bool:
        """One round; True if anything moved."""
        self.clock.advance(0)
        ends = (self.server, self.client)
        moved = [end.produce() for end in ends] + [end.deliver() for end in ends] + [end.settle() for end in ends]
        return any(moved) or any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls())

    def flush(self) -> None:
        """Pump until nothing moves.  Raises AssertionError for an apparent loop."""
        for _ in range(_PUMPS_BEFORE_WE_CALL_IT_A_LOOP):
            if not self.pump():
                return
        raise AssertionError("the two ends never come to rest")


def connect(
    client: IProtocol,
    server: IProtocol,
    clock: Clock | None = None,
    *,
    client_address: str = "192.0.2.10",
    server_address: str = "192.0.2.25",
    port: int = 25,
) -> Pump:
    """Join two protocols; the server's `connectionMade` is called first, as on a real machine.  Call `flush` next."""
    clock = clock or Clock()
    here, there = IPv4Address("TCP", client_address, 40025), IPv4Address("TCP", server_address, port)
    ends = (
        MemoryTransport(clock, client=True, host=here, peer=there),
        MemoryTransport(clock, client=False, host=there, peer=here),
    )
    ends[0].other, ends[1].other = ends[1], ends[0]
    for end, protocol in reversed(tuple(zip(ends, (client, server), strict=True))):
        end.protocol = protocol
        protocol.makeConnection(end)
    return Pump(*ends, clock)
