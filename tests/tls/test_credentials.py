"""Reading our own certificates."""

from __future__ import annotations

import base64
import datetime
import os
import stat
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority, Leaf, rsa_key
from fopemta.testing.revoking import MUST_STAPLE
from fopemta.tls.credentials import Credentials, CredentialsError, cautions_about, load, self_signed
from fopemta.tls.server import ServerTls
from fopemta.trust.plan import CertificateFiles
from tests.tls.test_server import offered
from tests.trust.forged import signed

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

    def test_keys_that_cannot_serve(self) -> None:
        leaf = AUTHORITY.leaf("mx.test")
        secret = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
        x25519 = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for key, words in (
            (secret, "c.key: the private key is encrypted; fopemta needs it without a password"),
            (x25519, "c.key: a server's key is RSA, ECDSA or Ed25519"),
        ):
            self.assertTrue(self.error(leaf.chain_pem, key).endswith(words))

    def test_a_certificate_whose_key_cannot_be_read(self) -> None:
        leaf = AUTHORITY.leaf("mx.test")
        key: Any = AUTHORITY._issuer_key
        # A curve of nobody's.
        unknown = bytes.fromhex("06082a8648ce3d030163")
        odd = signed(
            leaf.chain[0].public_bytes(Encoding.DER),
            key,
            lambda parts: [each.replace(bytes.fromhex("06082a8648ce3d030107"), unknown) for each in parts],
        )
        pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(odd) + b"-----END CERTIFICATE-----\n"
        text = self.error(pem, leaf.key_pem)
        self.assertTrue(text.endswith("c.pem: the first certificate's key cannot be read"), text)

    def test_a_certificate_that_is_odd(self) -> None:
        leaf = AUTHORITY.leaf("mx.test", says=[MUST_STAPLE])
        der = leaf.chain[0].public_bytes(Encoding.DER)
        for sound, odd, words in (
            ("a003020102", "a003020103", "holds no PEM certificate that can be read"),
            # Two extensions of one kind; a feature that there is not.
            ("0603551d23", "0603551d0e", "the first certificate's extensions cannot be read"),
            ("3003020105", "3003020145", "the first certificate's extensions cannot be read"),
        ):
            forged = der.replace(bytes.fromhex(sound), bytes.fromhex(odd))
            self.assertNotEqual(forged, der)
            pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(forged) + b"-----END CERTIFICATE-----\n"
            self.assertIn(words, self.error(pem, leaf.key_pem))

    def test_each_kind_of_key(self) -> None:
        for key in (rsa_key(), ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()):
            leaf = AUTHORITY.leaf("mx.test", key=key)
            found = load(CertificateFiles(*leaf.write(self.folder, "leaf")))
            self.assertEqual((found.chain, found.source), (leaf.chain, os.path.join(self.folder, "leaf.pem")))
            self.assertEqual(type(found.key), type(key))
            self.assertNotIn("PrivateKey", repr(found))

    def test_which_certificate_is_out_of_order(self) -> None:
        leaf, other = AUTHORITY.leaf("mx.test"), Authority("other")
        for chain, place in (
            ((leaf.chain[0], other.root, AUTHORITY.root), 2),
            ((leaf.chain[0], AUTHORITY.intermediate, other.root), 3),
        ):
            pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
            words = f"certificate {place} did not issue certificate {place - 1}; the order is leaf, then issuers"
            self.assertTrue(self.error(pem, leaf.key_pem).endswith(words))

    def test_an_issuer_whose_key_signs_nothing(self) -> None:
        leaf = AUTHORITY.leaf("mx.test")
        silent = AUTHORITY.leaf("x.test", key=X25519PrivateKey.generate())  # type: ignore[arg-type]
        key: Any = AUTHORITY._issuer_key
        subject = leaf.chain[0].issuer.public_bytes()
        # By its name it would be the issuer.
        named = signed(silent.chain[0].public_bytes(Encoding.DER), key, lambda parts: [*parts[:5], subject, *parts[6:]])
        pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(named) + b"-----END CERTIFICATE-----\n"
        text = self.error(leaf.chain[0].public_bytes(Encoding.PEM) + pem, leaf.key_pem)
        self.assertIn("certificate 2 did not issue certificate 1", text)

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

    def test_a_disk_that_is_full_leaves_nothing(self) -> None:
        folder = self.mktemp()

        def full(_: object, __: object) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "replace", full)
        text = str(self.assertRaises(CredentialsError, self_signed, folder, "mx.test", NOW))
        self.assertEqual(text, f"{folder}: No space left on device")
        self.assertEqual(os.listdir(folder), [])

    def test_long_host_names(self) -> None:
        name = ".".join(["a" * 50] * 4) + ".test"
        self.assertTrue(self_signed(self.mktemp(), name, NOW)[1])


class CautionTests(SynchronousTestCase):
    """What an operator should know of one that can be used."""

    def words(self, leaf: Leaf, hostname: str | None, now: datetime.datetime) -> list[str]:
        return cautions_about(Credentials(leaf.chain, AUTHORITY.leaf("x").key, "/c.pem"), hostname, now.timestamp())

    def test_soon_and_past_to_the_second(self) -> None:
        leaf = AUTHORITY.leaf("mx.test", with_intermediate=False)
        end = leaf.chain[0].not_valid_after_utc
        second, soon = datetime.timedelta(seconds=1), datetime.timedelta(days=10)
        day = f"{end:%Y-%m-%d %H:%M} UTC"
        for now, wanted in (
            (end - soon, []),
            (end - soon + second, [f"/c.pem, certificate 1 expires at {day}"]),
            (end, [f"/c.pem, certificate 1 expires at {day}"]),
            (end + second, [f"/c.pem, certificate 1 has expired at {day}"]),
        ):
            self.assertEqual(self.words(leaf, "mx.test", now), wanted)

    def test_the_intermediate_too(self) -> None:
        leaf = AUTHORITY.leaf("mx.test", days=(-1, 9000))
        now = AUTHORITY.intermediate.not_valid_after_utc
        [found] = self.words(leaf, "mx.test", now)
        self.assertTrue(found.startswith("/c.pem, certificate 2 expires at"))

    def test_names(self) -> None:
        leaf = AUTHORITY.leaf("a.test", "b.test")
        for hostname, wanted in (
            ("a.test", []), (None, []), ("c.test", ["/c.pem is not for c.test but for a.test, b.test"]),
        ):  # fmt: skip
            self.assertEqual(self.words(leaf, hostname, AUTHORITY.now), wanted)
