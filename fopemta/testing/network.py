"""A network in memory: a Clock that also connects, to servers by address (no sockets)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import TimeoutError as TimedOut
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.testing.transport import MemoryTransport, Pump

SILENT = "silent"


@implementer(IReactorTCP)
class MemoryNetwork(Clock):
    """`servers` maps (address, port) to a factory of server protocols, or to SILENT; others refuse."""

    def __init__(self, servers: dict[tuple[str, int], Any] | None = None) -> None:
        super().__init__()
        self.servers = dict(servers or {})
        self.dialled: list[tuple[str, int]] = []
        self.bound: list[Any] = []
        self.pumps: list[Pump] = []

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:
        """IReactorTCP, for clients."""
        self.dialled.append((host, port))
        self.bound.append(bindAddress)
        factory.doStart()
        server = self.servers.get((host, port))
        if server is None:
            self.callLater(0, factory.clientConnectionFailed, None, Failure(Refused()))
        elif server == SILENT:
            self.callLater(timeout, factory.clientConnectionFailed, None, Failure(TimedOut()))
        else:
            self._join(host, port, factory, server)
        return _Connector()

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """IReactorTCP, for servers: reachable at (interface, port)."""
        self.servers[interface, port] = factory
        return None

    def flush(self, seconds: float = 0) -> None:
        """Run until nothing moves; then let the time pass, in half seconds."""
        self._settle()
        for _ in range(int(seconds * 2)):
            self.advance(0.5)
            self._settle()

    def _settle(self) -> None:
        for _ in range(100_000):
            self.advance(0)
            moved = [pump.pump() for pump in self.pumps]
            if not any(moved):
                return
        raise AssertionError("the network never comes to rest")

    def _join(self, host: str, port: int, factory: Any, server: Any) -> None:
        here, there = IPv4Address("TCP", "192.0.2.10", 40000 + len(self.pumps)), IPv4Address("TCP", host, port)
        near = MemoryTransport(self, client=True, host=here, peer=there)
        far = MemoryTransport(self, client=False, host=there, peer=here)
        near.other, far.other = far, near
        far.protocol = server.buildProtocol(here)
        near.protocol = factory.buildProtocol(there)
        self.pumps.append(Pump(near, far, self))
        far.protocol.makeConnection(far)
        near.protocol.makeConnection(near)


class _Connector:
    def disconnect(self) -> None:
        """Does nothing: a test's connections end with the test."""

    stopConnecting: Callable[[_Connector], None] = disconnect
