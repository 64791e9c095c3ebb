"""The roots: those that would trust nobody are an error."""

from __future__ import annotations

import os

from OpenSSL import SSL, crypto
from twisted.trial.unittest import SynchronousTestCase

from fopemta.tls.client import ClientTls
from fopemta.tls.roots import RootsError, trust
from fopemta.tls.server import ServerTls
from fopemta.trust.pkix import judge
from tests.tls.handshakes import AUTHORITY, credentials, shake


class RootsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)

    def authenticated(self, roots: str) -> bool:
        server = ServerTls([credentials(AUTHORITY.leaf("mx.test"))])
        _, _, evidence = shake(ClientTls(roots), server.creator())
        assert evidence is not None
        return judge(evidence, ("mx.test",), AUTHORITY.now.timestamp()).authenticated

    def error(self, roots: str) -> str:
        return str(self.assertRaises(RootsError, trust, SSL.Context(SSL.TLS_CLIENT_METHOD), roots))

    def test_file(self) -> None:
        self.assertTrue(self.authenticated(AUTHORITY.write_root(self.folder)))

    def test_folder_named_by_hash(self) -> None:
        path = AUTHORITY.write_root(self.folder)
        hashed = f"{crypto.X509.from_cryptography(AUTHORITY.root).subject_name_hash():08x}.0"
        os.rename(path, os.path.join(self.folder, hashed))
        self.assertTrue(self.authenticated(self.folder))

    def test_other_files_in_a_folder_do_not_matter(self) -> None:
        hashed = f"{crypto.X509.from_cryptography(AUTHORITY.root).subject_name_hash():08x}.0"
        os.rename(AUTHORITY.write_root(self.folder), os.path.join(self.folder, hashed))
        AUTHORITY.write_root(self.folder, "readme")
        self.assertTrue(self.authenticated(self.folder))

    def test_folder_that_openssl_would_pass_over(self) -> None:
        AUTHORITY.write_root(self.folder)
        self.assertIn("openssl rehash", self.error(self.folder))

    def test_missing_and_unreadable_files(self) -> None:
        self.assertEqual(self.error("/nowhere/roots.pem"), "/nowhere/roots.pem: No such file or directory")
        path = os.path.join(self.folder, "empty.pem")
        with open(path, "w"):
            pass
        self.assertEqual(self.error(path), f"{path}: holds no PEM certificates that can be read")

    def test_R22_an_authority_of_ones_own_is_trusted_only_where_it_is_configured(self) -> None:
        self.assertFalse(self.authenticated("system"))
