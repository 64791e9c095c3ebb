"""With real HTTP: an authority that issues, revokes, and answers soundly or not."""

from __future__ import annotations

import time
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from fopemta.config.model import Fetch
from fopemta.lookup.fetch import Fetcher
from fopemta.lookup.revocation.list_shelf import ListShelf
from fopemta.lookup.revocation.lists import RevocationLists
from fopemta.lookup.revocation.revocations import Revocations
from fopemta.testing.authority import Leaf
from fopemta.testing.dns import ScriptedResolver
from fopemta.testing.revocation_server import RevocationServer, Serving
from fopemta.trust.revocation import Status

LARGEST = 100_000
UNSOUND = (Serving.STALE, Serving.FORGED, Serving.OVERSIZED, Serving.SLOW, Serving.NOTHING)


class LoopbackTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.server = RevocationServer(reactor, LARGEST)
        self.revocations = self.another()

    def tearDown(self) -> Deferred[Any]:
        self.revocations.stop()
        return self.server.stop()

    def another(self, private: bool = True) -> Revocations:
        """As after a start with an empty cache."""
        settings = Fetch(timeout=1.0, largest=LARGEST)
        fetcher = Fetcher(reactor, ScriptedResolver(), settings, private)  # type: ignore[arg-type]
        lists = RevocationLists(fetcher, ListShelf(self.mktemp()), LARGEST, time.time, deferToThread)
        return Revocations(reactor, fetcher, lists, time.time, deferToThread)  # type: ignore[arg-type]

    async def status(self, leaf: Leaf, staple: bytes = b"") -> list[tuple[Status, str]]:
        path = (*leaf.chain, self.server.authority.root)
        found = await self.revocations.check(tuple(each.public_bytes(Encoding.DER) for each in path), staple)
        return [(each.status, each.by) for each in found]

    async def test_good_by_list(self) -> None:
        self.assertEqual(await self.status(self.server.leaf("mx.test")), [(Status.GOOD, "crl"), (Status.GOOD, "crl")])
        self.assertEqual(self.server.requests, {"issuing.crl": 1, "roots.crl": 1})
        await self.status(self.server.leaf("other.test"))
        self.assertEqual(self.server.requests, {"issuing.crl": 1, "roots.crl": 1})

    async def test_revoked_by_list(self) -> None:
        leaf = self.server.leaf("mx.test")
        self.server.revoked.append(leaf.chain[0])
        self.assertEqual((await self.status(leaf))[0], (Status.REVOKED, "crl"))
        self.assertEqual((await self.status(self.server.leaf("other.test")))[0], (Status.GOOD, "crl"))

    async def test_revoked_intermediate(self) -> None:
        self.server.revoked.append(self.server.authority.intermediate)
        self.assertEqual((await self.status(self.server.leaf("mx.test")))[1], (Status.REVOKED, "crl"))

    async def test_responder_where_the_list_is_of_no_use(self) -> None:
        leaf = self.server.leaf("mx.test")
        for unsound in UNSOUND:
            self.revocations = self.another()
            self.server.lists, self.server.revoked = unsound, []
            self.assertEqual((await self.status(leaf))[0], (Status.GOOD, "ocsp"), unsound)
            self.revocations = self.another()
            self.server.revoked = [leaf.chain[0]]
            self.assertEqual((await self.status(leaf))[0], (Status.REVOKED, "ocsp"), unsound)

    async def test_nothing_sound_is_nothing_known(self) -> None:
        leaf = self.server.leaf("mx.test", with_list=False)
        self.server.revoked.append(leaf.chain[0])
        for unsound in UNSOUND:
            self.revocations = self.another()
            self.server.responses = unsound
            self.assertEqual((await self.status(leaf))[0], (Status.UNKNOWN, ""), unsound)

    async def test_staple_needs_no_fetch(self) -> None:
        leaf = self.server.leaf("mx.test")
        self.assertEqual((await self.status(leaf, self.server.authority.ocsp(leaf)))[0], (Status.GOOD, "staple"))
        self.assertNotIn("issuing.crl", self.server.requests)

    async def test_loopback_is_forbidden_unless_it_is_allowed(self) -> None:
        self.revocations = self.another(private=False)
        found = await self.status(self.server.leaf("mx.test"))
        self.assertEqual(found, [(Status.UNKNOWN, ""), (Status.UNKNOWN, "")])
        self.assertEqual(self.server.requests, {})
