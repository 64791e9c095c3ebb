"""A reactor without sockets, whose UDP is answered by name servers in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from fopemta.testing.dns import DnsServer, Zone


class _UdpPort:
    """Both the port and the transport of a connected datagram protocol."""

    def __init__(self, reactor: NameReactor, protocol: Any) -> None:
        self.reactor = reactor
        self.protocol = protocol
        self.server: tuple[str, int] | None = None
        self.open = True

    def connect(self, host: str, port: int) -> None:
        self.server = (host, port)

    def write(self, data: bytes, addr: Any = None) -> None:
        assert self.server is not None
        self.reactor.ask(self, data)

    def stopListening(self) -> None:
        if self.open:
            self.open = False
            self.reactor.open_ports -= 1


class _Connector:
    def __init__(self) -> None:
        self.disconnected = False

    def disconnect(self) -> None:
        self.disconnected = True


class NameReactor(Clock):
    """`servers` maps (address, port) to a Zone; None: silent; an address that is missing refuses."""

    def __init__(self, servers: dict[tuple[str, int], Zone | None]) -> None:
        super().__init__()
        self.servers = {key: None if zone is None else DnsServer(zone) for key, zone in servers.items()}
        self.asked: list[tuple[str, int]] = []
        self.tcp_works = True
        self.open_ports = 0

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> _UdpPort:
        transport = _UdpPort(self, protocol)
        self.open_ports += 1
        protocol.transport = transport
        protocol.startProtocol()
        return transport

    def ask(self, port: _UdpPort, data: bytes) -> None:
        assert port.server is not None
        self.asked.append(port.server)
        if port.server not in self.servers:
            self.callLater(0, port.protocol.connectionRefused)
            return
        server = self.servers[port.server]
        answer = None if server is None else server.respond(data, tcp=False)
        if answer is not None:
            self.callLater(0, port.protocol.datagramReceived, answer, port.server)

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30) -> _Connector:
        protocol = factory.buildProtocol(IPv4Address("TCP", host, port))
        server = self.servers.get((host, port))
        if server is None or not self.tcp_works:
            self.callLater(0, factory.clientConnectionFailed, None, None)
        else:
            self.callLater(0, self._converse, server, protocol)
        return _Connector()

    def _converse(self, server: DnsServer, protocol: Any) -> None:
        transport = StringTransport()
        protocol.makeConnection(transport)
        answer = server.respond(transport.value()[2:], tcp=True)
        if answer is not None:
            wire = len(answer).to_bytes(2, "big") + answer
            protocol.dataReceived(wire[:1])
            protocol.dataReceived(wire[1:])
