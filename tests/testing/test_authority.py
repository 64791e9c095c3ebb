"""The authority for tests issues what it says, to the liking of a strict client."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, Leaf, rsa_key


def handshake(authority: Authority, leaf: Leaf, name: str, folder: Path) -> str | None:
    """What Python's own ssl, strict about RFC 5280, says of `leaf`; None when it is content."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(*leaf.write(folder, "leaf"))
    client_context = ssl.create_default_context(cafile=authority.write_root(folder))
    client_context.hostname_checks_common_name = False
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(back, there, server_hostname=name)
    server = server_context.wrap_bio(there, back, server_side=True)
    for side in (client, server) * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
    return None


class AuthorityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.authority = Authority()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def verdict(self, leaf: Leaf, name: str = "mx.test") -> str | None:
        return handshake(self.authority, leaf, name, self.folder)

    def test_good_ones_please_a_strict_client(self) -> None:
        for leaf in (
            self.authority.leaf("mx.test"),
            self.authority.leaf("other.test", "mx.test", key=rsa_key()),
        ):
            self.assertIsNone(self.verdict(leaf))
        self.assertIsNone(self.verdict(self.authority.leaf("192.0.2.1"), "192.0.2.1"))
        self.assertIsNone(self.verdict(self.authority.leaf("*.example.org"), "mx.example.org"))

    def test_bad_ones_do_not(self) -> None:
        a = self.authority
        table = {
            "expired": (a.leaf("mx.test", days=(-9, -2)), "certificate has expired"),
            "early": (a.leaf("mx.test", days=(2, 9)), "certificate is not yet valid"),
            "self-signed": (a.self_signed("mx.test"), "self-signed certificate"),
            "no intermediate": (a.leaf("mx.test", with_intermediate=False), "unable to get local issuer certificate"),
            "somebody else's": (Authority("else").leaf("mx.test"), "unable to get local issuer certificate"),
            "other name": (a.leaf("other.test"), "Hostname mismatch, certificate is not valid for 'mx.test'."),
            "common name only": (
                a.leaf(common_name="mx.test"), "Hostname mismatch, certificate is not valid for 'mx.test'.",
            ),
        }  # fmt: skip
        self.assertEqual(
            {case: self.verdict(leaf) for case, (leaf, _) in table.items()}, {c: w for c, (_, w) in table.items()}
        )

    def test_expired_root(self) -> None:
        old = Authority("old", root_days=(-20, -2))
        self.assertEqual(handshake(old, old.leaf("mx.test"), "mx.test", self.folder), "certificate has expired")

    def test_written_key_is_for_the_owner_alone(self) -> None:
        _, key = self.authority.leaf("mx.test").write(self.folder, "mine")
        self.assertEqual(stat.S_IMODE(Path(key).stat().st_mode), 0o600)

    def test_kinds_of_keys(self) -> None:
        self.assertIsInstance(self.authority.leaf("mx.test", key=rsa_key()).key, rsa.RSAPrivateKey)
        self.assertIsInstance(self.authority.leaf("mx.test").chain[0], x509.Certificate)
