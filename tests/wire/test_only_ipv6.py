"""Two listeners on one port, of IPv4 and of IPv6."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.trial.unittest import SkipTest, TestCase

from fopemta.config.model import Listener
from fopemta.server.mail_service import CannotStart, bound
from fopemta.server.own_addresses import missing_here
from fopemta.wire.only_ipv6 import OnlyIPv6, OnlyIPv6Port


class OnlyIPv6Tests(TestCase):
    """With IPV6_V6ONLY the kernel leaves the port of IPv4 to another socket; tests do not listen to the world."""

    def setUp(self) -> None:
        if missing_here(6, "::1") is not None:
            raise SkipTest("this machine has no IPv6")

    def keep(self, port: Any) -> Any:
        self.addCleanup(port.stopListening)
        return port

    def test_listener_of_ipv6_is_for_it_alone(self) -> None:
        for endpoint, alone in ((r"tcp6:0:interface=\:\:1", True), ("tcp:0:interface=127.0.0.1", False)):
            port = self.keep(bound(reactor, "x", Listener(endpoint=endpoint), ServerFactory()))  # type: ignore[arg-type]
            self.assertEqual((isinstance(port, OnlyIPv6Port), port.backlog), (alone, 1024), endpoint)

    def test_what_the_kernel_is_told(self) -> None:
        made = OnlyIPv6Port(0, ServerFactory(), 50, "::", reactor).createInternetSocket()
        self.addCleanup(made.close)
        self.assertEqual(made.family, socket.AF_INET6)
        self.assertEqual(made.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), 1)
        other = OnlyIPv6Port(0, ServerFactory(), 50, "127.0.0.1", reactor).createInternetSocket()
        self.addCleanup(other.close)
        self.assertEqual(other.family, socket.AF_INET)

    def test_taken(self) -> None:
        port = self.keep(OnlyIPv6(reactor).listenTCP(0, ServerFactory(), interface="::1"))
        number = port.getHost().port
        with self.assertRaises(CannotListenError):
            OnlyIPv6(reactor).listenTCP(number, ServerFactory(), interface="::1")
        listener = Listener(endpoint=rf"tcp6:{number}:interface=\:\:1")
        with self.assertRaisesRegex(CannotStart, "x: Address already in use"):
            bound(reactor, "x", listener, ServerFactory())  # type: ignore[arg-type]


class MissingTests(TestCase):
    def test_addresses(self) -> None:
        for address in ("127.0.0.1", "127.0.0.77", "*"):
            self.assertIsNone(missing_here(4, address), address)
        self.assertEqual(missing_here(4, "192.0.2.9"), "this machine has no address 192.0.2.9")
        self.assertIn("rubbish: ", missing_here(4, "rubbish") or "")
