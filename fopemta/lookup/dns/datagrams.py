"""A UDP socket connected to one server, on the reactor (shell)."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

# Datagrams per reactor turn: a flood of forged ones must not hold up the mail.
_A_TURN = 8
_LARGEST = 65535


class Datagrams(Protocol):
    """Datagrams to one server."""

    def send(self, data: bytes) -> None:
        """Send a datagram; errors are reported like those of reading."""

    def close(self) -> None:
        """Stop receiving; may be called twice."""


Received = Callable[[bytes], object]
Failed = Callable[[str], object]


@implementer(IReadDescriptor)
class ConnectedDatagrams:
    """Calls `received` with each datagram from `server`, or `failed` with the reason why none will come.

    Twisted's own UDP port logs two lines for each socket, so for each question, and is bound before it is connected;
    this one receives only from `server` from its first moment, on a random port that the kernel chooses.

    Raises OSError.
    """

    def __init__(self, reactor: IReactorFDSet, server: tuple[str, int], received: Received, failed: Failed) -> None:
        self._reactor = reactor
        self._received = received
        self._failed = failed
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._socket: socket.socket | None = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(server)
        except OSError:
            self._socket.close()
            raise
        reactor.addReader(self)

    def send(self, data: bytes) -> None:
        """See Datagrams."""
        assert self._socket is not None
        try:
            self._socket.send(data)
        except OSError as error:
            self._failed(_why(error))

    def close(self) -> None:
        """See Datagrams."""
        if self._socket is not None:
            self._reactor.removeReader(self)
            self._socket.close()
            self._socket = None

    # --- IReadDescriptor ---------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """IFileDescriptor."""
        return -1 if self._socket is None else self._socket.fileno()

    def doRead(self) -> None:
        """IReadDescriptor."""
        for _ in range(_A_TURN):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(_LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # Reported by ICMP: a closed port, an unreachable host, a firewall.
                self._failed(_why(error))
                return
            self._received(data)

    def connectionLost(self, reason: Failure) -> None:
        """IFileDescriptor: the reactor stops, or epoll has seen an error, which it reports as a lost connection."""
        code = 0 if self._socket is None else self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.close()
        self._failed(_why(OSError(code, os.strerror(code))) if code else "given up asking")

    def logPrefix(self) -> str:
        """ILoggingContext."""
        return "dns"


def _why(error: OSError) -> str:
    if error.errno == errno.ECONNREFUSED:
        return "nothing listens at"
    return f"{error.strerror or error}: cannot ask"
