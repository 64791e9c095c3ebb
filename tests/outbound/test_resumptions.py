"""TLS sessions are resumed, and judged as if they were new."""

from __future__ import annotations

from typing import Any

import attrs
from OpenSSL import SSL
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from fopemta.attempt.cursor import Step
from fopemta.interfaces import Resumable
from fopemta.mail.envelope import BodyType
from fopemta.outbound.resumptions import LONGEST, MOST, REFUSED, Resumptions
from fopemta.routing.values import Host
from fopemta.testing.peers import Behaviour, Peer, StartTls
from fopemta.tls.server import ServerTls
from fopemta.trust.demand import Revocation
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.revocation import Finding, Status
from fopemta.trust.rungs import Hello, Rung
from fopemta.trust.verdict import VerdictRecord
from tests.outbound.delivery import Delivery, peer
from tests.outbound.test_weighing import ScriptedRevocations
from tests.tls.handshakes import AUTHORITY, FromContext, credentials, server_context

MX = "mx1.d.test"
GOOD = (Finding(Status.GOOD, "crl"),)
STEP = Step(Host(MX, ("192.0.2.1",), 25), "192.0.2.1", Rung.STRONG_256)
PLAN = TlsPlan(Level.ENCRYPT, (Rung.STRONG_256,), Fallback.IMMEDIATE)
EVIDENCE = HandshakeEvidence(protocol="", cipher="", bits=0, group=None, chain=(), chain_errors=(), server_name=None)


def versions() -> dict[str, Any]:
    """Servers that give tickets, by version; and our own."""
    leaf = AUTHORITY.leaf(MX)
    return {
        "TLSv1.3": FromContext(server_context(leaf, minimum=SSL.TLS1_3_VERSION)),
        "TLSv1.2": FromContext(server_context(leaf, maximum=SSL.TLS1_2_VERSION)),
    }


def twice(delivery: Delivery) -> VerdictRecord:
    """The second of two messages, each over a connection of its own."""
    delivery.another()
    delivery.manager.context.pool.close()
    delivery.network.flush()
    return delivery.another()[0]


class ResumptionTests(SynchronousTestCase):
    def test_the_second_connection_resumes_and_proves_as_much(self) -> None:
        for version, creator in versions().items():
            server = peer(creator=creator)
            delivery = Delivery(server, level=Level.AUTHENTICATED)
            verdict = twice(delivery)
            self.assertEqual(server.connections, 2)
            self.assertEqual((verdict.resumed, verdict.protocol, verdict.authenticated), (True, version, True))
            self.assertEqual((verdict.names, len(verdict.chain), verdict.rung), ((MX,), 2, "strong256"))
            # And so on.
            delivery.manager.context.pool.close()
            delivery.network.flush()
            self.assertTrue(delivery.another()[0].resumed)

    def test_what_rested_on_other_roots_is_neither_resumed_nor_used(self) -> None:
        for change in (
            lambda manager: manager.distrust(),
            lambda manager: manager.reconfigure(manager.context.config),
        ):
            server = peer(creator=versions()["TLSv1.3"])
            delivery = Delivery(server, level=Level.AUTHENTICATED)
            delivery.another()
            change(delivery.manager)
            delivery.network.flush()
            self.assertFalse(delivery.another()[0].resumed)
            self.assertEqual(server.connections, 2)

    def test_nor_is_what_was_busy_when_they_changed(self) -> None:
        server = peer(creator=versions()["TLSv1.3"])
        delivery = Delivery(server, level=Level.AUTHENTICATED)
        waiting: Deferred[Any] = Deferred()
        delivery.manager.context = attrs.evolve(delivery.manager.context, revocations=ScriptedRevocations(waiting))
        delivery.network.callLater(1, delivery.manager.distrust)
        delivery.network.callLater(2, waiting.callback, GOOD)
        # Nor for the message that was about to be sent.
        self.assertEqual(delivery.another(3)[0].diagnosis, "demand_changed")
        self.assertEqual(server.messages, [])
        delivery.manager.context = attrs.evolve(delivery.manager.context, revocations=ScriptedRevocations(GOOD))
        self.assertFalse(delivery.another()[0].resumed)
        self.assertEqual(server.connections, 2)
        # The next is as before: kept, and resumed.
        self.assertTrue(twice(delivery).resumed)

    def test_what_was_revoked_meanwhile_is_refused_though_it_would_resume(self) -> None:
        revocations, server = ScriptedRevocations(GOOD), peer(creator=versions()["TLSv1.3"])
        delivery = Delivery(
            server, level=Level.AUTHENTICATED, revocation=Revocation.HARD,
            revocations=revocations,
        )  # fmt: skip
        delivery.another()
        delivery.manager.context.pool.close()
        delivery.network.flush()
        revocations.findings = (Finding(Status.REVOKED, "crl", "the certificate is revoked"),)
        verdict = delivery.another()[0]
        self.assertEqual((verdict.diagnosis, verdict.result.value), ("cert_revoked", "deferred"))
        # Resumed, refused, and asked again for what it shows today.
        self.assertEqual((server.connections, verdict.resumed, len(server.messages)), (3, False, 1))

    def test_what_has_expired_meanwhile_is_refused(self) -> None:
        server = peer(creator=versions()["TLSv1.3"])
        delivery = Delivery(server, level=Level.AUTHENTICATED)
        delivery.another()
        delivery.manager.context.pool.close()
        delivery.network.flush()
        delivery.manager.context = attrs.evolve(
            delivery.manager.context, now=lambda: AUTHORITY.now.timestamp() + 60 * 86400
        )
        verdict = delivery.another()[0]
        self.assertEqual((server.connections, verdict.resumed, verdict.diagnosis), (3, False, "cert_expired"))
        self.assertEqual(len(server.messages), 1)

    def test_what_has_been_renewed_meanwhile_is_good_at_once(self) -> None:
        """The evidence of the full handshake is too old; what the server shows today is good."""
        revocations = RevokedOnce(GOOD)
        delivery = Delivery(
            peer(creator=versions()["TLSv1.3"]), level=Level.AUTHENTICATED, revocation=Revocation.HARD,
            revocations=revocations,
        )  # fmt: skip
        delivery.another()
        delivery.manager.context.pool.close()
        delivery.network.flush()
        revocations.once = (Finding(Status.REVOKED, "crl", "the certificate is revoked"),)
        verdict = delivery.another()[0]
        self.assertEqual((verdict.result.value, verdict.resumed), ("delivered", False))

    def test_a_server_that_cannot_cope_with_its_ticket_is_offered_no_other(self) -> None:
        resumptions, resumable = KeptTests().kept()
        resumptions.failed(STEP, 10.0)
        for since, offered in ((10.0, False), (9.0 + REFUSED, False), (10.0 + REFUSED, True)):
            resumptions.take(STEP, PLAN, since)
            resumptions.keep(STEP, PLAN, resumable, since)
            self.assertEqual(resumptions.take(STEP, PLAN, since) is resumable, offered, since)

    def test_nothing_is_offered_under_another_plan_nor_after_a_reload(self) -> None:
        delivery = Delivery(peer(creator=versions()["TLSv1.3"]))
        delivery.another()
        delivery.manager.reconfigure(delivery.config)
        delivery.network.flush()
        self.assertFalse(delivery.another()[0].resumed)

    def test_a_server_that_cannot_cope_with_its_ticket_gets_the_message_all_the_same(self) -> None:
        good = Behaviour(creator=versions()["TLSv1.3"])
        server = Moody(good, 2, Behaviour(starttls=StartTls.ALERT, creator=good.creator))
        delivery = Delivery(server, level=Level.AUTHENTICATED)
        verdict = twice(delivery)
        self.assertEqual((verdict.result.value, verdict.rung, verdict.resumed), ("delivered", "strong256", False))
        self.assertEqual(server.connections, 3)

    def test_after_a_message_in_chunks_too(self) -> None:
        """The last chunk ends what is on its way, so the session ends with a goodbye and not by being cut off."""
        for version, creator in versions().items():
            server = peer(creator=creator, extensions=("CHUNKING", "BINARYMIME"))
            verdict = twice(Delivery(server, body=BodyType.BINARY_MIME, content=b"x: y\r\n\r\n\xff\n"))
            self.assertEqual((verdict.result.value, verdict.resumed), ("delivered", True), version)
            self.assertIn("BDAT", server.verbs[0])

    def test_our_own_listener_resumes(self) -> None:
        """What we serve, we can use."""
        verdict = twice(Delivery(peer(creator=ServerTls([credentials(AUTHORITY.leaf(MX))]).creator())))
        self.assertTrue(verdict.resumed)


class RevokedOnce(ScriptedRevocations):
    """Says `once` at one question, and then what it always says."""

    once: tuple[Finding, ...] = ()

    def check(self, path: tuple[bytes, ...], staple: bytes) -> Deferred[tuple[Finding, ...]]:
        once, self.once = self.once, ()
        return succeed(once) if once else super().check(path, staple)


class Moody(Peer):
    """Behaves otherwise at one connection."""

    def __init__(self, usual: Behaviour, number: int, otherwise: Behaviour) -> None:
        super().__init__(usual)
        self.usual, self.number, self.otherwise = usual, number, otherwise

    def buildProtocol(self, addr: Any) -> Any:
        self.behaviour = self.otherwise if self.connections + 1 == self.number else self.usual
        return super().buildProtocol(addr)


class KeptTests(SynchronousTestCase):
    def kept(self, at: float = 0.0) -> tuple[Resumptions, Resumable]:
        resumptions, resumable = Resumptions(), Resumable(object(), EVIDENCE, at)
        resumptions.keep(STEP, PLAN, resumable, at)
        return resumptions, resumable

    def test_once_and_not_for_long(self) -> None:
        resumptions, resumable = self.kept()
        self.assertIs(resumptions.take(STEP, PLAN, 1.0), resumable)
        self.assertIsNone(resumptions.take(STEP, PLAN, 1.0))
        self.assertIsNone(self.kept()[0].take(STEP, PLAN, LONGEST))
        self.assertIsNone(self.kept(at=5.0)[0].take(STEP, PLAN, 4.0))

    def test_kept_whenever_the_machine_was_started(self) -> None:
        """The steady clock begins with it, and REFUSED taken off and put on again is not always what it was."""
        for each in range(1, 5000):
            since = each * 23.371
            resumptions, resumable = self.kept(since)
            self.assertIs(resumptions.take(STEP, PLAN, since), resumable, str(since))

    def test_for_the_same_way_alone(self) -> None:
        others = [
            (attrs.evolve(STEP, rung=Rung.STRONG_128), PLAN),
            (attrs.evolve(STEP, hello=Hello.SMALL), PLAN),
            (attrs.evolve(STEP, address="192.0.2.2"), PLAN),
            (attrs.evolve(STEP, host=attrs.evolve(STEP.host, name="mx2.d.test")), PLAN),
            (attrs.evolve(STEP, host=attrs.evolve(STEP.host, port=26)), PLAN),
            (STEP, attrs.evolve(PLAN, level=Level.AUTHENTICATED)),
            (STEP, attrs.evolve(PLAN, domain="d.test")),
        ]
        for step, plan in others:
            self.assertIsNone(self.kept()[0].take(step, plan, 1.0), (step, plan))

    def test_no_ticket_for_a_day_where_one_has_failed(self) -> None:
        resumptions, resumable = self.kept()
        resumptions.failed(STEP, 5.0)
        for since, wanted in ((5.0 + REFUSED - 1, None), (5.0 + REFUSED, resumable)):
            resumptions.take(STEP, PLAN, since)
            resumptions.keep(STEP, PLAN, resumable, since)
            self.assertIs(resumptions.take(STEP, PLAN, since), wanted)

    def test_failures_are_bounded_too(self) -> None:
        for number in (MOST - 1, MOST):
            resumptions, resumable = self.kept()
            resumptions.failed(STEP, 0.0)
            for each in range(number):
                resumptions.failed(attrs.evolve(STEP, address=str(each)), 0.0)
            resumptions.take(STEP, PLAN, 1.0)
            resumptions.keep(STEP, PLAN, resumable, 1.0)
            self.assertEqual(resumptions.take(STEP, PLAN, 1.0) is None, number == MOST - 1)

    def test_bounded(self) -> None:
        resumptions, resumable = self.kept()
        for number in range(MOST):
            resumptions.keep(attrs.evolve(STEP, address=str(number)), PLAN, resumable, 0.0)
        self.assertIsNone(resumptions.take(STEP, PLAN, 1.0))
