"""Certificates as facts, also those made by a stranger with too much time."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, rsa_key
from fopemta.trust.certificates import facts_of, printable, weakness
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.pkix import judge
from fopemta.trust.verdict import CertificateFacts, from_rfc3339

AUTHORITY = Authority("An Authority")
LEAF = AUTHORITY.leaf("mx.test")
DER = LEAF.chain[0].public_bytes(Encoding.DER)


class FactsTests(SynchronousTestCase):
    def test_facts(self) -> None:
        facts = facts_of(DER)
        self.assertEqual((facts.subject, facts.issuer), ("CN=mx.test", "CN=An Authority\\, issuing"))
        self.assertEqual(int(facts.serial, 16), LEAF.chain[0].serial_number)
        self.assertEqual(from_rfc3339(facts.not_after), LEAF.chain[0].not_valid_after_utc.timestamp())
        self.assertEqual(facts.sha256, hashlib.sha256(DER).hexdigest())

    def test_unreadable_still_has_its_digest(self) -> None:
        self.assertEqual(facts_of(b"x"), CertificateFacts("", "", "", "", hashlib.sha256(b"x").hexdigest()))

    def test_a_line_stays_a_line(self) -> None:
        self.assertEqual(printable("CN=mx\r\nforged: entry\x1b[2J"), "CN=mx\\0D\\0Aforged: entry\\1B[2J")
        self.assertEqual(printable("CN=Bücher"), "CN=Bücher")
        self.assertLess(len(printable("x" * 10_000)), 400)

    def test_subject_with_line_ends(self) -> None:
        forged = AUTHORITY.leaf("mx.test", common_name="mx\nA1B2: delivered")
        self.assertNotIn("\n", facts_of(forged.chain[0].public_bytes(Encoding.DER)).subject)


class WeaknessTests(SynchronousTestCase):
    def test_keys(self) -> None:
        self.assertIsNone(weakness(LEAF.chain[0]))
        self.assertIsNone(weakness(AUTHORITY.root))
        self.assertIsNone(weakness(AUTHORITY.leaf("mx.test", key=rsa_key(2048)).chain[0]))
        self.assertEqual(weakness(AUTHORITY.leaf("mx.test", key=rsa_key(1024)).chain[0]), "a key of 1024 bits")

    def test_what_nobody_here_can_read_has_no_known_strength(self) -> None:
        words = "a key or a signature of a kind that is not known here"
        for kind, other in (("2a8648ce3d030107", "2a8648ce3d030163"), ("2a8648ce3d040302", "2a8648ce3d040363")):
            odd = DER.replace(bytes.fromhex(kind), bytes.fromhex(other))
            self.assertEqual(weakness(x509.load_der_x509_certificate(odd)), words, kind)

    def test_a_roots_own_signature_does_not_count(self) -> None:
        root = AUTHORITY.root.public_bytes(Encoding.DER)
        for other in ("2a8648ce3d040363", "2a8648ce3d040301"):  # one of no known kind, and ECDSA with SHA-1
            odd = root.replace(bytes.fromhex("2a8648ce3d040302"), bytes.fromhex(other))
            self.assertNotEqual(odd, root)
            self.assertIsNone(weakness(x509.load_der_x509_certificate(odd)), other)


class StrangersTests(SynchronousTestCase):
    """Whatever a peer sends as a certificate: no exception, and never a proof."""

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.integers(0, len(DER) - 1), st.integers(1, 255))
    def test_one_changed_octet(self, index: int, change: int) -> None:
        self.check(DER[:index] + bytes([DER[index] ^ change]) + DER[index + 1 :])

    @settings(deadline=None, derandomize=True, max_examples=100)
    @given(st.one_of(st.binary(max_size=200), st.integers(0, len(DER) - 1).map(lambda size: DER[:size])))
    def test_rubbish_and_torn_ones(self, der: bytes) -> None:
        self.check(der)

    def check(self, der: bytes) -> None:
        self.assertEqual(facts_of(der).sha256, hashlib.sha256(der).hexdigest())
        evidence = HandshakeEvidence(
            protocol="TLSv1.3", cipher="x", bits=256, group=None, chain=(der,), chain_errors=(), server_name=None
        )
        # A name that the certificate does not bear, so that no change makes it good.
        self.assertFalse(judge(evidence, ("elsewhere.example",), AUTHORITY.now.timestamp()).authenticated)
