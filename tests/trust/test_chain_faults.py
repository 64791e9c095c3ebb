"""Which fault of a chain is named, of all that verification may meet."""

from __future__ import annotations

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, rsa_key
from fopemta.trust.certificates import weakness
from fopemta.trust.chain_words import words_of
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import ChainError, HandshakeEvidence
from fopemta.trust.pkix import judge
from tests.trust.forged import with_sha1

AUTHORITY = Authority()
NOW = AUTHORITY.now.timestamp()
LEAF = AUTHORITY.leaf("mx.test")
CHAIN = tuple(each.public_bytes(Encoding.DER) for each in LEAF.chain)
ROOT = AUTHORITY.root.public_bytes(Encoding.DER)
OWN = AUTHORITY.self_signed("mx.test").chain[0].public_bytes(Encoding.DER)
GOOD = HandshakeEvidence(
    protocol="TLSv1.3", cipher="x", bits=256, group=None, chain=CHAIN, chain_errors=(), server_name=None,
    verified=(*CHAIN, ROOT),
)  # fmt: skip

D = Diagnosis
ALONE = {
    2: D.UNTRUSTED_ROOT, 7: D.CERT_UNUSABLE, 9: D.CERT_NOT_YET_VALID, 10: D.CERT_EXPIRED, 18: D.SELF_SIGNED,
    19: D.UNTRUSTED_ROOT, 20: D.UNTRUSTED_ROOT, 21: D.UNTRUSTED_ROOT, 22: D.CERT_UNUSABLE, 23: D.CERT_UNUSABLE,
    24: D.CERT_UNUSABLE, 25: D.CERT_UNUSABLE, 26: D.CERT_UNUSABLE, 27: D.UNTRUSTED_ROOT, 28: D.UNTRUSTED_ROOT,
    32: D.CERT_UNUSABLE, 34: D.CERT_UNUSABLE, 47: D.CERT_UNUSABLE, 66: D.WEAK_KEY, 67: D.WEAK_KEY, 68: D.WEAK_KEY,
    79: D.CERT_UNUSABLE, 999: D.CERT_UNUSABLE,
}  # fmt: skip
# The one that comes first here is named, whatever else was met.
ORDER = (18, 10, 9, 66, 19, 20, 7)


def found(*errors: tuple[int, int], evidence: HandshakeEvidence = GOOD) -> Diagnosis | None:
    met = tuple(ChainError(code, depth, words_of(code)) for code, depth in errors)
    return judge(attrs.evolve(evidence, chain_errors=met), ("mx.test",), NOW).diagnosis


class ChainTests(SynchronousTestCase):
    def test_good(self) -> None:
        self.assertIsNone(found())

    def test_each_alone(self) -> None:
        # Behind the leaf; before it see below.
        self.assertEqual({code: found((code, 1)) for code in ALONE}, ALONE)

    def test_of_two_the_first_in_order(self) -> None:
        for index, code in enumerate(ORDER):
            for other in ORDER[index + 1 :]:
                for pair in (((code, 1), (other, 1)), ((other, 1), (code, 1))):
                    self.assertEqual(found(*pair), ALONE[code], pair)

    def test_what_was_left_out(self) -> None:
        own = attrs.evolve(GOOD, chain=(OWN,), verified=(OWN,))
        for errors, evidence, wanted in (
            (((20, 0),), GOOD, D.INCOMPLETE_CHAIN),
            (((20, 0), (21, 0)), GOOD, D.INCOMPLETE_CHAIN),
            (((2, 0),), GOOD, D.INCOMPLETE_CHAIN),
            (((20, 0), (10, 0)), GOOD, D.CERT_EXPIRED),
            (((20, 0), (20, 1)), GOOD, D.UNTRUSTED_ROOT),
            (((20, 1),), GOOD, D.UNTRUSTED_ROOT),
            # A certificate that nobody else has issued lacks nobody.
            (((20, 0), (21, 0)), own, D.UNTRUSTED_ROOT),
        ):
            self.assertEqual(found(*errors, evidence=evidence), wanted, errors)

    def test_words_name_each_once(self) -> None:
        met = tuple(ChainError(code, depth, words_of(code)) for code, depth in ((10, 0), (20, 1), (10, 0)))
        text = judge(attrs.evolve(GOOD, chain_errors=met), ("mx.test",), NOW).text
        self.assertEqual(
            text, "certificate has expired (depth 0); the issuer is neither sent nor among the roots (depth 1)"
        )


class EvidenceTests(SynchronousTestCase):
    """What does not fit together proves nothing."""

    def test_table(self) -> None:
        other = AUTHORITY.leaf("mx.test").chain[0].public_bytes(Encoding.DER)
        for change, words in (
            ({"verified": (other, *GOOD.verified[1:])}, "what was verified is not what the server showed"),
            ({"verified": ()}, "nothing was verified"),
            ({"judging_error": "OSError"}, "the handshake could not be judged (OSError)"),
            ({"verified": (CHAIN[0], b"x")}, "the certificate could not be judged (ValueError)"),
        ):
            judged = judge(attrs.evolve(GOOD, **change), ("mx.test",), NOW)  # type: ignore[arg-type]
            self.assertEqual((judged.authenticated, judged.by, judged.diagnosis), (False, None, D.JUDGING_FAILED))
            self.assertEqual(judged.text, words)
        nothing = judge(attrs.evolve(GOOD, chain=()), ("mx.test",), NOW)
        self.assertEqual((nothing.diagnosis, nothing.text), (D.CERT_UNUSABLE, "the server showed no certificate"))

    def test_dates_of_every_certificate_to_the_second(self) -> None:
        leaf, intermediate, root = LEAF.chain[0], AUTHORITY.intermediate, AUTHORITY.root
        begin, end = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
        for now, wanted in (
            (begin - 1, D.CERT_NOT_YET_VALID), (begin, None), (end, None), (end + 1, D.CERT_EXPIRED),
        ):  # fmt: skip
            self.assertEqual(judge(GOOD, ("mx.test",), now).diagnosis, wanted)
        day = f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M}"
        self.assertEqual(judge(GOOD, ("mx.test",), end + 1).text, f"expired at {day} UTC (depth 0)")
        day = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M}"
        self.assertEqual(judge(GOOD, ("mx.test",), begin - 1).text, f"not valid before {day} UTC (depth 0)")
        self.assertEqual((intermediate.not_valid_after_utc, root.not_valid_after_utc), (root.not_valid_after_utc,) * 2)
        late = Authority(now=AUTHORITY.now, root_days=(-10, 5))
        path = tuple(each.public_bytes(Encoding.DER) for each in (*late.leaf("mx.test").chain, late.root))
        evidence = attrs.evolve(GOOD, chain=path[:2], verified=path)
        self.assertIn("(depth 2)", judge(evidence, ("mx.test",), NOW + 6 * 86_400).text)


class WeaknessTests(SynchronousTestCase):
    """What is too weak to prove a name may still encrypt."""

    def test_keys(self) -> None:
        for key, words in (
            (rsa_key(1024), "a key of 1024 bits"),
            (rsa_key(2048), None),
            (ec.generate_private_key(ec.SECP192R1()), "a curve of 192 bits"),
            (ec.generate_private_key(ec.SECP224R1()), None),
            (ec.generate_private_key(ec.SECP256R1()), None),
        ):
            self.assertEqual(weakness(AUTHORITY.leaf("mx.test", key=key).chain[0]), words)

    def test_signatures(self) -> None:
        key = AUTHORITY._issuer_key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        der = with_sha1(CHAIN[0], key)
        certificate = x509.load_der_x509_certificate(der)
        key.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA1()))
        self.assertIsInstance(certificate.signature_hash_algorithm, hashes.SHA1)
        self.assertEqual(weakness(certificate), "a signature with sha1")
        evidence = attrs.evolve(GOOD, chain=(der, CHAIN[1]), verified=(der, CHAIN[1], ROOT))
        judged = judge(evidence, ("mx.test",), NOW)
        self.assertEqual((judged.diagnosis, judged.text), (D.WEAK_KEY, "a signature with sha1 (depth 0)"))

    def test_nobody_rests_on_the_signature_of_a_root(self) -> None:
        root_key = AUTHORITY._root_key
        old = with_sha1(ROOT, root_key)
        self.assertIsNone(weakness(x509.load_der_x509_certificate(old)))
        self.assertTrue(judge(attrs.evolve(GOOD, verified=(*CHAIN, old)), ("mx.test",), NOW).authenticated)
