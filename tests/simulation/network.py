"""The network between the server and the rest of the world: in memory, with a clock, delays and sudden ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import TimeoutError as TimedOut
from twisted.internet.interfaces import IDelayedCall, IReactorTCP, IReactorTime
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.testing.network import SILENT
from fopemta.testing.transport import MemoryTransport

_MOST_TURNS = 50_000


class Connection:
    """Two ends; what the server's end says reaches the client's `latency` seconds later."""

    def __init__(
        self, net: Net, life: Life, client: Any, server: Any, address: str, peer: str, latency: float, inbound: bool
    ) -> None:
        near, far = IPv4Address("TCP", peer, 40000), IPv4Address("TCP", address, 25)
        self.net = net
        self.life = life
        self.client = MemoryTransport(net, client=True, host=near, peer=far)
        self.server = MemoryTransport(net, client=False, host=far, peer=near)
        self.client.other, self.server.other = self.server, self.client
        self.client.segment = self.server.segment = net.segment
        # The end of the server that is being simulated.
        self.ours = self.server if inbound else self.client
        self._latency = latency
        self._open_at: float | None = None
        self.server.protocol, self.client.protocol = server, client
        server.makeConnection(self.server)
        client.makeConnection(self.client)

    def turn(self) -> bool:
        """Move what can be moved; True when anything was."""
        moved = False
        for end in (self.server, self.client):
            if end is self.client and not self._may_arrive():
                continue
            moved |= end.produce()
            while end.deliver():
                moved = True
                if self._latency and end is self.client and not end.incoming:
                    self._open_at = None
            moved |= end.settle()
        return moved

    def _may_arrive(self) -> bool:
        if not self._latency or not (self.client.incoming or self.server.disconnected):
            return True
        now = self.net.seconds()
        if self._open_at is None:
            self._open_at = now + self._latency
            self.net.callLater(self._latency, _nothing)
        return now >= self._open_at

    @property
    def over(self) -> bool:
        return self.client.disconnected and self.server.disconnected

    def cut(self) -> None:
        """Our process is gone: it hears of nothing, and the other one of a lost connection."""
        end = self.ours
        end.disconnected = end.disconnecting = True
        end.incoming.clear()
        assert end.other is not None
        end.other.end(ConnectionLost)


def _nothing() -> None:
    """A moment at which something may move."""


class Net(Clock):
    """`servers` maps an address to (protocol factory or SILENT, latency); what is missing refuses."""

    def __init__(self, segment: int | None = None) -> None:
        super().__init__()
        self.segment = segment
        self.servers: dict[str, tuple[Any, float]] = {}
        self.connections: list[Connection] = []
        self.each_turn: Callable[[], None] = _nothing

    def join(
        self, life: Life, client: Any, server: Any, address: str, peer: str, latency: float = 0.0, inbound: bool = False
    ) -> Connection:
        """Connect the two; `inbound`: a client to the server that is being simulated."""
        connection = Connection(self, life, client, server, address, peer, latency, inbound)
        self.connections.append(connection)
        return connection

    def settle(self) -> None:
        """Until nothing moves any more at this moment."""
        for _ in range(_MOST_TURNS):
            self.advance(0)
            moved = False
            for each in list(self.connections):
                moved |= each.turn()
            self.connections = [each for each in self.connections if not each.over]
            self.each_turn()
            if not moved and not self._due:
                return
        raise AssertionError("the network never comes to rest")

    @property
    def _due(self) -> bool:
        return bool(self.calls) and self.calls[0].getTime() <= self.seconds()

    def run_until(self, moment: float) -> None:
        """From one event to the next."""
        self.settle()
        while self.calls and self.calls[0].getTime() <= moment:
            self.advance(max(self.calls[0].getTime() - self.seconds(), 0.0))
            self.settle()
        self.advance(max(moment - self.seconds(), 0.0))
        self.settle()


class Port:
    """A listening port of a server that is being simulated."""

    def __init__(self, factory: Any) -> None:
        self.factory = factory
        self.accepting = True
        self.transport: Any = None

    def stopReading(self) -> None:
        """Clients wait."""
        self.accepting = False

    def startReading(self) -> None:
        """Clients are let in."""
        self.accepting = True

    def stopListening(self) -> None:
        """No more clients."""
        self.accepting = False


@implementer(IReactorTime, IReactorTCP)
class Life:
    """The reactor of one process, from its start to its end, which may come at any moment."""

    running = True

    def __init__(self, net: Net) -> None:
        self.net = net
        self.dead = False
        self.ports: dict[int, Port] = {}
        self.address = "45.0.0.1"

    # --- IReactorTime ----------------------------------------------------------------------------------------------

    def seconds(self) -> float:
        """The steady clock."""
        return self.net.seconds()

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any, **kwargs: Any) -> IDelayedCall:
        """Unless the process is gone by then."""
        return _Delayed(self, self.net.callLater(delay, self._call, call, args, kwargs))  # type: ignore[return-value]

    def _call(self, call: Callable[..., Any], args: Any, kwargs: Any) -> None:
        if not self.dead:
            call(*args, **kwargs)

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """All of them."""
        return list(self.net.getDelayedCalls())

    # --- IReactorTCP -----------------------------------------------------------------------------------------------

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """For clients."""
        found = self.ports[port] = Port(factory)
        factory.doStart()
        return found

    def listenUNIX(self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666) -> Any:
        """For commands: at the port 0."""
        return self.listenTCP(0, factory)

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:
        """To a server of others."""
        factory.doStart()
        factory.startedConnecting(_CONNECTOR)
        if self.dead:
            return _CONNECTOR
        server, latency = self.net.servers.get(host, (None, 0.0))
        if server is None:
            self.callLater(0, factory.clientConnectionFailed, _CONNECTOR, Failure(Refused()))
        elif server == SILENT:
            self.callLater(timeout, factory.clientConnectionFailed, _CONNECTOR, Failure(TimedOut()))
        else:
            self.callLater(0, self._connect, host, factory, server, latency)
        return _CONNECTOR

    def _connect(self, host: str, factory: Any, server: Any, latency: float) -> None:
        protocol = factory.buildProtocol(IPv4Address("TCP", host, 25))
        peer = server.buildProtocol(IPv4Address("TCP", self.address, 40000))
        self.net.join(self, protocol, peer, host, self.address, latency)

    # --- IReactorCore, IReactorThreads -----------------------------------------------------------------------------

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[..., Any], *args: Any) -> None:
        """Nothing is triggered: the world ends processes itself."""

    def callWhenRunning(self, call: Callable[..., Any], *args: Any) -> None:
        """Signals are not for us."""

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        """In the next turn."""
        self.callLater(0, call, *args)

    def stop(self) -> None:
        """It wants to end by itself, which a simulated server never does."""
        raise AssertionError("the server has ended itself")

    def die(self) -> None:
        """All that it has is gone at once."""
        self.dead = True
        for each in self.net.connections:
            if each.life is self:
                each.cut()
        for call in self.net.getDelayedCalls():
            if call.func == self._call:  # type: ignore[attr-defined]
                call.cancel()


class _Delayed:
    """A call to come.  What still runs of a process that has ended may cancel it and disturb nobody."""

    def __init__(self, life: Life, call: IDelayedCall) -> None:
        self._life = life
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def active(self) -> bool:
        """It has not come yet."""
        return not self._life.dead and bool(self._call.active())

    def cancel(self) -> None:
        """It is not to come."""
        if not self._life.dead:
            self._call.cancel()


class _Connector:
    def disconnect(self) -> None:
        """Connections are made at once."""

    stopConnecting: Callable[[_Connector], None] = disconnect


_CONNECTOR = _Connector()
