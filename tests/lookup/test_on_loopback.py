"""With real sockets: the resolver against the small name server, by UDP and TCP."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from fopemta.answer import Found, Unavailable
from fopemta.lookup.dns.datagrams import ConnectedDatagrams
from fopemta.lookup.dns.resolver import Resolver
from fopemta.testing.dns import DnsServer, Trouble, Zone

LINES = [f"big.test 600 MX {n} mx{n:03d}.some-long-name-so-that-it-does-not-fit.big.test" for n in range(60)]
TROUBLE = {
    "cut.test": Trouble.CUT_OFF,
    "slow.test": Trouble.SLOW,
    "silent.test": Trouble.SILENT,
}


class LoopbackTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        names = ("d.test", *TROUBLE)
        self.server = DnsServer(Zone.of([*(f"{name} 600 MX 10 mx.{name}" for name in names), *LINES], TROUBLE))
        self.resolver = self.asking(self.server.listen(reactor))

    def tearDown(self) -> Deferred[Any]:
        return self.server.stop()

    def asking(self, port: int, address: str = "127.0.0.1", timeout: float = 5.0) -> Resolver:
        return Resolver(reactor, ((address, port),), timeout)  # type: ignore[arg-type]

    async def test_udp(self) -> None:
        self.assertEqual(await self.resolver.exchangers("d.test"), Found(((10, "mx.d.test"),)))

    async def test_C128_tcp(self) -> None:
        found = await self.resolver.exchangers("big.test")
        assert isinstance(found, Found)
        self.assertEqual(len(found.value), 60)
        self.assertEqual(await self.resolver.exchangers("cut.test"), Found(((10, "mx.cut.test"),)))

    async def test_slow_answer_is_waited_for(self) -> None:
        self.assertEqual(await self.resolver.exchangers("slow.test"), Found(((10, "mx.slow.test"),)))

    async def test_silence(self) -> None:
        found = await self.asking(self.server.port, timeout=0.2).exchangers("silent.test")
        self.assertEqual(found, Unavailable(f"no answer within 0.2 s from 127.0.0.1:{self.server.port}"))

    async def test_closed_port(self) -> None:
        await self.server.stop()
        found = await self.resolver.exchangers("e.test")
        self.assertEqual(found, Unavailable(f"nothing listens at 127.0.0.1:{self.server.port}"))

    async def test_giving_up_leaves_nothing_behind(self) -> None:
        # Trial fails a test that leaves a socket or a call.
        waiting = self.resolver.addresses("silent.test")
        await deferLater(reactor, 0.05)  # type: ignore[arg-type]
        waiting.cancel()
        with self.assertRaises(CancelledError):
            await waiting

    async def test_ipv6(self) -> None:
        server = DnsServer(Zone.of(["d.test 600 MX 10 mx.d.test"]))
        try:
            port = server.listen(reactor, "::1")
        except CannotListenError:
            raise SkipTest("this machine has no IPv6") from None
        try:
            self.assertIsInstance(await self.asking(port, "::1").exchangers("d.test"), Found)
        finally:
            await server.stop()


class ConnectedDatagramsTests(TestCase):
    timeout = 20

    def open(self, server: tuple[str, int], received: Callable[[bytes], object]) -> ConnectedDatagrams:
        datagrams = ConnectedDatagrams(reactor, server, received, self.fail)  # type: ignore[arg-type]
        self.addCleanup(datagrams.close)
        return datagrams

    async def test_strangers_are_not_heard(self) -> None:
        heard: list[bytes] = []
        server, stranger = DnsServer(Zone()), DnsServer(Zone())
        ports = [each.listen(reactor) for each in (server, stranger)]
        try:
            datagrams = self.open(("127.0.0.1", ports[0]), heard.append)
            us = datagrams._socket.getsockname()  # type: ignore[union-attr]
            for each, words in ((stranger, b"stranger"), (server, b"server")):
                each._ports[1].write(words, us)
            await deferLater(reactor, 0.05)  # type: ignore[arg-type]
            self.assertEqual(heard, [b"server"])
        finally:
            for each in (server, stranger):
                await each.stop()

    def test_each_has_a_port_of_its_own(self) -> None:
        opened = [self.open(("127.0.0.1", 9), lambda data: None) for _ in range(20)]
        ports = [each._socket.getsockname()[1] for each in opened]  # type: ignore[union-attr]
        steps = {after - before for before, after in pairwise(ports)}
        self.assertGreater(len(steps), 5, "the ports can be foretold")

    def test_address_that_is_none(self) -> None:
        self.assertRaises(OSError, self.open, ("192.0.2.300", 53), lambda data: None)

    def test_closing_twice_is_harmless(self) -> None:
        datagrams = self.open(("127.0.0.1", 9), lambda data: None)
        datagrams.close()
        datagrams.close()
        self.assertEqual(datagrams.fileno(), -1)
