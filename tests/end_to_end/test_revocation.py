"""The whole server, mail servers with real TLS, and an authority that revokes over real HTTP."""

from __future__ import annotations

import smtplib
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from fopemta.testing.authority import Leaf
from fopemta.testing.peers import Behaviour, Peer
from fopemta.testing.revocation_server import RevocationServer, Serving
from tests.processes import Fopemta
from tests.tls.handshakes import FromContext, server_context

DOMAINS = ("good.test", "stapled.test", "revoked.test", "unknown.test", "opportunistic.test")


class RevocationTests(TestCase):
    timeout = 90

    def setUp(self) -> None:
        self.server = RevocationServer(reactor, 1_000_000)
        self.ports: list[Any] = []
        leaves = {domain: self.server.leaf("127.0.0.1") for domain in DOMAINS}
        leaves["unknown.test"] = self.server.leaf("127.0.0.1", with_list=False)
        self.server.responses = Serving.STALE
        self.server.revoked += [leaves[each].chain[0] for each in ("revoked.test", "opportunistic.test")]
        routes = "".join(self.route(domain, leaf) for domain, leaf in leaves.items())
        folder = Path(self.mktemp())
        folder.mkdir()
        roots = Path(self.server.authority.write_root(folder)).resolve()
        self.fopemta = Fopemta(
            folder / "fopemta",
            f"""
[tls.client]
roots = "{roots}"
revocation = "hard"
fetch_private = true
[fetch]
probe = "{self.server.url("roots.crl")}"
{routes}""",
        )

    def route(self, domain: str, leaf: Leaf) -> str:
        """A mail server for the domain, and the way there."""
        context = server_context(leaf)
        if domain == "stapled.test":
            response = self.server.authority.ocsp(leaf)
            context.set_ocsp_server_callback(lambda _connection, _data: response)
        peer = Peer(Behaviour(creator=FromContext(context)))
        port = IReactorTCP(reactor).listenTCP(0, peer, interface="127.0.0.1")
        self.ports.append(port)
        level = "opportunistic" if domain == "opportunistic.test" else "authenticated"
        way = f"smtp:[127.0.0.1]:{port.getHost().port}"
        return f'[[route]]\ndomain = "{domain}"\nvia = "{way}"\ntls = "{level}"\n'

    def tearDown(self) -> Deferred[Any]:
        self.fopemta.stop()
        closing = [maybeDeferred(each.stopListening) for each in self.ports]
        return DeferredList([*closing, self.server.stop()])

    def send(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.fopemta.port, timeout=20) as client:
            client.sendmail("alice@us.test", [f"bob@{domain}" for domain in DOMAINS], "Subject: x\r\n\r\nHello\r\n")

    async def attempts(self) -> dict[str, Any]:
        """The first attempt's event of every domain."""
        for _ in range(400):
            found = {event["recipient"].partition("@")[2]: event for event in self.fopemta.events("attempt")}
            if len(found) == len(DOMAINS):
                return found
            await deferLater(reactor, 0.1)  # type: ignore[arg-type]
        raise AssertionError(f"not all were tried: {found}")

    async def test_whole_way(self) -> None:
        # The proof's own side runs in this reactor, so nothing here may wait in it.
        await deferToThread(self.fopemta.start)
        await deferToThread(self.send)
        found = await self.attempts()
        facts = {
            domain: (each["result"], each["diagnosis"], each["authenticated"], each["revocation"])
            for domain, each in found.items()
        }
        unknown = facts["unknown.test"][3]
        expected = {
            "good.test": ("delivered", None, True, "good (crl)"),
            "stapled.test": ("delivered", None, True, "good (staple, crl)"),
            "revoked.test": ("deferred", "cert_revoked", False, "revoked"),
            "unknown.test": ("deferred", "revocation_unknown", False, unknown),
            # Revoked, too, but nobody was asked for it.
            "opportunistic.test": ("delivered", None, True, "unknown (not asked)"),
        }
        self.assertEqual(facts, expected)
        self.assertRegex(unknown, r"^unknown \(the OCSP response was good until ")
        self.assertEqual(found["revoked.test"]["enhanced"], "4.7.5")
        self.assertEqual(self.server.requests["issuing.crl"], 1)
        self.assertEqual(self.fopemta.events("revocation_unreachable"), [])
        kept = list((self.fopemta.folder / "state" / "revocation").iterdir())
        self.assertEqual(len(kept), 2)
