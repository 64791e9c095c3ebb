"""A listener behind a proxy (shell): the PROXY header is read first, and names the client.

Twisted's own `haproxy:` wrapper is not used: it accepts a header from anyone, waits for it without limit, and lets the
protocol greet before it has come (docs/decisions/0006-proxy-protocol.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.ip import Network, in_networks
from fopemta.deadline import Deadline
from fopemta.smtp.proxy_header import NoProxyHeader, ProxiedFor, ProxyHeader, proxy_header

# An unknown client is in no network: it must not get the proxy's privileges.
_NOBODY = UNIXAddress(None)


class ProxiedFactory(WrappingFactory):
    """Wraps the factory of a listener.  Connections not from `proxies` are closed before anything is read; a header
    must come within `timeout` seconds.
    """

    noisy = False

    def __init__(
        self, wrapped: IProtocolFactory, proxies: Callable[[], Sequence[Network]], clock: IReactorTime, timeout: float
    ) -> None:
        super().__init__(wrapped)  # type: ignore[no-untyped-call]
        self.proxies = proxies
        self.clock = clock
        self.timeout = timeout

    def buildProtocol(self, addr: Any) -> Any:
        """A wrapper that reads the header."""
        return _Proxied(self)


@implementer(IHalfCloseableProtocol)
class _Proxied(ProtocolWrapper):
    """Between the transport and the listener's protocol, which is made once the client is known."""

    def __init__(self, factory: ProxiedFactory) -> None:
        super().__init__(factory, Protocol())  # type: ignore[arg-type]  # WrappingFactory knows its wrapper's type
        self._owner = factory
        self._data = b""
        self._peer: Any = None
        self._joined = False
        self._deadline = Deadline(factory.clock, self._too_late)

    def connectionMade(self) -> None:
        """Close the connection unless it is from a proxy."""
        proxy = getattr(self._wire.getPeer(), "host", "unknown")
        if not in_networks(proxy, self._owner.proxies()):
            maillog.cut_off(proxy, "not one of the listener's proxies")
            self._wire.abortConnection()
            return
        self._deadline.set(self._owner.timeout)

    def dataReceived(self, data: bytes) -> None:
        """Process the header, then the client's data."""
        if self._joined:
            self.wrappedProtocol.dataReceived(data)
            return
        if self.disconnecting:
            return
        self._data += data
        try:
            header = proxy_header(self._data)
        except NoProxyHeader as error:
            self._refuse(str(error))
            return
        if header is None:
            return
        self._deadline.clear()
        self._peer = _peer_of(header)
        rest, self._data = self._data[header.length :], b""
        self._join(rest)

    def readConnectionLost(self) -> None:
        """The client, or the proxy, has closed its half of the connection."""
        if self._joined:
            IHalfCloseableProtocol(self.wrappedProtocol).readConnectionLost()
        else:
            self._wire.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our half is never closed alone."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._deadline.clear()
        if self._joined:
            self.wrappedProtocol.connectionLost(reason)

    def getPeer(self) -> Any:
        """The client's address from the header."""
        return self._peer if self._peer is not None else self._wire.getPeer()

    @property
    def _wire(self) -> Any:
        return self.transport

    def _join(self, rest: bytes) -> None:
        protocol = self._owner.wrappedFactory.buildProtocol(self.getPeer())
        self.wrappedProtocol = protocol
        self._joined = True
        protocol.makeConnection(self)
        if rest:
            self.dataReceived(rest)

    def _refuse(self, why: str) -> None:
        maillog.cut_off(getattr(self._wire.getPeer(), "host", "unknown"), f"no PROXY header: {why}")
        self._wire.abortConnection()

    def _too_late(self) -> None:
        self._refuse("none came in time")


def _peer_of(header: ProxyHeader) -> Any:
    """The client's address as Twisted has it; None if the connection is the proxy's own."""
    if header.speaker is ProxiedFor.PROXY:
        return None
    if header.speaker is ProxiedFor.UNKNOWN:
        return _NOBODY
    kind = IPv6Address if ":" in header.address else IPv4Address
    return kind("TCP", header.address, header.port)
