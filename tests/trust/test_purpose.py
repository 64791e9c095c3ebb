"""What the certificates of a path may be used for, whichever store has verified it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, Leaf, key_usage
from fopemta.tls.client import ClientTls
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.pkix import judge
from fopemta.trust.plan import Judgement
from fopemta.trust.purpose import authority_fault, root_fault, server_fault
from tests.tls.handshakes import AUTHORITY, FromContext, client_tls, server_context, shake

UNUSABLE = Diagnosis.CERT_UNUSABLE
SERVERS = "it is not meant for TLS servers"
HANDSHAKE = "its key may not be used in a TLS handshake"
SIGNS = "it may not sign certificates"


def extended(*usages: x509.ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage(list(usages))


# What the intermediate is made with, and its place's words; None where it is good.
INTERMEDIATES: dict[str, tuple[dict[str, Any], bool]] = {
    "nothing more": ({}, True),
    "for servers": ({"intermediate_says": [extended(Usage.SERVER_AUTH)]}, True),
    "for servers and clients": ({"intermediate_says": [extended(Usage.CLIENT_AUTH, Usage.SERVER_AUTH)]}, True),
    "for mail": ({"intermediate_says": [extended(Usage.EMAIL_PROTECTION)]}, False),
    "for clients": ({"intermediate_says": [extended(Usage.CLIENT_AUTH)]}, False),
    "for code": ({"intermediate_says": [extended(Usage.CODE_SIGNING)]}, False),
    "for time": ({"intermediate_says": [extended(Usage.TIME_STAMPING)]}, False),
    "for OCSP": ({"intermediate_says": [extended(Usage.OCSP_SIGNING)]}, False),
    "for anything": ({"intermediate_says": [extended(Usage.ANY_EXTENDED_KEY_USAGE)]}, False),
    "no authority": ({"constraints": x509.BasicConstraints(ca=False, path_length=None)}, False),
    "no constraints": ({"constraints": None}, False),
    "no key usage": ({"key_usage": None}, True),
    "signs no certificates": ({"key_usage": key_usage("crl_sign", "digital_signature")}, False),
    "one authority below is none": ({"constraints": x509.BasicConstraints(ca=True, path_length=0)}, True),
    "name allowed": ({"intermediate_says": [x509.NameConstraints([x509.DNSName("test")], None)]}, True),
    "another name allowed": ({"intermediate_says": [x509.NameConstraints([x509.DNSName("other")], None)]}, False),
    "name excluded": ({"intermediate_says": [x509.NameConstraints(None, [x509.DNSName("mx.test")])]}, False),
    "root for mail": ({"root_says": [extended(Usage.EMAIL_PROTECTION)]}, False),
    "root for servers": ({"root_says": [extended(Usage.SERVER_AUTH)]}, True),
}

# Key and extended key usage of the leaf.
LEAVES: dict[str, tuple[x509.KeyUsage | None, x509.ObjectIdentifier, bool]] = {
    "for servers": (None, Usage.SERVER_AUTH, True),
    "signs": (key_usage("digital_signature"), Usage.SERVER_AUTH, True),
    "takes keys": (key_usage("key_encipherment"), Usage.SERVER_AUTH, True),
    "agrees on keys": (key_usage("key_agreement"), Usage.SERVER_AUTH, True),
    "signs certificates only": (key_usage("key_cert_sign"), Usage.SERVER_AUTH, False),
    "signs lists only": (key_usage("crl_sign"), Usage.SERVER_AUTH, False),
    "both": (key_usage("key_cert_sign", "crl_sign"), Usage.SERVER_AUTH, False),
    "takes data": (key_usage("data_encipherment"), Usage.SERVER_AUTH, False),
    "commits": (key_usage("content_commitment"), Usage.SERVER_AUTH, False),
    "for mail": (None, Usage.EMAIL_PROTECTION, False),
    "for clients": (None, Usage.CLIENT_AUTH, False),
    "for code": (None, Usage.CODE_SIGNING, False),
    "for anything": (None, Usage.ANY_EXTENDED_KEY_USAGE, False),
}


class WhicheverStoreTests(SynchronousTestCase):
    """The handshake's store and one of a rule or route say the same."""

    def judged(self, authority: Authority, leaf: Leaf) -> list[Judgement]:
        folder = Path(self.mktemp())
        folder.mkdir()
        roots, now = authority.write_root(folder), authority.now.timestamp()
        found = []
        for client in (ClientTls(roots), client_tls(Authority("somebody else"))):
            _, _, evidence = shake(client, FromContext(server_context(leaf, ciphers=b"ALL:@SECLEVEL=0")))
            assert evidence is not None
            found.append(judge(evidence, ("mx.test",), now))
        self.assertFalse(found.pop().authenticated)
        return [*found, judge(client.against(evidence, roots), ("mx.test",), now)]

    def test_intermediates(self) -> None:
        found = {}
        for case, (made, good) in INTERMEDIATES.items():
            authority = Authority(**made)
            found[case] = [each.authenticated for each in self.judged(authority, authority.leaf("mx.test"))]
            self.assertEqual(found[case], [good, good], case)

    def test_leaves(self) -> None:
        for case, (usage, extended_usage, good) in LEAVES.items():
            leaf = AUTHORITY.leaf("mx.test", says=[usage] if usage else [], usage=extended_usage)
            judged = self.judged(AUTHORITY, leaf)
            self.assertEqual([each.authenticated for each in judged], [good, good], case)
            self.assertEqual([each.diagnosis for each in judged], [None if good else UNUSABLE] * 2, case)

    def test_words_name_the_place(self) -> None:
        mail = Authority(intermediate_says=[extended(Usage.EMAIL_PROTECTION)])
        self.assertEqual(self.judged(mail, mail.leaf("mx.test"))[1].text, f"{SERVERS} (depth 1)")
        leaf = AUTHORITY.leaf("mx.test", says=[key_usage("crl_sign")])
        self.assertEqual(self.judged(AUTHORITY, leaf)[1].text, f"{HANDSHAKE} (depth 0)")
        root = Authority(root_says=[extended(Usage.CODE_SIGNING)])
        self.assertEqual(self.judged(root, root.leaf("mx.test"))[1].text, f"{SERVERS} (depth 2)")

    def test_too_many_authorities_in_a_row(self) -> None:
        # The root allows no authority below its own; OpenSSL counts in either store.
        root = Authority(constraints=x509.BasicConstraints(ca=True, path_length=0))
        leaf = root.below("mx.test")
        self.assertEqual([each.authenticated for each in self.judged(root, leaf)], [False, False])
        free = Authority()
        self.assertEqual([each.authenticated for each in self.judged(free, free.below("mx.test"))], [True, True])

    def test_a_server_s_own_certificate_among_the_roots(self) -> None:
        # Nobody vouches for it but the operator; what its key is for still counts.
        folder = Path(self.mktemp())
        folder.mkdir()
        leaf = AUTHORITY.self_signed("mx.test")
        roots, _ = leaf.write(folder, "own")
        _, _, evidence = shake(client_tls(), FromContext(server_context(leaf)))
        assert evidence is not None
        other = client_tls().against(evidence, roots)
        self.assertTrue(judge(other, ("mx.test",), AUTHORITY.now.timestamp()).authenticated)


class PlaceTests(SynchronousTestCase):
    """Each place asks for something else."""

    def test_places(self) -> None:
        leaf, intermediate, root = AUTHORITY.leaf("mx.test").chain[0], AUTHORITY.intermediate, AUTHORITY.root
        self.assertEqual(
            [server_fault(leaf), authority_fault(leaf), root_fault(leaf)], [None, "it is no authority", None]
        )
        self.assertEqual([authority_fault(intermediate), root_fault(root)], [None, None])
        signs = AUTHORITY.leaf("mx.test", says=[key_usage("digital_signature")]).chain[0]
        self.assertEqual(root_fault(signs), SIGNS)
