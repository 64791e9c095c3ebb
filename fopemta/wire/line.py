"""One connection of a mail session (shell): a transport that says what there is to say when the turn ends.

Twisted's own asks the reactor to tell it when the socket takes something, though it nearly always does, and waits for
that: two system calls and a dispatch for each answer.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    IReadWriteDescriptor,
    ITCPTransport,
)
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.wire.wires import Wires

# Octets that are read at once, and that are while so many come: each read of a large message is a turn of its own.
_READ = 65_536
_LARGE_READ = 262_144
# With more octets than this waiting to be sent, whoever produces them pauses.
_HIGH_WATER = 65_536
# SO_LINGER with no time: the peer is told by a reset, and nothing lingers here.
_RESET = struct.pack("ii", 1, 0)

_DONE = Failure(CONNECTION_DONE)


@implementer(ITCPTransport, IConsumer, IPushProducer, IReadWriteDescriptor)
class Line:
    """The transport of `protocol` on a connected socket, which it owns; read from at once.

    What is written leaves in order when this turn of the reactor ends, or later as the socket takes it.  A protocol
    that provides IHalfCloseableProtocol is told when the peer has closed its half, and ends the connection itself once
    all is answered; for any other protocol the connection ends then.
    """

    __slots__ = (
        "_aborting", "_heard_all", "_held", "_most", "_peer", "_producer", "_protocol", "_reading", "_sent", "_socket",
        "_unsent", "_wires", "_writing", "connected", "disconnecting",
    )  # fmt: skip

    def __init__(self, connection: socket.socket, protocol: IProtocol, peer: object, wires: Wires) -> None:
        connection.setblocking(False)
        if not isinstance(peer, UNIXAddress):
            # With TLS 1.3 a session otherwise stalls for 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket: socket.socket | None = connection
        self._protocol: IProtocol | None = protocol
        self._peer = peer
        self._wires = wires
        # What is still to be sent, and how many octets of it have been.
        self._unsent = b""
        self._sent = 0
        self._most = _READ
        self._reading = self._writing = False
        self._aborting = False
        # The peer has closed its half.
        self._heard_all = False
        self._producer: Any = None
        self._held = False
        self.connected = True
        self.disconnecting = False
        self.resumeProducing()

    # --- what the protocol says: ITransport, IConsumer, IPushProducer ----------------------------------------------

    def write(self, data: bytes) -> None:
        """Send it; nothing after the end has been asked for."""
        if self.disconnecting or not data:
            return
        if self._unsent:
            self._unsent = self._unsent[self._sent :] + data
            self._sent = 0
        else:
            self._unsent = data
            if not self._writing:
                self._wires.turn_end.add(self)
        if self._producer is not None and len(self._unsent) > _HIGH_WATER and not self._held:
            self._held = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        """Send them all."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once all is said, and no producer has more."""
        if self.disconnecting:
            return
        self.disconnecting = True
        if self._writing:
            self.pauseProducing()
        elif not self._unsent:
            self._wires.turn_end.add(self)

    def abortConnection(self) -> None:
        """Close when the turn ends, whatever is unsent; the peer is told by a reset."""
        if self._aborting or not self.connected:
            return
        self._aborting = self.disconnecting = True
        self._unsent = b""
        self._leave_watch()
        self._wires.turn_end.add(self)

    def loseWriteConnection(self) -> None:
        """As loseConnection: SMTP knows no half of a connection."""
        self.loseConnection()

    def pauseProducing(self) -> None:
        """Read no more until told to."""
        if self._reading:
            self._reading = False
            self._wires.watch.removeReader(self)

    def resumeProducing(self) -> None:
        """Read on."""
        if self.connected and not (self.disconnecting or self._reading or self._heard_all):
            self._reading = True
            self._wires.watch.addReader(self)

    def stopProducing(self) -> None:
        """IPushProducer: no more of it is wanted."""
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have `producer` pause while too much waits to be sent; one that must be pulled is not provided for."""
        assert streaming
        assert self._producer is None
        if self.connected:
            self._producer, self._held = producer, False
        else:
            producer.stopProducing()

    def unregisterProducer(self) -> None:
        """The last of it has been written."""
        self._producer = None
        if self.disconnecting and self.connected and not self._writing:
            self._wires.turn_end.add(self)

    def getPeer(self) -> Any:
        """The other end."""
        return self._peer

    def getHost(self) -> Any:
        """Our end."""
        return None if self._socket is None else address_of(self._socket.family, self._socket.getsockname())

    def getTcpNoDelay(self) -> bool:
        """Always."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """It is."""

    def getTcpKeepAlive(self) -> bool:
        """Never: sessions have deadlines."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Not provided for."""

    # --- what the reactor says: IReadWriteDescriptor ---------------------------------------------------------------

    def doRead(self) -> Any:
        """The peer has sent something, or has ended; an exception where that is the end of the connection."""
        assert self._socket is not None
        try:
            data = self._socket.recv(self._most)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return CONNECTION_LOST
        if not data:
            return self._peer_has_ended()
        self._most = _READ if len(data) < _READ else _LARGE_READ
        assert self._protocol is not None
        self._protocol.dataReceived(data)
        return None

    def _peer_has_ended(self) -> BaseException | None:
        """It says nothing more, but may still listen: what is being answered, or is on its way out, is not lost."""
        protocol: Any = self._protocol
        if not IHalfCloseableProtocol.providedBy(protocol):
            return CONNECTION_DONE
        self._heard_all = True
        self.pauseProducing()
        if not self.disconnecting:
            protocol.readConnectionLost()
        return None

    def doWrite(self) -> Any:
        """The socket takes something again; an exception where the connection has ended."""
        if not self._writing:
            return None
        if not self._send():
            return CONNECTION_LOST
        if self._unsent:
            return None
        self._writing = False
        self._wires.watch.removeWriter(self)
        return self._all_sent()

    def speak(self) -> None:
        """The turn is over."""
        if not self.connected:
            return
        if self._aborting:
            assert self._socket is not None
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._end(Failure(ConnectionAborted()))
            return
        if self._unsent and not self._writing:
            self._send()
        if self._unsent:
            # A connection that is found to be gone, too: what the peer has said before is still to be read.
            self._write_on()
        elif self._all_sent() is not None:
            self._end(_DONE)

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone."""
        if self.connected:
            self._end(reason)

    def fileno(self) -> int:
        """The socket's number, -1 once it is closed."""
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        """ILoggingContext."""
        return type(self._protocol).__name__

    # --- small steps -----------------------------------------------------------------------------------------------

    def _send(self) -> bool:
        """Have the socket take what it will; False when the connection is found to be gone."""
        assert self._socket is not None
        unsent, sent = self._unsent, self._sent
        try:
            sent += self._socket.send(memoryview(unsent)[sent:] if sent else unsent)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        self._unsent, self._sent = (b"", 0) if sent == len(unsent) else (unsent, sent)
        return True

    def _write_on(self) -> None:
        """The rest leaves when the socket takes it; who is to be closed has nothing to hear any more."""
        if self.disconnecting:
            self.pauseProducing()
        if not self._writing:
            self._writing = True
            self._wires.watch.addWriter(self)

    def _all_sent(self) -> BaseException | None:
        """Nothing waits to be sent: more may come, or it is the end."""
        if self._held and self._producer is not None:
            self._held = False
            self._producer.resumeProducing()
        return CONNECTION_DONE if self.disconnecting and not self._unsent and self._producer is None else None

    def _leave_watch(self) -> None:
        if self._reading:
            self._reading = False
            self._wires.watch.removeReader(self)
        if self._writing:
            self._writing = False
            self._wires.watch.removeWriter(self)

    def _end(self, reason: Failure) -> None:
        self._leave_watch()
        self.connected, self.disconnecting = False, True
        connection, self._socket = self._socket, None
        protocol, self._protocol = self._protocol, None
        producer, self._producer = self._producer, None
        assert connection is not None
        assert protocol is not None
        self._unsent = b""
        if producer is not None:
            producer.stopProducing()
        connection.close()
        protocol.connectionLost(reason)


def address_of(family: int, name: Any) -> Any:
    """The address of a socket's end, as Twisted has it; `name` as the socket module gives it."""
    if family == socket.AF_UNIX:
        return UNIXAddress(name or None)
    return IPv6Address("TCP", *name) if family == socket.AF_INET6 else IPv4Address("TCP", *name)
