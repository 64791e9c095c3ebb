"""What becomes of a delivery when a certificate was revoked, or nobody knows."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from fopemta.interfaces import IRevocations
from fopemta.outbound.weighing import Weighing
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.demand import Proof, Revocation
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.levels import Level
from fopemta.trust.plan import Judgement
from fopemta.trust.revocation import Finding, Status
from fopemta.trust.verdict import Result
from tests.outbound.delivery import OTHER_NAME, Delivery, peer

HARD, SOFT, OFF = Revocation.HARD, Revocation.SOFT, Revocation.OFF
GOOD = (Finding(Status.GOOD, "staple"), Finding(Status.GOOD, "crl"))
REVOKED = (Finding(Status.REVOKED, "crl", "the certificate is revoked"), Finding(Status.GOOD, "crl"))
UNKNOWN = (Finding(Status.UNKNOWN, text="c.test: SERVFAIL"), Finding(Status.GOOD, "crl"))


@implementer(IRevocations)
class ScriptedRevocations:
    """The same for every certificate; what was asked is noted."""

    def __init__(self, findings: Any) -> None:
        self.findings = findings
        self.asked: list[str] = []
        self.paths: list[tuple[tuple[bytes, ...], bytes]] = []

    def known(self, path: tuple[bytes, ...], staple: bytes) -> tuple[Finding, ...]:
        self.asked.append("known")
        return self.findings  # type: ignore[no-any-return]

    def check(self, path: tuple[bytes, ...], staple: bytes) -> Deferred[tuple[Finding, ...]]:
        self.asked.append("check")
        self.paths.append((path, staple))
        return self.findings if isinstance(self.findings, Deferred) else succeed(self.findings)


class ByPath(ScriptedRevocations):
    """One path is revoked; what is asked is answered later."""

    def __init__(self, bad: bytes) -> None:
        super().__init__(GOOD)
        self.bad = bad
        self.waiting: list[Deferred[None]] = []

    def known(self, path: tuple[bytes, ...], staple: bytes) -> tuple[Finding, ...]:
        return REVOKED if path == (self.bad,) else GOOD

    def check(self, path: tuple[bytes, ...], staple: bytes) -> Deferred[tuple[Finding, ...]]:
        self.paths.append((path, staple))
        self.waiting.append(Deferred())
        return self.waiting[-1].addCallback(lambda _: self.known(path, staple))


SHOWN = HandshakeEvidence(
    protocol="TLSv1.3", cipher="x", bits=256, group=None, chain=(b"one",), chain_errors=(), server_name=None
)


def delivery(findings: Any, level: Level | None, revocation: Revocation = HARD, **more: Any) -> Delivery:
    server = more.pop("server", None) or peer()
    return Delivery(server, level=level, revocation=revocation, revocations=ScriptedRevocations(findings), **more)


class DeliveryTests(SynchronousTestCase):
    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IRevocations, ScriptedRevocations(())))

    def test_authenticated_mail_by_what_is_known(self) -> None:
        table = {
            (GOOD, HARD): (Result.DELIVERED, None, "good (staple, crl)"),
            (GOOD, OFF): (Result.DELIVERED, None, None),
            (REVOKED, HARD): (Result.DEFERRED, "cert_revoked", "revoked"),
            (REVOKED, SOFT): (Result.DEFERRED, "cert_revoked", "revoked"),
            (REVOKED, OFF): (Result.DELIVERED, None, None),
            (UNKNOWN, HARD): (Result.DEFERRED, "revocation_unknown", "unknown (c.test: SERVFAIL)"),
            (UNKNOWN, SOFT): (Result.DELIVERED, None, "unknown (c.test: SERVFAIL)"),
        }
        found = {}
        for findings, mode in table:
            (verdict,) = delivery(findings, Level.AUTHENTICATED, mode).run()
            found[findings, mode] = (verdict.result, verdict.diagnosis, verdict.revocation)
        self.assertEqual(found, table)

    def test_what_is_not_proven_says_why(self) -> None:
        (verdict,) = delivery(REVOKED, Level.AUTHENTICATED).run()
        self.assertEqual((verdict.code, verdict.enhanced), (451, "4.7.5"))
        self.assertEqual((verdict.authenticated, verdict.authenticated_by), (False, None))
        self.assertEqual(verdict.text, "the certificate is revoked")
        server = peer()
        delivery(UNKNOWN, Level.AUTHENTICATED, server=server).run()
        self.assertEqual(server.messages, [])

    def test_the_whole_path_is_asked_about(self) -> None:
        asked = delivery(GOOD, Level.AUTHENTICATED)
        asked.run()
        revocations: Any = asked.manager.context.revocations
        self.assertEqual([(len(path), staple) for path, staple in revocations.paths], [(3, b"")])

    def test_other_mail_asks_nobody_and_goes_whatever_is_known(self) -> None:
        for level in (None, Level.OPPORTUNISTIC, Level.ENCRYPT):
            for findings, authenticated in ((GOOD, True), (REVOKED, False), (UNKNOWN, True)):
                each = delivery(findings, level)
                (verdict,) = each.run()
                revocations: Any = each.manager.context.revocations
                self.assertEqual((verdict.result, verdict.authenticated), (Result.DELIVERED, authenticated), level)
                self.assertEqual(set(revocations.asked), {"known"})
        (verdict,) = delivery(REVOKED, None).run()
        self.assertEqual((verdict.diagnosis, verdict.revocation), ("cert_revoked", "revoked"))

    def test_a_certificate_that_proves_nothing_is_not_asked_about(self) -> None:
        each = delivery(GOOD, Level.AUTHENTICATED, server=peer(creator=OTHER_NAME))
        (verdict,) = each.run()
        revocations: Any = each.manager.context.revocations
        self.assertEqual((verdict.diagnosis, verdict.revocation, revocations.asked), ("name_mismatch", None, []))

    def test_next_host_where_one_is_revoked(self) -> None:
        # Both are asked about: nothing is concluded from one host for another.
        each = Delivery(
            peer(), peer(creator=OTHER_NAME), level=Level.AUTHENTICATED, revocations=ScriptedRevocations(REVOKED)
        )
        (verdict,) = each.run()
        self.assertEqual(each.network.dialled[:2], [("192.0.2.1", 25), ("192.0.2.2", 25)])
        self.assertEqual(verdict.result, Result.DEFERRED)

    def test_session_waits_for_what_is_asked(self) -> None:
        waiting: Deferred[Any] = Deferred()
        server = peer()
        each = delivery(waiting, Level.AUTHENTICATED, server=server)
        each.network.callLater(5, waiting.callback, GOOD)
        (verdict,) = each.run(6)
        self.assertEqual((verdict.result, verdict.revocation), (Result.DELIVERED, "good (staple, crl)"))

    def test_server_that_leaves_meanwhile(self) -> None:
        waiting: Deferred[Any] = Deferred()
        server = peer()
        each = delivery(waiting, Level.AUTHENTICATED, server=server)

        def leave() -> None:
            for pump in each.network.pumps:
                pump.server.loseConnection()

        each.network.callLater(2, leave)
        each.network.callLater(5, waiting.callback, GOOD)
        (verdict,) = each.run(8)
        self.assertEqual((verdict.result, verdict.diagnosis), (Result.DEFERRED, "conversation_dropped"))
        # TLS stood: its end is no failure of the handshake, and leads down no rung.
        self.assertEqual((server.connections, verdict.tls_since, verdict.rung), (1, None, None))

    def test_kept_session_is_asked_about_again(self) -> None:
        each = delivery(GOOD, Level.AUTHENTICATED)
        each.run()
        revocations: Any = each.manager.context.revocations
        revocations.findings = REVOKED
        (verdict,) = each.another()
        self.assertEqual((verdict.result, verdict.diagnosis), (Result.DEFERRED, "cert_revoked"))


class WeighingTests(SynchronousTestCase):
    def test_without_anybody_to_ask_nothing_is_known(self) -> None:
        (verdict,) = Delivery(peer(), level=Level.AUTHENTICATED, revocation=HARD).run()
        self.assertEqual((verdict.result, verdict.diagnosis), (Result.DEFERRED, "revocation_unknown"))
        (verdict,) = Delivery(peer(), level=Level.AUTHENTICATED).run()
        self.assertEqual(verdict.result, Result.DELIVERED)

    def test_pins_are_nobodys_to_take_back(self) -> None:
        pinned = Judgement(True, ("mx.test",), "pin", None, "pinned")
        weighing = Weighing(HARD, False, ScriptedRevocations(REVOKED))
        self.assertIs(weighing.known(pinned, (SHOWN,)), pinned)
        found = self.successResultOf(Deferred.fromCoroutine(weighing.found_out(pinned, (SHOWN,))))
        self.assertIs(found, pinned)

    def test_each_path_is_asked_about_and_the_worst_counts(self) -> None:
        proven = Judgement(True, ("mx.test",), "pkix", None, "good")
        paths = [attrs.evolve(SHOWN, verified=(name,), staple=name) for name in (b"one", b"two")]
        for bad in (b"one", b"two"):
            revocations = ByPath(bad)
            weighing = Weighing(HARD, False, revocations)
            asking = Deferred.fromCoroutine(weighing.found_out(proven, paths))
            self.assertEqual(revocations.paths, [((b"one",), b"one"), ((b"two",), b"two")])
            for each in revocations.waiting:
                each.callback(None)
            for found in (self.successResultOf(asking), weighing.known(proven, paths)):
                self.assertEqual((found.authenticated, found.diagnosis), (False, Diagnosis.CERT_REVOKED), bad)
            weighing = Weighing(HARD, False, ByPath(b""))
            self.assertTrue(weighing.known(proven, paths).authenticated)

    def test_rules_come_before_the_default(self) -> None:
        own = TlsClient(roots="/etc/own.pem", revocation=SOFT)
        hard = Proof(revocation=HARD, strict=True)
        self.assertEqual(Weighing.of(own, (), None), Weighing(SOFT, True, None))
        self.assertEqual(Weighing.of(own, (hard,), None), Weighing(HARD, False, None))
        self.assertEqual(Weighing.of(TlsClient(), (), None), Weighing(SOFT, False, None))
