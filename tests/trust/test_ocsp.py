"""OCSP responses: sound, stale, forged, about others."""

from __future__ import annotations

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Leaf, rsa_key
from fopemta.testing.revoking import RevokingAuthority, Signer
from fopemta.trust.crl import judge_crl
from fopemta.trust.ocsp import SKEW, judge_ocsp, request_for, revoked_words
from fopemta.trust.revocation import Finding, Status
from tests.trust.forged import response_with_sha1

CA = RevokingAuthority(now=datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC))
LEAF, OTHER = CA.leaf("mx.test"), CA.leaf("other.test")
NOW = CA.now.timestamp()
HOUR = 3600.0
RESPONSE = CA.ocsp(LEAF, revoked=True)
STRANGER = RevokingAuthority("somebody else")
ocsp_nonce = x509.OCSPNonce(b"12345678")
_KEY: Any = CA.issuing.key
# A certificate of the issuer that says nothing of what it is for, and one whose key cannot sign.
_unmarked = CA.leaf("unmarked.test", usage=None)
UNMARKED = Signer(_unmarked.chain[0], _unmarked.key)
_weak = CA.leaf("weak.test", key=rsa_key(1024), usage=ExtendedKeyUsageOID.OCSP_SIGNING)
WEAK = Signer(_weak.chain[0], _weak.key)
SILENT = CA.leaf("silent.test", key=X25519PrivateKey.generate(), usage=ExtendedKeyUsageOID.OCSP_SIGNING).chain[0]  # type: ignore[arg-type]


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
            "SHA-1": (response_with_sha1(CA.ocsp(LEAF), _KEY), "is signed with sha1"),
            "critical": (CA.ocsp(LEAF, says=[(ocsp_nonce, True)]), "a critical extension 1.3.6.1.5.5.7.48.1.2"),
            "any certificate of the issuer": (CA.ocsp(LEAF, by=UNMARKED), "signer may not sign OCSP responses"),
            "weak delegate": (CA.ocsp(LEAF, by=WEAK), "has a key of 1024 bits"),
            "delegate to come": (CA.ocsp(LEAF, by=CA.responder(days=(1, 9))), "that is not valid today"),
            "one that signs nothing": (
                CA.ocsp(LEAF, by=STRANGER.issuing, shown=[SILENT]),
                "is not signed by the issuer",
            ),
            "forged delegate": (_forged(CA.ocsp(LEAF, by=CA.responder())), "is not signed by the issuer"),
        }
        for case, (der, words) in table.items():
            found = judged(der)
            self.assertEqual((found.status, found.until), (Status.UNKNOWN, 0.0), case)
            self.assertIn(words, found.text, case)

    def test_the_issuer_s_word_beside_anything(self) -> None:
        # What comes with it is looked at only where the issuer has not signed.
        for shown in ([UNMARKED.certificate], [CA.intermediate], [SILENT]):
            self.assertEqual(judged(CA.ocsp(LEAF, shown=shown)).status, Status.GOOD)
        self.assertEqual(judged(CA.ocsp(LEAF, says=[(ocsp_nonce, False)])).status, Status.GOOD)

    def test_one_of_the_certificates_that_come_is_enough(self) -> None:
        delegate = CA.responder()
        others = [UNMARKED.certificate, SILENT, CA.responder().certificate, STRANGER.responder().certificate]
        self.assertEqual(judged(CA.ocsp(LEAF, by=delegate, shown=[*others, delegate.certificate])).status, Status.GOOD)
        # There is a bound.
        many = [*others, others[0], delegate.certificate]
        self.assertEqual(judged(CA.ocsp(LEAF, by=delegate, shown=many)).status, Status.UNKNOWN)

    def test_a_delegate_with_a_key_of_another_kind_than_the_issuer(self) -> None:
        for key in (ed25519.Ed25519PrivateKey.generate(), rsa_key(), ec.generate_private_key(ec.SECP384R1())):
            leaf = CA.leaf("responder.test", key=key, usage=ExtendedKeyUsageOID.OCSP_SIGNING)
            self.assertEqual(judged(CA.ocsp(LEAF, by=Signer(leaf.chain[0], key))).status, Status.GOOD, type(key))

    def test_a_delegate_to_the_second(self) -> None:
        delegate = CA.responder(days=(-1, 1))
        begin = delegate.certificate.not_valid_before_utc.timestamp()
        end = delegate.certificate.not_valid_after_utc.timestamp()
        der = CA.ocsp(LEAF, by=delegate, hours=(-50, 50))
        for now, status in (
            (begin - 1, Status.UNKNOWN), (begin, Status.GOOD), (end, Status.GOOD), (end + 1, Status.UNKNOWN),
        ):  # fmt: skip
            self.assertEqual(judged(der, now=now).status, status)

    def test_to_the_second(self) -> None:
        made, until = NOW - HOUR, NOW + 24 * HOUR
        for hours, now, status in (
            ((-1, 24), made - SKEW - 1, Status.UNKNOWN),
            ((-1, 24), made - SKEW, Status.GOOD),
            ((-1, 24), until, Status.GOOD),
            ((-1, 24), until + 1, Status.UNKNOWN),
            ((-1, None), made + 86_400, Status.GOOD),
            ((-1, None), made + 86_401, Status.UNKNOWN),
        ):
            self.assertEqual(judged(CA.ocsp(LEAF, hours=hours), now=now).status, status, (hours, now - NOW))

    def test_an_undated_one_is_remembered_for_an_hour_or_its_day(self) -> None:
        der = CA.ocsp(LEAF, hours=(-1, None))
        self.assertEqual(judged(der).until, NOW + HOUR)
        late = NOW - HOUR + 86_400 - 60
        self.assertEqual(judged(der, now=late).until, late + 60)
        revoked = CA.ocsp(LEAF, hours=(-1, None), revoked=True)
        self.assertEqual(judged(revoked).until, NOW + HOUR)

    def test_words_of_what_is_stale(self) -> None:
        self.assertEqual(
            judged(CA.ocsp(LEAF, hours=(-48, -1))).text, "the OCSP response was good until 2026-11-25 11:00 UTC"
        )

    def test_words_of_revocation(self) -> None:
        since = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
        for when, reason, words in (
            (since, x509.ReasonFlags.superseded, "the certificate is revoked since 2026-11-24 (superseded), says crl"),
            (since, None, "the certificate is revoked since 2026-11-24, says crl"),
            (None, x509.ReasonFlags.superseded, "the certificate is revoked (superseded), says crl"),
            (None, None, "the certificate is revoked, says crl"),
        ):
            self.assertEqual(revoked_words(when, reason, "crl"), words)

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
