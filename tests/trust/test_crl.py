"""Revocation lists: sound, stale, forged, of kinds that are not supported."""

from __future__ import annotations

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.revoking import RevokingAuthority, Signer, lists_at
from fopemta.trust.crl import SoundList, judge_crl, judge_entry, read_crl
from fopemta.trust.ocsp import SKEW
from fopemta.trust.revocation import Finding, Status
from tests.trust.forged import with_sha1, without_next_update

CA = RevokingAuthority(now=datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC))
URL = "http://c.test/list"
LEAF, OTHER = CA.leaf("mx.test", says=[lists_at(URL)]).chain[0], CA.leaf("other.test").chain[0]
NOW = CA.now.timestamp()
STRANGER = RevokingAuthority("somebody else")
REASON = x509.ReasonFlags


def point(**facts: object) -> list[tuple[x509.ExtensionType, bool]]:
    """An IssuingDistributionPoint, critical as it has to be."""
    names = ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs")
    plain = dict.fromkeys(names, False) | {"full_name": None, "relative_name": None, "only_some_reasons": None}
    return [(x509.IssuingDistributionPoint(**(plain | facts)), True)]


def at(url: str) -> list[x509.UniformResourceIdentifier]:
    return [x509.UniformResourceIdentifier(url)]


def judged(der: bytes, certificate: x509.Certificate = LEAF, now: float = NOW) -> Finding:
    return judge_crl(der, certificate, CA.intermediate, now)


class JudgeCrlTests(SynchronousTestCase):
    def test_not_listed_is_good_until_the_next_list(self) -> None:
        found = judged(CA.crl((OTHER, None)))
        self.assertEqual((found.status, found.by), (Status.GOOD, "crl"))
        self.assertEqual(found.until, NOW + 24 * 3600)

    def test_entries(self) -> None:
        table = {
            None: Status.REVOKED,
            REASON.key_compromise: Status.REVOKED,
            REASON.certificate_hold: Status.REVOKED,
            REASON.remove_from_crl: Status.GOOD,
        }
        found = {reason: judged(CA.crl((OTHER, None), (LEAF, reason))).status for reason in table}
        self.assertEqual(found, table)
        words = judged(CA.crl((LEAF, REASON.superseded))).text
        self.assertRegex(words, r"^the certificate is revoked since \d{4}-\d\d-\d\d \(superseded\), says crl$")

    def test_what_proves_nothing(self) -> None:
        forged = Signer(CA.intermediate, ec.generate_private_key(ec.SECP256R1()))
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
        table = {
            "rubbish": (b"no list", "could not be read (ValueError)"),
            "stale": (CA.crl(hours=(-48, -1)), "was good until"),
            "to come": (CA.crl(hours=(1, 24)), "is from the future"),
            "forged": (CA.crl(by=forged), "is not signed by the issuer"),
            "another's": (STRANGER.crl(), "is another issuer's"),
            "another's by name": (STRANGER.crl(issuer=CA.intermediate.subject), "is not signed by the issuer"),
            "the root's": (CA.crl(by=CA.rooted), "is another issuer's"),
            "delta": (CA.crl(extensions=[(x509.DeltaCRLIndicator(1), True)]), "a delta CRL is not supported"),
            "unknown": (CA.crl(extensions=[(unknown, True)]), "a critical extension 1.2.3.4"),
            "indirect": (CA.crl(extensions=point(indirect_crl=True)), "an indirect CRL is not supported"),
            "some reasons": (
                CA.crl(extensions=point(only_some_reasons=frozenset({REASON.key_compromise}))),
                "for some reasons only",
            ),
            "authorities": (CA.crl(extensions=point(only_contains_ca_certs=True)), "certificates of this kind"),
            "attributes": (CA.crl(extensions=point(only_contains_attribute_certs=True)), "certificates of this kind"),
            "another part": (CA.crl(extensions=point(full_name=at("http://c.test/2"))), "another part"),
            "relative": (CA.crl(extensions=point(relative_name=RELATIVE)), "named relative to its issuer"),
            "SHA-1": (with_sha1(CA.crl(), _KEY), "is signed with sha1"),
            "without end": (without_next_update(CA.crl(), _KEY), "does not say how long it is good"),
        }
        for case, (der, words) in table.items():
            found = judged(der)
            self.assertEqual((found.status, found.until), (Status.UNKNOWN, 0.0), case)
            self.assertIn(words, found.text, case)

    def test_lists_of_a_part_that_the_certificate_belongs_to(self) -> None:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
        for extensions in (
            point(only_contains_user_certs=True),
            point(full_name=at(URL)),
            [(x509.CRLNumber(7), False)],
            [(unknown, False)],
        ):
            self.assertEqual(judged(CA.crl(extensions=extensions)).status, Status.GOOD, extensions)
            self.assertEqual(judged(CA.crl((LEAF, None), extensions=extensions)).status, Status.REVOKED, extensions)

    def test_intermediates_have_the_roots_list(self) -> None:
        for der, status in ((CA.crl(by=CA.rooted), Status.GOOD), (CA.crl((CA.intermediate, None), by=CA.rooted), _BAD)):
            self.assertEqual(judge_crl(der, CA.intermediate, CA.root, NOW).status, status)
        only_users = CA.crl(by=CA.rooted, extensions=point(only_contains_user_certs=True))
        self.assertEqual(judge_crl(only_users, CA.intermediate, CA.root, NOW).status, Status.UNKNOWN)

    def test_a_part_of_one_that_names_no_list(self) -> None:
        der = CA.crl(extensions=point(full_name=at(URL)))
        self.assertIn("another part", judged(der, OTHER).text)

    def test_what_is_an_authority(self) -> None:
        users, authorities = (
            CA.crl(by=CA.rooted, extensions=point(**{kind: True}))
            for kind in ("only_contains_user_certs", "only_contains_ca_certs")
        )
        by_root = RevokingAuthority.issued_by_root(CA)
        for certificate, wanted in ((CA.intermediate, authorities), (by_root, users)):
            for der in (users, authorities):
                status = judge_crl(der, certificate, CA.root, NOW).status
                self.assertEqual(status is Status.GOOD, der is wanted)

    def test_entries_that_say_more(self) -> None:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
        removed = x509.CRLReason(REASON.remove_from_crl)
        for extensions, status in (
            ([(unknown, False)], Status.REVOKED),
            ([(unknown, True)], Status.UNKNOWN),
            ([(removed, False), (unknown, True)], Status.UNKNOWN),
            ([(removed, True)], Status.GOOD),
        ):
            self.assertEqual(judged(CA.crl_saying(LEAF, extensions)).status, status, extensions)
        # One about another does not matter.
        self.assertEqual(judged(CA.crl_saying(OTHER, [(unknown, True)])).status, Status.GOOD)
        text = judged(CA.crl_saying(LEAF, [(unknown, True)])).text
        self.assertEqual(text, "the CRL's entry has a critical extension 1.2.3.4")

    def test_until_when(self) -> None:
        for der in (CA.crl(), CA.crl((LEAF, REASON.remove_from_crl)), CA.crl((LEAF, None))):
            self.assertEqual(judged(der).until, NOW + 24 * 3600)
        self.assertEqual(read_crl(CA.crl(), CA.intermediate, NOW).made, NOW - 3600)  # type: ignore[union-attr]

    def test_to_the_second(self) -> None:
        made, until = NOW - 3600, NOW + 24 * 3600
        for now, status in (
            (made - SKEW - 1, Status.UNKNOWN),
            (made - SKEW, Status.GOOD),
            (until, Status.GOOD),
            (until + 1, Status.UNKNOWN),
        ):
            self.assertEqual(judged(CA.crl(), now=now).status, status, now - NOW)

    def test_what_is_no_list_at_all(self) -> None:
        found = judge_entry(None, LEAF, NOW)  # type: ignore[arg-type]
        self.assertEqual((found.status, found.by), (Status.UNKNOWN, "crl"))
        self.assertEqual(found.text, "the CRL could not be read (AttributeError)")

    def test_signer_that_may_not(self) -> None:
        # A leaf signs a list in its own name.
        leaf = CA.leaf("mx.test")
        signed = CA.crl(by=Signer(leaf.chain[0], leaf.key))
        self.assertIsInstance(read_crl(signed, leaf.chain[0], NOW), SoundList)  # no key usage: nothing is forbidden
        limited = CA.leaf("mx.test", says=[_ONLY_SIGNATURES])
        signed = CA.crl(by=Signer(limited.chain[0], limited.key))
        self.assertEqual(read_crl(signed, limited.chain[0], NOW), "the issuer may not sign CRLs")

    def test_a_list_that_was_read_grows_old(self) -> None:
        found = read_crl(CA.crl(), CA.intermediate, NOW)
        assert isinstance(found, SoundList)
        self.assertEqual(judge_entry(found, LEAF, NOW).status, Status.GOOD)
        self.assertEqual(judge_entry(found, LEAF, NOW + 25 * 3600).status, Status.UNKNOWN)
        self.assertEqual(judge_entry(found, STRANGER.leaf("x.test").chain[0], NOW).text, "the CRL is another issuer's")

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(some.integers(0, 10_000), some.integers(1, 255))
    def test_a_changed_octet_never_says_anything(self, position: int, change: int) -> None:
        der = bytearray(SOUND)
        der[position % len(der)] ^= change
        self.assertEqual(judged(bytes(der)).status, Status.UNKNOWN)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(some.binary(max_size=300))
    def test_rubbish_never_raises(self, der: bytes) -> None:
        self.assertEqual(judged(der).status, Status.UNKNOWN)


_BAD = Status.REVOKED
_KEY: Any = CA.issuing.key
RELATIVE = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, "part")])
_ONLY_SIGNATURES = x509.KeyUsage(
    digital_signature=True, key_cert_sign=False, crl_sign=False, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip
SOUND = CA.crl((OTHER, None))
