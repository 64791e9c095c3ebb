"""OCSP responses: sound, stale, forged, about others."""

from __future__ import annotations

import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Leaf, rsa_key
from fopemta.testing.revoking import RevokingAuthority, Signer
from fopemta.trust.crl import judge_crl
from fopemta.trust.ocsp import judge_ocsp, request_for
from fopemta.trust.revocation import Finding, Status

CA = RevokingAuthority(now=datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC))
LEAF, OTHER = CA.leaf("mx.test"), CA.leaf("other.test")
NOW = CA.now.timestamp()
HOUR = 3600.0
RESPONSE = CA.ocsp(LEAF, revoked=True)
STRANGER = RevokingAuthority("somebody else")


def judged(der: bytes, leaf: Leaf = LEAF, now: float = NOW) -> Finding:
    return judge_ocsp(der, leaf.chain[0], CA.intermediate, now)


def _forged(der: bytes) -> bytes:
    """With another signature."""
    signature = ocsp.load_der_ocsp_response(der).signature
    return der.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))


class JudgeOcspTests(SynchronousTestCase):
    def test_good_until_its_next_update(self) -> None:
        found = judged(CA.ocsp(LEAF))
        self.assertEqual((found.status, found.by, found.text), (Status.GOOD, "ocsp", ""))
        self.assertEqual(found.until, NOW + 24 * HOUR)
        self.assertEqual(judge_ocsp(CA.ocsp(LEAF), LEAF.chain[0], CA.intermediate, NOW, "staple").by, "staple")

    def test_revoked(self) -> None:
        found = judged(CA.ocsp(LEAF, revoked=True))
        self.assertEqual(found.status, Status.REVOKED)
        self.assertRegex(found.text, r"^the certificate is revoked since \d{4}-\d\d-\d\d, says ocsp$")

    def test_certificate_may_be_named_by_sha256(self) -> None:
        self.assertEqual(judged(CA.ocsp(LEAF, digest=hashes.SHA256())).status, Status.GOOD)

    def test_what_proves_nothing(self) -> None:
        expired, wrong = CA.responder(days=(-9, -2)), CA.responder(ExtendedKeyUsageOID.SERVER_AUTH)
        foreign = STRANGER.responder()
        unauthorised = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
        table = {
            "rubbish": (b"no response", "could not be read (ValueError)"),
            "empty": (b"", "could not be read (ValueError)"),
            "try later": (unauthorised.public_bytes(Encoding.DER), "the responder says try_later"),
            "of another": (CA.ocsp(OTHER), "is about another certificate"),
            "another issuer's": (STRANGER.ocsp(LEAF), "is not signed by the issuer"),
            "stale": (CA.ocsp(LEAF, hours=(-48, -1)), "was good until"),
            "to come": (CA.ocsp(LEAF, hours=(1, 24)), "is from the future"),
            "undated, old": (CA.ocsp(LEAF, hours=(-25, None)), "was good until"),
            "not known": (CA.ocsp(LEAF, status=ocsp.OCSPCertStatus.UNKNOWN), "does not know the certificate"),
            "expired delegate": (CA.ocsp(LEAF, by=expired), "a certificate that is not valid today"),
            "no delegate": (CA.ocsp(LEAF, by=wrong), "may not sign OCSP responses"),
            "delegate without usage": (CA.ocsp(LEAF, by=Signer(OTHER.chain[0], OTHER.key)), "may not sign"),
            "foreign delegate": (CA.ocsp(LEAF, by=foreign), "was not made a responder by the issuer"),
            "root's delegate": (CA.ocsp(LEAF, by=CA.responder(by=CA.rooted)), "was not made a responder"),
            "forged delegate": (_forged(CA.ocsp(LEAF, by=CA.responder())), "is not signed by the issuer"),
        }
        for case, (der, words) in table.items():
            found = judged(der)
            self.assertEqual((found.status, found.until), (Status.UNKNOWN, 0.0), case)
            self.assertIn(words, found.text, case)

    def test_delegate_and_undated_are_good_enough(self) -> None:
        self.assertEqual(judged(CA.ocsp(LEAF, by=CA.responder())).status, Status.GOOD)
        found = judged(CA.ocsp(LEAF, hours=(-2, None)))
        self.assertEqual(found.status, Status.GOOD)
        self.assertEqual(found.until, NOW + HOUR)

    def test_every_kind_of_key_that_authorities_have(self) -> None:
        for key in (rsa_key(), ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()):
            authority = RevokingAuthority(now=CA.now, issuer_key=key)
            leaf = authority.leaf("mx.test")
            for revoked, status in ((False, Status.GOOD), (True, Status.REVOKED)):
                der = authority.ocsp(leaf, revoked)
                found = judge_ocsp(der, leaf.chain[0], authority.intermediate, NOW)
                self.assertEqual(found.status, status, type(key))
                self.assertEqual(judge_ocsp(der, leaf.chain[0], CA.intermediate, NOW).status, Status.UNKNOWN)
            crl = judge_crl(authority.crl(), leaf.chain[0], authority.intermediate, NOW)
            self.assertEqual(crl.status, Status.GOOD, type(key))

    def test_clocks_may_differ_a_little(self) -> None:
        self.assertEqual(judged(CA.ocsp(LEAF), now=NOW - HOUR - 200).status, Status.GOOD)
        self.assertEqual(judged(CA.ocsp(LEAF), now=NOW - HOUR - 400).status, Status.UNKNOWN)

    def test_request_names_the_certificate(self) -> None:
        request = ocsp.load_der_ocsp_request(request_for(LEAF.chain[0], CA.intermediate))
        self.assertEqual(request.serial_number, LEAF.chain[0].serial_number)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(some.integers(0, 10_000), some.integers(1, 255))
    def test_a_changed_octet_never_says_good(self, position: int, change: int) -> None:
        der = bytearray(RESPONSE)
        der[position % len(der)] ^= change
        found = judged(bytes(der))
        # An octet outside what is signed may change without a difference (the responder's certificates, for one).
        if found.status is not Status.UNKNOWN:
            self.assertEqual(found, judged(RESPONSE))

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(some.binary(max_size=300))
    def test_rubbish_never_raises(self, der: bytes) -> None:
        self.assertEqual(judged(der).status, Status.UNKNOWN)
