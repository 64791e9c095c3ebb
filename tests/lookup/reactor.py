"""A reactor without sockets, whose questions are answered by name servers in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from fopemta.lookup.dns.datagrams import Failed, Received
from fopemta.testing.dns import DnsServer, Zone


class MemoryDatagrams:
    """See fopemta.lookup.dns.datagrams.Datagrams."""

    def __init__(self, reactor: NameReactor, server: tuple[str, int], received: Received, failed: Failed) -> None:
        if reactor.no_descriptors:
            raise OSError(24, "Too many open files")
        self.reactor = reactor
        self.server = server
        self.received = received
        self.failed = failed
        self.open = True
        reactor.open_sockets += 1

    def send(self, data: bytes) -> None:
        self.reactor.ask(self, data)

    def close(self) -> None:
        if self.open:
            self.open = False
            self.reactor.open_sockets -= 1

    def tell(self, data: bytes) -> None:
        if self.open:
            self.received(data)

    def refuse(self) -> None:
        if self.open:
            self.failed("nothing listens at")


class MemoryConnector:
    """The way to a name server by TCP."""

    def __init__(self) -> None:
        self.disconnected = False

    def disconnect(self) -> None:
        self.disconnected = True


class NameReactor(Clock):
    """`servers` maps (address, port) to a Zone; None: silent; an address that is missing refuses.

    `tcp`: "works", "refused", "silent", "closes", "rubbish" or "truncated".
    """

    def __init__(self, servers: dict[tuple[str, int], Zone | None]) -> None:
        super().__init__()
        self.servers = {key: None if zone is None else DnsServer(zone) for key, zone in servers.items()}
        self.asked: list[tuple[str, int]] = []
        self.forged: list[bytes] = []  # come in before each answer
        self.tcp = "works"
        self.no_descriptors = False
        self.open_sockets = 0
        self.connectors: list[MemoryConnector] = []

    def ask(self, datagrams: MemoryDatagrams, data: bytes) -> None:
        """A question comes to a name server."""
        self.asked.append(datagrams.server)
        if datagrams.server not in self.servers:
            self.callLater(0, datagrams.refuse)
            return
        for forged in self.forged:
            self.callLater(0, datagrams.tell, forged)
        server = self.servers[datagrams.server]
        answer = None if server is None else server.respond(data, tcp=False)
        if answer is not None:
            self.callLater(0, datagrams.tell, answer)

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30) -> MemoryConnector:
        """As IReactorTCP has it."""
        connector = MemoryConnector()
        self.connectors.append(connector)
        server = self.servers.get((host, port))
        if server is None or self.tcp == "refused":
            self.callLater(0, factory.clientConnectionFailed, connector, Failure(ConnectError()))
        elif self.tcp != "silent":
            self.callLater(0, self._converse, server, factory.buildProtocol(IPv4Address("TCP", host, port)))
        return connector

    def _converse(self, server: DnsServer, protocol: Any) -> None:
        transport = StringTransport()
        protocol.makeConnection(transport)
        question = transport.value()[2:]
        if self.tcp == "closes":
            protocol.connectionLost(Failure(ConnectError()))
            return
        answer = server.respond(question, tcp=self.tcp != "truncated")
        assert answer is not None
        if self.tcp == "rubbish":
            answer = b"\xff" * 20
        wire = len(answer).to_bytes(2, "big") + answer
        for index in range(len(wire)):
            protocol.dataReceived(wire[index : index + 1])
