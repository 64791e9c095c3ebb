"""Listening on IPv6 alone (shell): "tcp6:25" leaves port 25 of IPv4 to "tcp:25" beside it.

Linux gives an IPv6 socket that is bound to every interface the IPv4 port, too, unless it is told otherwise; then the
second of the two listeners finds its port taken.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp


class OnlyIPv6Port(tcp.Port):
    """One of Twisted's ports."""

    def createInternetSocket(self) -> socket.socket:
        """As Twisted makes it, for IPv6 alone where it is for IPv6."""
        made: socket.socket = super().createInternetSocket()  # type: ignore[no-untyped-call]
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return made


class OnlyIPv6:
    """What an endpoint takes for a reactor: its ports are for IPv6 alone."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> OnlyIPv6Port:
        """IReactorTCP, for servers.  Raises CannotListenError."""
        listening = OnlyIPv6Port(port, factory, backlog, interface, self._reactor)
        listening.startListening()
        return listening
