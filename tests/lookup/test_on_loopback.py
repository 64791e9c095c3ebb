"""Once with real sockets: the resolver against the small name server, by UDP and TCP."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from fopemta.answer import Found, Unavailable
from fopemta.lookup.resolver import Resolver
from fopemta.testing.dns import DnsServer, Zone


class LoopbackTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        lines = [f"big.test 600 MX {n} mx{n:03d}.some-long-name-so-that-it-does-not-fit.big.test" for n in range(60)]
        self.server = DnsServer(Zone.of(["d.test 600 MX 10 mx.d.test", *lines]))
        port = self.server.listen(reactor)
        self.resolver = Resolver(reactor, (("127.0.0.1", port),), 5.0)  # type: ignore[arg-type]

    def tearDown(self) -> Deferred[Any]:
        return self.server.stop()

    async def test_udp(self) -> None:
        self.assertEqual(await self.resolver.exchangers("d.test"), Found(((10, "mx.d.test"),)))

    async def test_C128_tcp(self) -> None:
        found = await self.resolver.exchangers("big.test")
        assert isinstance(found, Found)
        self.assertEqual(len(found.value), 60)

    async def test_closed_port(self) -> None:
        await self.server.stop()
        self.assertIsInstance(await self.resolver.exchangers("e.test"), Unavailable)
        self.server.listen(reactor)
