"""A chain verified once more, against roots of a rule."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import Authority
from fopemta.tls.against import OtherRoots
from fopemta.tls.root_certificates import look_at
from fopemta.trust.evidence import ChainError
from tests.tls.handshakes import AUTHORITY, FromContext, client_tls, server_context, shake

OTHERS = Authority("others")


class AgainstTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.leaf = OTHERS.leaf("mx.test")
        _, _, evidence = shake(client_tls(), FromContext(server_context(self.leaf)))
        assert evidence is not None
        self.evidence = evidence
        self.assertTrue(evidence.chain_errors)

    def test_a_file(self) -> None:
        other, path = OtherRoots(), OTHERS.write_root(self.folder)
        found = other.against(self.evidence, path)
        self.assertEqual(other.looked, {path: look_at(path)})
        path = tuple(each.public_bytes(Encoding.DER) for each in (*self.leaf.chain, OTHERS.root))
        # All else is the handshake's.
        self.assertEqual(found, attrs.evolve(self.evidence, chain_errors=(), verified=path))

    def test_a_folder(self) -> None:
        hashed = f"{crypto.X509.from_cryptography(OTHERS.root).subject_name_hash():08x}.0"
        os.rename(OTHERS.write_root(self.folder), self.folder / hashed)
        found = OtherRoots().against(self.evidence, str(self.folder))
        self.assertEqual((found.chain_errors, len(found.verified), found.judging_error), ((), 3, None))

    def test_who_is_not_trusted(self) -> None:
        found = OtherRoots().against(self.evidence, AUTHORITY.write_root(self.folder))
        [error] = found.chain_errors
        self.assertEqual((error.code, error.depth, found.verified), (20, 1, ()))
        self.assertEqual(error.words, "the issuer is neither sent nor among the roots")

    def test_each_file_is_read_once(self) -> None:
        other = OtherRoots()
        path = OTHERS.write_root(self.folder)
        self.assertEqual(other.against(self.evidence, path).chain_errors, ())
        os.unlink(path)
        self.assertEqual(other.against(self.evidence, path).chain_errors, ())
        self.assertEqual(OtherRoots().against(self.evidence, path).judging_error, "Error")

    def test_what_cannot_be_judged_is_not(self) -> None:
        path = OTHERS.write_root(self.folder)
        failed = attrs.evolve(self.evidence, judging_error="OSError")
        nothing = attrs.evolve(self.evidence, chain=())
        for evidence in (failed, nothing):
            self.assertIs(OtherRoots().against(evidence, path), evidence)
        rubbish = OtherRoots().against(attrs.evolve(self.evidence, chain=(b"x",)), path)
        self.assertEqual((rubbish.judging_error, rubbish.verified), ("ValueError", self.evidence.verified))
        gone = OtherRoots().against(self.evidence, str(self.folder / "gone.pem"))
        self.assertEqual(gone.judging_error, "Error")

    def test_faults_that_have_a_depth(self) -> None:
        late = Authority("late", root_days=(-9, -2))
        _, _, evidence = shake(client_tls(), FromContext(server_context(late.leaf("mx.test"))))
        assert evidence is not None
        found = OtherRoots().against(evidence, late.write_root(self.folder, "late"))
        self.assertEqual(found.chain_errors, (ChainError(10, 2, "certificate has expired"),))
