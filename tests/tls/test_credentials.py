"""Reading our own certificates."""

from __future__ import annotations

import datetime
import os
import stat

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import CertificateFiles
from fopemta.testing.authority import Authority
from fopemta.tls.credentials import CredentialsError, load, self_signed
from fopemta.tls.server import ServerTls
from tests.tls.test_server import offered

AUTHORITY = Authority()
NOW = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)


class LoadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)

    def error(self, chain: bytes, key: bytes) -> str:
        files = CertificateFiles(os.path.join(self.folder, "c.pem"), os.path.join(self.folder, "c.key"))
        for path, content in ((files.chain, chain), (files.key, key)):
            with open(path, "wb") as file:
                file.write(content)
        return str(self.assertRaises(CredentialsError, load, files))

    def test_good(self) -> None:
        found = load(CertificateFiles(*AUTHORITY.leaf("mx.test").write(self.folder, "good")))
        self.assertEqual(len(found.chain), 2)

    def test_each_fault_has_its_words(self) -> None:
        leaf, other = AUTHORITY.leaf("mx.test"), AUTHORITY.leaf("mx.test")
        backwards = b"".join(reversed(leaf.chain_pem.partition(b"-----END CERTIFICATE-----\n")[:1])) or b""
        self.assertIn("no PEM certificate", self.error(b"rubbish", leaf.key_pem))
        self.assertIn("no PEM private key", self.error(leaf.chain_pem, b"rubbish"))
        self.assertIn("is not the key", self.error(leaf.chain_pem, other.key_pem))
        self.assertIn("did not issue", self.error(leaf.chain_pem + other.chain_pem, leaf.key_pem))
        self.assertIn("c.pem", self.error(backwards, leaf.key_pem))

    def test_missing_file_is_named(self) -> None:
        text = str(self.assertRaises(CredentialsError, load, CertificateFiles("/nowhere/a.pem", "/nowhere/a.key")))
        self.assertEqual(text, "/nowhere/a.pem: No such file or directory")


class SelfSignedTests(SynchronousTestCase):
    def test_made_once_and_kept(self) -> None:
        folder = self.mktemp()
        first, made = self_signed(folder, "mx.test", NOW)
        again, made_again = self_signed(folder, "other.test", NOW)
        files = [os.path.join(folder, name) for name in ("self-signed.pem", "self-signed-rsa.pem")]
        self.assertEqual((made, made_again), (files, []))
        self.assertEqual([each.source for each in first], files)
        self.assertEqual([each.chain for each in first], [each.chain for each in again])
        for each in first:
            [leaf] = each.chain
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            self.assertEqual((names.value.get_values_for_type(x509.DNSName), names.critical), (["mx.test"], False))
            limits = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
            self.assertEqual((limits.value.ca, limits.value.path_length, limits.critical), (False, None, True))
            self.assertEqual(leaf.subject, leaf.issuer)
            self.assertLess(leaf.not_valid_before_utc, NOW)
            self.assertEqual((leaf.not_valid_after_utc - NOW).days, 3650)
        self.assertEqual(
            sorted(os.listdir(folder)),
            ["self-signed-rsa.key", "self-signed-rsa.pem", "self-signed.key", "self-signed.pem"],
        )

    def test_one_of_each_kind(self) -> None:
        [curve, rsa], _ = self_signed(self.mktemp(), "mx.test", NOW)
        assert isinstance(curve.key, EllipticCurvePrivateKey)
        assert isinstance(rsa.key, RSAPrivateKey)
        self.assertEqual((curve.key.curve.name, rsa.key.key_size), ("secp256r1", 3072))
        for suite in (b"ECDHE-ECDSA-AES256-GCM-SHA384", b"ECDHE-RSA-AES256-GCM-SHA384"):
            server = ServerTls([curve, rsa])
            self.assertEqual(offered(server, maximum=SSL.TLS1_2_VERSION, ciphers=suite), suite.decode())

    def test_a_key_without_its_certificate_is_replaced_with_it(self) -> None:
        for name in ("self-signed", "self-signed-rsa"):
            for kind in ("pem", "key"):
                folder = self.mktemp()
                before, _ = self_signed(folder, "mx.test", NOW)
                os.unlink(os.path.join(folder, f"{name}.{kind}"))
                after, made = self_signed(folder, "mx.test", NOW)
                self.assertEqual(made, [os.path.join(folder, f"{name}.pem")])
                changed = [old.source for old, new in zip(before, after, strict=True) if old.chain != new.chain]
                self.assertEqual(changed, made)

    def test_a_folder_that_cannot_be_made_is_named(self) -> None:
        blocker = self.mktemp()
        with open(blocker, "w"):
            pass
        text = str(self.assertRaises(CredentialsError, self_signed, os.path.join(blocker, "tls"), "mx.test", NOW))
        self.assertIn(blocker, text)

    def test_key_is_for_the_owner_alone(self) -> None:
        folder = self.mktemp()
        self_signed(folder, "mx.test", NOW)
        for name in ("self-signed.key", "self-signed-rsa.key"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode), 0o600)

    def test_long_host_names(self) -> None:
        name = ".".join(["a" * 50] * 4) + ".test"
        self.assertTrue(self_signed(self.mktemp(), name, NOW)[1])
