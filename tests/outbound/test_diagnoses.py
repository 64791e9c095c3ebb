"""R30: every TLS diagnosis happens, with a real handshake; and each is explained to everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.consignment import Consignment
from fopemta.routing.routes import next_hop
from fopemta.testing.peers import Peer
from fopemta.trust.demand import Demand, Demanded, Proof, Revocation
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from fopemta.trust.revocation import Finding, Status
from tests.outbound.delivery import BOB, Delivery, peer
from tests.outbound.ladder import KINDS, MX, RSA, cell
from tests.outbound.test_weighing import ScriptedRevocations
from tests.tls.handshakes import AUTHORITY, FromContext, server_context

AUTHENTICATED = Level.AUTHENTICATED


def by_kind(kind: str, level: Level | None = AUTHENTICATED, lowest: str = "compatible") -> str:
    return cell(kind, level, Fallback.NEVER, lowest).partition("(")[2].rstrip(")").rpartition("(")[2]


def of(server: Peer, **more: Any) -> str | None:
    return Delivery(server, level=AUTHENTICATED, **more).run()[0].diagnosis


def only(ciphers: bytes) -> FromContext:
    return FromContext(server_context(RSA, maximum=SSL.TLS1_2_VERSION, ciphers=ciphers))


def revoked(status: Status) -> Callable[[], str | None]:
    findings = (Finding(status, "crl", "why"),)
    return lambda: of(peer(), revocation=Revocation.HARD, revocations=ScriptedRevocations(findings))


def wrong_pin() -> str | None:
    """The good server, of which another key is expected."""
    delivery = Delivery(peer())
    delivery.run()
    message = delivery.message
    demand = Demand(level=AUTHENTICATED, source="rule pinned", proof=Proof(pins=("ab" * 32,)))
    hop = next_hop("d.test", delivery.config.routes)
    verdicts: list[Any] = []
    consignment = Consignment(message, hop, (BOB,), Demanded(demands=(demand,)))
    delivery.manager.deliver(consignment, delivery.note).addCallback(verdicts.extend)
    delivery.network.flush()
    return str(verdicts[0].diagnosis)


def for_clients_only() -> str | None:
    leaf = AUTHORITY.leaf(MX, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    return of(peer(creator=FromContext(server_context(leaf))))


def malformed_name() -> str | None:
    """A subjectAltName that is no such thing."""
    says = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x03\x82\x05x")
    leaf = AUTHORITY.leaf(common_name=MX, says=(says,))
    return of(peer(creator=FromContext(server_context(leaf))))


HOW: dict[Diagnosis, Callable[[], str | None]] = {
    Diagnosis.TLS_NOT_OFFERED: lambda: by_kind("no STARTTLS"),
    Diagnosis.TLS_REFUSED: lambda: by_kind("STARTTLS refused, 454"),
    Diagnosis.CONNECTION_DROPPED: lambda: by_kind("drops after the ClientHello"),
    Diagnosis.HANDSHAKE_TIMEOUT: lambda: by_kind("hangs after 220"),
    Diagnosis.NO_COMMON_PROTOCOL: lambda: by_kind("only TLS 1.0"),
    Diagnosis.NO_COMMON_CIPHER: lambda: of(
        peer(
            creator=FromContext(server_context(RSA, maximum=SSL.TLS1_2_VERSION, ciphers=b"CAMELLIA256-SHA:@SECLEVEL=0"))
        )
    ),
    Diagnosis.SNI_REFUSED: lambda: by_kind("refuses its own name"),
    Diagnosis.CHAIN_TOO_LARGE: lambda: by_kind("sends more than 100 KiB of certificates"),
    Diagnosis.WEAK_PARAMETERS: lambda: by_kind("signs its handshake by SHA-1 alone", None),
    Diagnosis.NOT_TLS: lambda: by_kind("speaks no TLS after 220"),
    Diagnosis.HANDSHAKE_FAILED: lambda: by_kind("alert internal_error"),
    Diagnosis.CLIENT_CERTIFICATE_WANTED: lambda: by_kind("wants a client certificate, TLS 1.2"),
    Diagnosis.CERT_EXPIRED: lambda: by_kind("certificate expired"),
    Diagnosis.CERT_NOT_YET_VALID: lambda: by_kind("certificate not yet valid"),
    Diagnosis.SELF_SIGNED: lambda: by_kind("self-signed"),
    Diagnosis.UNTRUSTED_ROOT: lambda: by_kind("unknown authority"),
    Diagnosis.INCOMPLETE_CHAIN: lambda: by_kind("intermediate left out"),
    Diagnosis.NAME_MISMATCH: lambda: by_kind("certificate for another name"),
    Diagnosis.PIN_MISMATCH: wrong_pin,
    Diagnosis.NO_SUBJECT_ALT_NAME: lambda: by_kind("name only as common name"),
    Diagnosis.WEAK_KEY: lambda: by_kind("key of 1024 bits"),
    Diagnosis.CERT_UNUSABLE: for_clients_only,
    Diagnosis.CERT_REVOKED: revoked(Status.REVOKED),
    Diagnosis.REVOCATION_UNKNOWN: revoked(Status.UNKNOWN),
    Diagnosis.JUDGING_FAILED: malformed_name,
    Diagnosis.WEAK_PROTOCOL: lambda: by_kind("only TLS 1.0", None, "legacy"),
}


# No OpenSSL of today serves what it would itself refuse; tests.trust.test_handshake_failure has its words.
NOT_TO_BE_HAD = {Diagnosis.DH_TOO_SMALL}


class EveryDiagnosisTests(SynchronousTestCase):
    def test_each_happens(self) -> None:
        self.assertTrue(set(KINDS))
        found = {diagnosis: how() for diagnosis, how in HOW.items()}
        self.assertEqual(found, {diagnosis: diagnosis.value for diagnosis in HOW})

    def test_none_is_left_out(self) -> None:
        """Those that RFC 8460 has a word for are matters of TLS."""
        self.assertEqual({each for each in Diagnosis if explain(each).rfc8460 is not None}, set(HOW) | NOT_TO_BE_HAD)

    def test_each_is_explained_to_everybody(self) -> None:
        for diagnosis in HOW:
            row = explain(diagnosis)
            for words in (row.sender, row.cause, row.remedy):
                self.assertTrue(len(words) > 20 and words.endswith("."), diagnosis)
            self.assertTrue(row.held.startswith("4.7.") and row.given_up.startswith("5.7."), diagnosis)
