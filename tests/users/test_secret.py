"""The secret behind false salts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.users.secret import SecretUnusable, kept_secret


class SecretTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(os.path.abspath(self.mktemp()))
        self.file = self.folder / "login-secret"

    def test_is_made_once(self) -> None:
        secret = kept_secret(str(self.folder))
        self.assertEqual(len(secret), 32)
        self.assertEqual(kept_secret(str(self.folder)), secret)
        self.assertEqual((self.file.stat().st_mode & 0o777, os.listdir(self.folder)), (0o600, ["login-secret"]))
        self.file.unlink()
        self.assertNotEqual(kept_secret(str(self.folder)), secret)

    def test_is_on_the_disk_before_it_is_there(self) -> None:
        """A power cut leaves no empty one, with which nobody could log in by SCRAM."""
        flushed: list[int | str] = []
        fsync, replace = os.fsync, os.replace

        def note(descriptor: int) -> None:
            status = os.fstat(descriptor)
            flushed.append("folder" if stat.S_ISDIR(status.st_mode) else status.st_size)
            fsync(descriptor)

        self.patch(os, "fsync", note)
        self.patch(os, "replace", lambda here, there: (self.assertEqual(flushed, [32]), replace(here, there)))
        kept_secret(str(self.folder))
        self.assertEqual(flushed, [32, "folder"])

    def test_unusable(self) -> None:
        self.folder.mkdir()
        self.file.write_bytes(b"short")
        with self.assertRaisesRegex(SecretUnusable, "login-secret: does not hold 32 octets"):
            kept_secret(str(self.folder))
        with self.assertRaisesRegex(SecretUnusable, "Not a directory|File exists"):
            kept_secret(str(self.file))
