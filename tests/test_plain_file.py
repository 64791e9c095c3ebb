"""Files that an operator names: nothing else is opened, and nothing is waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta import plain_file
from fopemta.outbound import host_memory
from fopemta.plain_file import check_plain, open_plain, open_to_others, read_plain
from fopemta.policy.recipient_list import parse
from fopemta.recipients import files
from fopemta.server import configuration_file
from fopemta.server.log_file import AppendedFile
from fopemta.settings.errors import ConfigurationErrors
from fopemta.tls.credentials import CredentialsError, load
from fopemta.tls.root_certificates import certificates_of
from fopemta.tls.roots import RootsError, trust
from fopemta.trust.plan import CertificateFiles
from fopemta.users import secret, user_file


def special_files(folder: Path) -> dict[str, Path]:
    """One of each kind that may stand in a file's place, and links to them."""
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    here = os.getcwd()
    os.chdir(folder)  # a socket's path must be short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("socket")
    finally:
        os.chdir(here)
    found = {name: folder / name for name in ("fifo", "folder", "socket")} | {"device": Path("/dev/zero")}
    for name, path in list(found.items()):
        found[f"link to {name}"] = folder / f"link-{name}"
        found[f"link to {name}"].symlink_to(path.absolute())
    return found


class ReplacingTests(SynchronousTestCase):
    def test_the_old_content_stays_until_the_new_one_is_whole(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "kept"
        plain_file.replace_durably(str(path), b"old")
        self.assertEqual((path.read_bytes(), path.stat().st_mode & 0o777), (b"old", 0o600))
        self.patch(os, "fsync", lambda _: 1 // 0)
        self.assertRaises(ZeroDivisionError, plain_file.replace_durably, str(path), b"new")
        self.assertEqual([(each.name, each.read_bytes()) for each in folder.iterdir()], [("kept", b"old")])


class PlainFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.special = special_files(self.folder)
        self.path = self.folder / "plain"
        self.path.write_bytes(b"content")

    def test_a_plain_file_and_a_link_to_one(self) -> None:
        (self.folder / "link").symlink_to("plain")
        for path in (self.path, self.folder / "link"):
            content, status = read_plain(str(path))
            self.assertEqual((content, status.st_ino), (b"content", os.stat(self.path).st_ino))
            check_plain(str(path))

    def test_nothing_else_is_opened(self) -> None:
        for name, path in self.special.items():
            for attempt in (
                lambda path=path: read_plain(str(path)),
                lambda path=path: check_plain(str(path)),
                lambda path=path: open_plain(str(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT),
            ):
                error = self.assertRaises(OSError, attempt)
                self.assertEqual(error.strerror, "Is a directory" if "folder" in name else "Not a plain file", name)

    def test_within_bounds(self) -> None:
        self.assertEqual(read_plain(str(self.path), 7)[0], b"content")
        self.assertEqual(self.assertRaises(OSError, read_plain, str(self.path), 6).strerror, "larger than 6 octets")
        # A file of /proc says that it has no octets.
        self.assertRaises(OSError, read_plain, "/proc/self/status", 10)
        self.assertRaises(FileNotFoundError, read_plain, str(self.folder / "none"))

    def test_a_descriptor_waits_as_usual_and_is_not_inherited(self) -> None:
        descriptor = open_plain(str(self.folder / "new"), os.O_WRONLY | os.O_CREAT, 0o640)
        self.addCleanup(os.close, descriptor)
        self.assertEqual((os.get_blocking(descriptor), os.get_inheritable(descriptor)), (True, False))
        self.assertEqual(os.fstat(descriptor).st_mode & 0o777, 0o640)
        self.assertRaises(FileNotFoundError, open_plain, str(self.folder / "none"), os.O_RDONLY)


class EveryReaderTests(SynchronousTestCase):
    """Whatever reads or writes a file that the configuration names."""

    def readers(self) -> dict[str, tuple[Callable[[str], object], type[Exception]]]:
        return {
            "configuration": (configuration_file.read, ConfigurationErrors),
            "recipients": (lambda path: files.read(path, parse), files.FileUnsound),
            "users": (user_file.read, user_file.UserFileUnsound),
            "users, written": (lambda path: user_file.edit(path, lambda text: text), OSError),
            "certificate": (lambda path: load(CertificateFiles(path, path)), CredentialsError),
            "roots, looked at": (certificates_of, RootsError),
            "roots": (lambda path: trust(_Context(), path), RootsError),  # type: ignore[arg-type]
            "hosts": (host_memory.read, OSError),
            "log": (AppendedFile, OSError),
        }

    def test_none_waits(self) -> None:
        special = special_files(Path(self.mktemp()))
        for reader, (read, wrong) in self.readers().items():
            for name, path in special.items():
                if "folder" in name and "roots" in reader:
                    continue  # roots may be one
                with self.assertRaises(wrong, msg=f"{reader}: {name}"):
                    read(str(path))

    def test_rules(self) -> None:
        folder = Path(self.mktemp())
        for path in special_files(folder).values():
            main = folder / "fopemta.toml"
            main.write_text(
                f'rules = "{path.absolute()}"\n[node]\nhostname = "a.test"\npostmaster = "p@a.test"\n[[listener]]\n'
                'endpoint = "tcp:25"\n[[route]]\ndomain = "a.test"\nvia = "maildir:m/{local_part}"\n'
            )
            errors = self.assertRaises(ConfigurationErrors, configuration_file.read, str(main)).errors
            self.assertEqual([each.key for each in errors], ["rules"])

    def test_a_secret_and_roots_by_hash(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        os.mkfifo(folder / "login-secret")
        self.assertRaises(secret.SecretUnusable, secret.kept_secret, str(folder))
        os.mkfifo(folder / "0a1b2c3d.0")
        self.assertRaises(RootsError, trust, _Context(), str(folder))


class _Context:
    """An OpenSSL context that nothing may reach."""


class OpenToOthersTests(SynchronousTestCase):
    def test_each_step_of_the_way(self) -> None:
        folder = Path(self.mktemp())
        inner = folder / "a" / "b"
        inner.mkdir(parents=True)
        file = inner / "log"
        file.touch(0o644)
        self.assertIsNone(open_to_others(str(file)))
        for path in (file, inner, folder / "a"):
            before = path.stat().st_mode
            path.chmod(before | 0o002)
            self.assertEqual(open_to_others(str(file)), str(path.absolute()))
            self.assertEqual(open_to_others(str(inner / "c" / "d")), None if path == file else str(path.absolute()))
            path.chmod(before)
        inner.chmod(0o1777)
        self.assertIsNone(open_to_others(str(file)))
        (inner / "link").symlink_to("log")
        self.assertIsNone(open_to_others(str(inner / "link")))
