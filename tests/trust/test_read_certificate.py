"""Certificates read once."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, rsa_key
from fopemta.trust.certificates import facts_of, is_self_issued, weakness
from fopemta.trust.names import patterns, presented
from fopemta.trust.read_certificate import chain_facts, read

AUTHORITY = Authority()


def der(*names: str, **changes: object) -> bytes:
    return AUTHORITY.leaf(*names, **changes).chain[0].public_bytes(Encoding.DER)  # type: ignore[arg-type]


class ReadTests(SynchronousTestCase):
    def test_says_what_the_certificate_says(self) -> None:
        for leaf in (AUTHORITY.leaf("mx.test", "other.test"), AUTHORITY.leaf("mx.test", key=rsa_key(1024))):
            certificate = leaf.chain[0]
            found = read(certificate.public_bytes(Encoding.DER))
            self.assertEqual(found.certificate, certificate)
            self.assertEqual(found.names, presented(certificate))
            self.assertEqual(found.patterns, patterns(presented(certificate)))
            self.assertEqual(found.weakness, weakness(certificate))
            self.assertEqual(found.self_issued, is_self_issued(certificate))
            dates = (certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())
            self.assertEqual((found.not_before, found.not_after), dates)

    def test_read_once(self) -> None:
        one = der("mx.test")
        self.assertIs(read(one), read(bytes(bytearray(one))))
        self.assertIsNot(read(one), read(der("mx.test")))

    def test_a_large_one_is_not_kept(self) -> None:
        large = der(*(f"host-{number}.a-long-name-of-a-domain.test" for number in range(300)))
        self.assertGreater(len(large), 8192)
        self.assertIsNot(read(large), read(large))

    def test_what_cannot_be_read_is_never_kept(self) -> None:
        for _ in range(2):
            with self.assertRaises(ValueError):
                read(b"x")


class ChainTests(SynchronousTestCase):
    def test_facts_of_each(self) -> None:
        chain = tuple(each.public_bytes(Encoding.DER) for each in AUTHORITY.leaf("mx.test").chain)
        self.assertEqual(chain_facts((*chain, b"x")), tuple(facts_of(each) for each in (*chain, b"x")))

    def test_a_record_does_not_grow_with_the_chain(self) -> None:
        self.assertEqual(len(chain_facts((der("mx.test"),) * 50)), 10)
