"""Reading the roots that OpenSSL is told to trust."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority
from fopemta.tls import root_certificates
from fopemta.tls.root_certificates import certificates_of
from fopemta.tls.roots import RootsError

ONE, TWO = Authority("one").root, Authority("two").root
DER = [each.public_bytes(Encoding.DER) for each in (ONE, TWO)]
PEM = [each.public_bytes(Encoding.PEM) for each in (ONE, TWO)]


class CertificatesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def test_file_with_other_things_in_it(self) -> None:
        path = self.folder / "roots.pem"
        path.write_bytes(b"# One\n" + PEM[0] + b"rubbish\n" + PEM[1].replace(b"\n", b"\r\n"))
        self.assertEqual(certificates_of(str(path)), (str(path), tuple(DER)))

    def test_folder_holds_what_openssl_would_find_there(self) -> None:
        (self.folder / "0a1b2c3d.0").write_bytes(PEM[0])
        (self.folder / "ignored.pem").write_bytes(PEM[1])
        self.assertEqual(certificates_of(str(self.folder))[1], (DER[0],))

    def test_block_that_is_no_base64_is_counted(self) -> None:
        path = self.folder / "roots.pem"
        path.write_bytes(PEM[0] + b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n")
        self.assertEqual(certificates_of(str(path))[1], (DER[0], b""))

    def test_nothing_to_read(self) -> None:
        empty = self.folder / "empty.pem"
        empty.write_bytes(b"")
        for place in (str(empty), str(self.folder), str(self.folder / "missing.pem")):
            self.assertRaises(RootsError, certificates_of, place)

    def test_where_the_distributions_keep_theirs(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT_")}
        self.patch(os, "environ", environment)
        first, second = self.folder / "first.pem", self.folder / "second.pem"
        self.patch(root_certificates, "_SYSTEM_FILES", (str(first), str(second)))
        text = str(self.assertRaises(RootsError, certificates_of, "system"))
        self.assertIn("keeps no roots where they are usually kept", text)
        for path, pem, der in ((second, PEM[1], DER[1]), (first, PEM[0], DER[0])):
            path.write_bytes(pem)
            self.assertEqual(certificates_of("system"), (str(path), (der,)))

    def test_the_places_that_are_known(self) -> None:
        self.assertEqual(
            root_certificates._SYSTEM_FILES,
            (
                "/etc/ssl/certs/ca-certificates.crt",
                "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                "/etc/pki/tls/certs/ca-bundle.crt",
                "/etc/ssl/ca-bundle.pem",
                "/etc/ssl/cert.pem",
            ),
        )
        self.assertEqual(root_certificates._SYSTEM_FOLDERS, ("/etc/ssl/certs", "/etc/pki/tls/certs"))
        watched = [place for place, *_ in cast(Any, root_certificates.look_at("system"))]
        self.assertEqual(watched[-7:], [*root_certificates._SYSTEM_FILES, *root_certificates._SYSTEM_FOLDERS])

    def test_words_of_what_cannot_be_read(self) -> None:
        missing = str(self.folder / "missing.pem")
        text = str(self.assertRaises(RootsError, certificates_of, missing))
        self.assertEqual(text, f"{missing}: No such file or directory")
        text = str(self.assertRaises(RootsError, certificates_of, str(self.folder)))
        self.assertEqual(text, f"{self.folder}: holds no PEM certificates that can be read")

    def test_old_words_of_a_block(self) -> None:
        path = self.folder / "roots.pem"
        path.write_bytes(PEM[0].replace(b"BEGIN ", b"BEGIN X509 ").replace(b"END ", b"END X509 "))
        self.assertEqual(certificates_of(str(path))[1], (DER[0],))

    def test_the_environment_s_folder(self) -> None:
        (self.folder / "0a1b2c3d.0").write_bytes(PEM[0])
        environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
        self.patch(os, "environ", {**environment, "SSL_CERT_DIR": str(self.folder)})
        self.assertEqual(certificates_of("system"), (str(self.folder), (DER[0],)))

    def test_system_honours_the_environment(self) -> None:
        path = self.folder / "system.pem"
        path.write_bytes(PEM[0])
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = str(path)
        try:
            self.assertEqual(certificates_of("system"), (str(path), (DER[0],)))
        finally:
            if before is None:
                del os.environ["SSL_CERT_FILE"]
            else:
                os.environ["SSL_CERT_FILE"] = before
