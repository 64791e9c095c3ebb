"""What a client's certificate is good for."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, Leaf, key_usage, rsa_key
from fopemta.trust.client_certificate import judge_client
from fopemta.trust.evidence import ChainError, ClientCertificate

AUTHORITY = Authority("clients")
NOW = AUTHORITY.now.timestamp()
DAY = 86_400.0

NOT_FOR_CLIENTS = ChainError(26, 0, "certificate not meant for TLS servers")
ISSUER_NOT_FOR_CLIENTS = ChainError(26, 1, "certificate not meant for TLS servers")
EXPIRED = ChainError(10, 0, "certificate has expired")


def path_of(leaf: Leaf, authority: Authority = AUTHORITY) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in (*leaf.chain, authority.root))


def judged(
    leaf: Leaf, *errors: ChainError, now: float = NOW, servers_too: bool = True, authority: Authority = AUTHORITY
) -> ClientCertificate:
    return judge_client(path_of(leaf, authority), errors, now, servers_too)


class FactsTests(SynchronousTestCase):
    def test_facts(self) -> None:
        leaf = AUTHORITY.leaf("Client.test", "b.test", "192.0.2.1", usage=Usage.CLIENT_AUTH)
        certificate = leaf.chain[0]
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.assertEqual(
            judged(leaf),
            ClientCertificate(
                names=("client.test", "b.test"),
                subject="CN=Client.test",
                issuer="CN=clients\\, issuing",
                sha256=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
                key_sha256=hashlib.sha256(key).hexdigest(),
                verified=True,
                fault=None,
            ),
        )

    def test_names_are_bounded_and_fit_for_a_line(self) -> None:
        names = judged(AUTHORITY.leaf(*(f"h{number}.test" for number in range(30)))).names
        self.assertEqual(names, tuple(f"h{number}.test" for number in range(20)))
        self.assertEqual(judged(AUTHORITY.leaf("a\nb.test")).names, ("a\\0ab.test",))

    def test_what_cannot_be_read_proves_nothing(self) -> None:
        for chain in ((b"rubbish",), (AUTHORITY.leaf("a.test").chain[0].public_bytes(Encoding.DER), b"rubbish")):
            found = judge_client(chain, (), NOW, True)
            self.assertEqual((found.verified, found.names), (False, ()))
            self.assertEqual(found.fault, "the certificate could not be judged (ValueError)")
            self.assertEqual(found.sha256, hashlib.sha256(chain[0]).hexdigest())


class FaultTests(SynchronousTestCase):
    def test_what_verification_met(self) -> None:
        leaf = AUTHORITY.leaf("a.test", usage=Usage.CLIENT_AUTH)
        for errors, wanted in (
            ((), None),
            ((EXPIRED,), "certificate has expired (depth 0)"),
            ((NOT_FOR_CLIENTS,), "not meant for clients (depth 0)"),
            ((ChainError(2, 2, "x"), EXPIRED), "x (depth 2)"),
        ):
            found = judged(leaf, *errors)
            self.assertEqual((found.fault, found.verified), (wanted, wanted is None))
            # What it says is told all the same.
            self.assertEqual(found.names, ("a.test",))

    def test_dates(self) -> None:
        leaf = AUTHORITY.leaf("a.test", usage=Usage.CLIENT_AUTH, days=(-1, 30))
        for now, wanted in (
            (NOW - 2 * DAY, "not valid today (depth 0)"),
            (leaf.chain[0].not_valid_before_utc.timestamp(), None),
            (leaf.chain[0].not_valid_after_utc.timestamp(), None),
            (NOW + 31 * DAY, "not valid today (depth 0)"),
        ):
            self.assertEqual(judged(leaf, now=now).fault, wanted)
        long = AUTHORITY.leaf("a.test", usage=Usage.CLIENT_AUTH, days=(-1, 9999))
        self.assertEqual(judged(long, now=NOW + 4000 * DAY).fault, "not valid today (depth 1)")

    def test_weak_ones(self) -> None:
        weak = AUTHORITY.leaf("a.test", usage=Usage.CLIENT_AUTH, key=rsa_key(1024))
        self.assertEqual(judged(weak).fault, "a key of 1024 bits (depth 0)")
        authority = Authority(issuer_key=rsa_key(1024))
        leaf = authority.leaf("a.test", usage=Usage.CLIENT_AUTH)
        self.assertEqual(judged(leaf, authority=authority).fault, "a key of 1024 bits (depth 1)")


class ServersTooTests(SynchronousTestCase):
    """Public authorities issue for servers alone, and are marked so themselves."""

    def fault(self, servers_too: bool, authority: Authority, leaf: Leaf, *errors: ChainError) -> str | None:
        return judged(leaf, *(errors or (NOT_FOR_CLIENTS,)), servers_too=servers_too, authority=authority).fault

    def test_a_server_s_certificate(self) -> None:
        leaf = AUTHORITY.leaf("a.test")
        self.assertEqual(self.fault(True, AUTHORITY, leaf), None)
        self.assertEqual(self.fault(False, AUTHORITY, leaf), "not meant for clients (depth 0)")
        self.assertEqual(
            self.fault(True, AUTHORITY, leaf, NOT_FOR_CLIENTS, EXPIRED), "certificate has expired (depth 0)"
        )

    def test_by_an_authority_for_servers(self) -> None:
        authority = Authority("clients", intermediate_says=[x509.ExtendedKeyUsage([Usage.SERVER_AUTH])])
        leaf = authority.leaf("a.test")
        self.assertEqual(self.fault(True, authority, leaf, NOT_FOR_CLIENTS, ISSUER_NOT_FOR_CLIENTS), None)
        self.assertEqual(self.fault(False, authority, leaf, ISSUER_NOT_FOR_CLIENTS), "not meant for clients (depth 1)")

    def test_what_is_for_neither(self) -> None:
        for usage in (Usage.EMAIL_PROTECTION, Usage.CODE_SIGNING, Usage.ANY_EXTENDED_KEY_USAGE):
            leaf = AUTHORITY.leaf("a.test", usage=usage)
            self.assertEqual(self.fault(True, AUTHORITY, leaf), "not meant for clients (depth 0)")
        signs = AUTHORITY.leaf("a.test", says=[key_usage("key_cert_sign")])
        self.assertEqual(self.fault(True, AUTHORITY, signs), "not meant for clients (depth 0)")
        mail = Authority("clients", intermediate_says=[x509.ExtendedKeyUsage([Usage.EMAIL_PROTECTION])])
        found = self.fault(True, mail, mail.leaf("a.test"), NOT_FOR_CLIENTS, ISSUER_NOT_FOR_CLIENTS)
        self.assertEqual(found, "not meant for clients (depth 0)")

    def test_one_that_says_nothing(self) -> None:
        # It is good for clients as well, so OpenSSL had another reason.
        leaf = AUTHORITY.leaf("a.test", usage=None)
        self.assertEqual(self.fault(True, AUTHORITY, leaf), "not meant for clients (depth 0)")
        self.assertEqual(judged(leaf).fault, None)
