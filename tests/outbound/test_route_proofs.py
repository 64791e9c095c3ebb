"""What a route says of proofs, and of the certificate that is shown to its hosts."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import attrs
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.plan import plan_towards
from fopemta.routing.route import Route
from fopemta.routing.routes import next_hop
from fopemta.testing.authority import Authority, Leaf
from fopemta.tls.client import ClientTls
from fopemta.tls.credentials import CredentialsError
from fopemta.tls.server import ServerTls
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.demand import Demand, Demanded, NameSource, Proof
from fopemta.trust.levels import Level
from fopemta.trust.plan import CertificateFiles
from fopemta.trust.proofs import fingerprints
from tests.outbound.delivery import GOOD, OTHER_NAME, Delivery, peer
from tests.tls.handshakes import AUTHORITY, FromContext, credentials, server_context
from tests.trust.forged import signed, with_sha1

PARTNER = Authority()
DEMANDED = Route(domain="d.test", tls=Level.AUTHENTICATED)


class ProofTests(SynchronousTestCase):
    def outcome(self, creator: Any, route: Route) -> tuple[str, str | None]:
        delivery = Delivery(peer(creator=creator), route=route)
        [verdict] = delivery.run()
        return verdict.result.value, verdict.diagnosis

    def test_names(self) -> None:
        leaf = AUTHORITY.leaf("d.test")
        domain = ServerTls([credentials(leaf)]).creator()
        for names, creator, wanted in (
            (NameSource.MX, GOOD, ("delivered", None)),
            (NameSource.MX, OTHER_NAME, ("deferred", "name_mismatch")),
            (("elsewhere.test",), OTHER_NAME, ("delivered", None)),
            (("elsewhere.test",), GOOD, ("deferred", "name_mismatch")),
            (NameSource.DOMAIN, domain, ("delivered", None)),
            (NameSource.DOMAIN, GOOD, ("deferred", "name_mismatch")),
        ):
            route = attrs.evolve(DEMANDED, names=names)
            self.assertEqual(self.outcome(creator, route), wanted, (names, creator))

    def test_roots_are_those_of_the_route_and_no_others(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        route = attrs.evolve(DEMANDED, roots=PARTNER.write_root(folder))
        partners = ServerTls([credentials(PARTNER.leaf("mx1.d.test"))]).creator()
        self.assertEqual(self.outcome(partners, DEMANDED), ("deferred", "untrusted_root"))
        self.assertEqual(self.outcome(partners, route), ("delivered", None))
        self.assertEqual(self.outcome(GOOD, route), ("deferred", "untrusted_root"))

    def test_a_rule_s_proof_is_wanted_beside_the_route_s(self) -> None:
        rule = Demand(level=Level.AUTHENTICATED, source="rule bank", proof=Proof())
        route = attrs.evolve(DEMANDED, names=("elsewhere.test",))
        plan = plan_towards(Demanded(demands=(rule,)), next_hop("d.test", (route,)), TlsClient())
        self.assertEqual([each.names for each in plan.proofs], [("elsewhere.test",), NameSource.MX])

    def test_pins_prove_by_themselves_and_nothing_else_does(self) -> None:
        leaf = Authority().leaf("elsewhere.test", days=(-9, -2))
        stranger = ServerTls([credentials(leaf)]).creator()
        for pin in fingerprints(leaf.chain[0].public_bytes(Encoding.DER)):
            route = attrs.evolve(DEMANDED, pins=("00" * 32, pin))
            self.assertEqual(self.outcome(stranger, route), ("delivered", None))
        self.assertEqual(self.outcome(GOOD, route)[0], "deferred")

    def test_without_a_demand_nothing_is_kept_from_going(self) -> None:
        route = Route(domain="d.test", pins=("00" * 32,))
        self.assertEqual(self.outcome(GOOD, route)[0], "delivered")


class OurCertificateTests(SynchronousTestCase):
    """To a server that wants one, and notes what it was shown."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.files = CertificateFiles(*PARTNER.leaf("us.test").write(self.folder, "us"))
        self.shown: list[str] = []

    def asking(self, wanted: int = SSL.VERIFY_PEER, **changes: Any) -> Any:
        context = server_context(AUTHORITY.leaf("mx1.d.test"), **changes)

        def note(_: Any, certificate: Any, __: int, depth: int, ___: int) -> bool:
            if depth == 0:
                self.shown.append(certificate.to_cryptography().subject.rfc4514_string())
            return True

        context.set_verify(wanted, note)
        return FromContext(context)

    def client(self) -> ClientTls:
        return ClientTls(AUTHORITY.write_root(self.folder), [self.files])

    def test_shown_to_the_hosts_of_its_route(self) -> None:
        wanted = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        ours = Route(domain="d.test", certificate=self.files)
        for maximum in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            self.shown.clear()
            server = peer(creator=self.asking(wanted, maximum=maximum))
            [verdict] = Delivery(server, route=ours, client=self.client()).run()
            self.assertEqual((verdict.result.value, len(set(self.shown))), ("delivered", 1), maximum)

    def test_shown_to_nobody_else(self) -> None:
        for route in (None, Route(domain="d.test"), Route(domain="*", tls=Level.ENCRYPT)):
            server = peer(creator=self.asking())
            [verdict] = Delivery(server, route=route, client=self.client()).run()
            self.assertEqual((verdict.result.value, self.shown), ("delivered", []))

    def test_not_forced_on_a_server_that_does_not_ask(self) -> None:
        server = peer(creator=GOOD)
        ours = Route(domain="d.test", certificate=self.files, tls=Level.AUTHENTICATED)
        [verdict] = Delivery(server, route=ours, client=self.client()).run()
        self.assertEqual(verdict.result.value, "delivered")

    def test_a_session_with_it_serves_no_other_route(self) -> None:
        plain, ours = (Delivery(peer(), route=Route(domain="d.test", certificate=each)) for each in (None, self.files))
        plans = [each.manager.plan(consigned(each)) for each in (plain, ours)]
        self.assertNotEqual(*plans)

    def test_renewed_at_reload_and_kept_if_the_new_one_is_bad(self) -> None:
        client = self.client()
        Path(self.files.key).write_bytes(PARTNER.leaf("other.test").key_pem)
        with self.assertRaises(CredentialsError):
            client.show([self.files])
        server = peer(creator=self.asking(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT))
        ours = Route(domain="d.test", certificate=self.files)
        [verdict] = Delivery(server, route=ours, client=client).run()
        self.assertEqual(verdict.result.value, "delivered")


def consigned(delivery: Delivery) -> Any:
    """The consignment of one delivery that has been made."""
    delivery.run()
    return delivery.consignment


class StrangeCertificateTests(SynchronousTestCase):
    """A certificate that proves nothing is no reason for plain text, and what it seems to say counts for nothing."""

    def creators(self) -> dict[str, tuple[Any, str | None]]:
        leaf, key = AUTHORITY.leaf("mx1.d.test"), AUTHORITY._issuer_key
        assert isinstance(key, EllipticCurvePrivateKey)
        der = leaf.chain[0].public_bytes(Encoding.DER)
        # Of more Twisted's own TLS, which serves here, sends a part only; tests/tls has thousands.
        many = AUTHORITY.leaf("mx1.d.test", *(f"h{number}.test" for number in range(1500)))
        return {
            "SHA-1": (self.shown(leaf, with_sha1(der, key)), "weak_key"),
            "1,500 names": (FromContext(server_context(many)), None),
            "names that cannot be read": (self.shown(leaf, signed(der, key, _with_odd_names)), "judging_failed"),
            "version 17": (
                self.shown(leaf, signed(der, key, lambda parts: [b"\xa0\x03\x02\x01\x10", *parts[1:]])),
                "judging_failed",
            ),
            "nothing but a key": (self.shown(leaf, signed(der, key, lambda parts: parts[:-1])), "no_subject_alt_name"),
        }  # fmt: skip

    def shown(self, leaf: Leaf, der: bytes) -> FromContext:
        """A server that shows these octets, whatever `cryptography` thinks of them."""
        folder = Path(self.mktemp())
        folder.mkdir()
        chain, key = leaf.write(folder, "leaf")
        pem = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"
        issuer = AUTHORITY.intermediate.public_bytes(Encoding.PEM).decode()
        Path(chain).write_text(pem + issuer)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.use_certificate_chain_file(chain)
        context.use_privatekey_file(key)
        return FromContext(context)

    def test_encrypted_and_never_taken_for_proven(self) -> None:
        for case, (creator, diagnosis) in self.creators().items():
            [verdict] = Delivery(peer(creator=creator)).run()
            self.assertEqual((verdict.result.value, verdict.rung), ("delivered", "strong256"), case)
            self.assertEqual((verdict.authenticated, verdict.downgraded), (diagnosis is None, False), case)
            [verdict] = Delivery(peer(creator=creator), route=DEMANDED).run()
            wanted = ("delivered", None) if diagnosis is None else ("deferred", diagnosis)
            self.assertEqual((verdict.result.value, verdict.diagnosis), wanted, case)


def _with_odd_names(parts: list[bytes]) -> list[bytes]:
    """The parts of a certificate with a name of a kind that there is not."""
    return [*parts[:-1], parts[-1].replace(b"\x82\x0am", b"\x99\x0am")]
