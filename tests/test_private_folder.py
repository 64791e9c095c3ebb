"""Folders with all that lead to them, closed to others under any umask."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.private_folder import make_private_folder, make_private_folders


class PrivateFolderTests(SynchronousTestCase):
    def with_umask(self, umask: int) -> None:
        self.addCleanup(os.umask, os.umask(umask))

    def test_under_any_umask(self) -> None:
        for umask in (0o000, 0o022, 0o077, 0o277, 0o777):
            root = Path(self.mktemp())
            root.mkdir(0o755)
            root.chmod(0o755)
            self.with_umask(umask)
            make_private_folders(f"{root}/a/b/c/")
            os.umask(0o022)
            modes = [(root / name).stat().st_mode & 0o777 for name in ("", "a", "a/b", "a/b/c")]
            self.assertEqual(modes, [0o755, 0o700, 0o700, 0o700], oct(umask))

    def test_what_is_there_stays_as_it_is(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        folder.chmod(0o750)
        make_private_folders(str(folder))
        self.assertEqual(folder.stat().st_mode & 0o777, 0o750)
        self.assertRaises(FileExistsError, make_private_folder, str(folder))

    def test_what_is_no_folder_is_an_error(self) -> None:
        path = Path(self.mktemp())
        path.write_text("")
        self.assertRaises(FileExistsError, make_private_folders, str(path))
        self.assertRaises(FileExistsError, make_private_folders, f"{path}/a")

    def test_relative_to_where_we_are(self) -> None:
        name = self.mktemp()
        os.mkdir(name)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(name)
        make_private_folders("a/b")
        self.assertEqual(os.stat("a").st_mode & 0o777, 0o700)
