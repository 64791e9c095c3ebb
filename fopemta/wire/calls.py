"""Connections that we make (shell)."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.error import TimeoutError as TimedOut
from twisted.internet.error import UserError, getConnectError
from twisted.internet.interfaces import IConnector, IDelayedCall, IReactorTCP, IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.interfaces import IMailReactor
from fopemta.wire.line import Line, address_of
from fopemta.wire.wires import Wires

_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK)


def on_lines(
    reactor: IMailReactor, wires: Wires | None = None, make_socket: Callable[..., socket.socket] = socket.socket
) -> Any:
    """`reactor`, an IMailReactor, but connections that it makes have a Line for their transport.

    They share the reactor's own `wires` unless others are given.
    """
    return _Caller(reactor, wires or Wires.of(reactor), make_socket)


@implementer(IReactorTCP)
class _Caller:
    def __init__(self, reactor: IMailReactor, wires: Wires, make_socket: Callable[..., socket.socket]) -> None:
        self._reactor = reactor
        self._wires = wires
        self._make_socket = make_socket

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: tuple[str, int] | None = None
    ) -> IConnector:
        """IReactorTCP, for one connection to an IP address; `timeout` in seconds.

        The factory hears whether it came about, and of its loss the protocol alone.
        """
        call = _Call(self._reactor, self._wires, (host, port), factory, self._make_socket)
        call.begin(timeout, bindAddress)
        return call

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """IReactorTCP: the reactor's own."""
        return self._reactor.listenTCP(port, factory, backlog, interface)


@implementer(IConnector, IReadWriteDescriptor)
class _Call:
    """One connection that is being made."""

    def __init__(
        self,
        reactor: IMailReactor,
        wires: Wires,
        destination: tuple[str, int],
        factory: Any,
        make_socket: Callable[..., socket.socket],
    ) -> None:
        self._reactor = reactor
        self._make_socket = make_socket
        self._wires = wires
        self._destination = destination
        self._factory = factory
        self._socket: socket.socket | None = None
        self._timeout: IDelayedCall | None = None

    def begin(self, timeout: float, source: tuple[str, int] | None) -> None:
        """Say that we want to."""
        self._factory.doStart()
        self._factory.startedConnecting(self)
        self._timeout = self._reactor.callLater(timeout, self._fail, TimedOut())
        try:
            trouble = self._connect(source)
        except OSError as error:
            trouble = error.errno or errno.EINVAL
        if trouble in _UNDER_WAY:
            self._wires.watch.addWriter(self)
        else:
            # Never before the caller has the Deferred in hand.
            self._timeout.cancel()
            self._timeout = self._reactor.callLater(0, self._answered, trouble)

    def _connect(self, source: tuple[str, int] | None) -> int:
        host, port = self._destination
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        family, _, _, _, name = found[0]
        self._socket = self._make_socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        if source is not None:
            self._socket.bind(source)
        return self._socket.connect_ex(name)

    def _answered(self, trouble: int) -> None:
        if trouble:
            self._fail(getConnectError((trouble, os.strerror(trouble))))
            return
        assert self._socket is not None
        try:
            peer = address_of(self._socket.family, self._socket.getpeername())
        except OSError as error:
            self._fail(getConnectError(error))
            return
        connection, factory = self._end()
        assert connection is not None
        protocol = factory.buildProtocol(peer)
        if protocol is None:
            connection.close()
        else:
            protocol.makeConnection(Line(connection, protocol, peer, self._wires))

    def _fail(self, error: Exception) -> None:
        connection, factory = self._end()
        if connection is not None:
            connection.close()
        factory.clientConnectionFailed(self, Failure(error))

    def _end(self) -> tuple[socket.socket | None, Any]:
        """Nothing is waited for any more: the socket, and the factory that is to be told.

        The factory has us, too, and in a circle both would stay in memory until the collector of garbage comes.
        """
        if self._timeout is not None and self._timeout.active():
            self._timeout.cancel()
        if self._socket is not None:
            self._wires.watch.removeWriter(self)
        connection, self._socket = self._socket, None
        factory, self._factory = self._factory, None
        return connection, factory

    # --- what the reactor says -------------------------------------------------------------------------------------

    def doWrite(self) -> None:
        """There is an answer."""
        self._look()

    def doRead(self) -> None:
        """Not asked for."""

    def connectionLost(self, reason: Failure) -> None:
        """There is an answer, and not a good one; or the reactor ends."""
        if self._socket is not None:
            self._look(errno.ECONNABORTED)

    def _look(self, otherwise: int = 0) -> None:
        assert self._socket is not None
        self._answered(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or otherwise)

    def fileno(self) -> int:
        """The socket's number."""
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        """ILoggingContext."""
        return "connecting"

    # --- what the caller says: IConnector --------------------------------------------------------------------------

    def stopConnecting(self) -> None:
        """Not any more."""
        if self._timeout is not None and self._timeout.active():
            self._fail(UserError())

    def disconnect(self) -> None:
        """Not any more; a connection that stands is its protocol's to end."""
        self.stopConnecting()

    def connect(self) -> None:
        """One call makes one connection."""
        raise RuntimeError("a call is made once")

    def getDestination(self) -> Any:
        """Where to."""
        host, port = self._destination
        return address_of(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port))
