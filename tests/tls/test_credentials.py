"""Reading our own certificates."""

from __future__ import annotations

import datetime
import os
import stat

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import CertificateFiles
from fopemta.testing.authority import Authority
from fopemta.tls.credentials import CredentialsError, load, self_signed

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
        self.assertEqual((made, made_again), (True, False))
        self.assertEqual(first.chain, again.chain)
        names = first.chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["mx.test"])
        self.assertEqual(sorted(os.listdir(folder)), ["self-signed.key", "self-signed.pem"])

    def test_a_key_without_its_certificate_is_replaced_with_it(self) -> None:
        folder = self.mktemp()
        self_signed(folder, "mx.test", NOW)
        os.unlink(os.path.join(folder, "self-signed.pem"))
        self.assertTrue(self_signed(folder, "mx.test", NOW)[1])

    def test_a_folder_that_cannot_be_made_is_named(self) -> None:
        blocker = self.mktemp()
        with open(blocker, "w"):
            pass
        text = str(self.assertRaises(CredentialsError, self_signed, os.path.join(blocker, "tls"), "mx.test", NOW))
        self.assertIn(blocker, text)

    def test_key_is_for_the_owner_alone(self) -> None:
        folder = self.mktemp()
        self_signed(folder, "mx.test", NOW)
        mode = stat.S_IMODE(os.stat(os.path.join(folder, "self-signed.key")).st_mode)
        self.assertEqual(mode, 0o600)

    def test_long_host_names(self) -> None:
        name = ".".join(["a" * 50] * 4) + ".test"
        self.assertTrue(self_signed(self.mktemp(), name, NOW)[1])
