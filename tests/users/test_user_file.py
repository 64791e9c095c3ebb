"""The user file on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.users import user_file
from fopemta.users.user_file import UserFile, UserFileUnsound, edit, read
from tests.users.accounts import ALICE, BOB, TEXT, caught, write


class Folder(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(os.path.abspath(self.mktemp()))
        folder.mkdir()
        self.path = folder / "users"


class ReadTests(Folder):
    def test_unusable(self) -> None:
        with self.assertRaises(FileNotFoundError):
            read(str(self.path))
        self.path.write_bytes(b"\xff")
        os.chmod(self.path, 0o600)
        with self.assertRaisesRegex(UserFileUnsound, "users: not UTF-8 at octet 0"):
            read(str(self.path))
        for mode, good in ((0o600, True), (0o640, True), (0o604, False), (0o602, False)):
            write(self.path, TEXT, mode)
            if good:
                self.assertEqual(len(read(str(self.path)).by_name), 2)
            else:
                with self.assertRaisesRegex(UserFileUnsound, "others may read or change it"):
                    read(str(self.path))
        write(self.path, "x\ny\n")
        with self.assertRaises(UserFileUnsound) as unsound:
            read(str(self.path))
        self.assertEqual([each.split(": ")[1] for each in unsound.exception.reasons], ["line 1", "line 2"])

    def test_folder_instead(self) -> None:
        with self.assertRaisesRegex(UserFileUnsound, "Is a directory"):
            read(str(self.path.parent))


class UserFileTests(Folder):
    def names(self, file: UserFile) -> list[str]:
        return list(file.accounts().by_name)

    def test_change_is_noticed(self) -> None:
        write(self.path)
        file = UserFile(str(self.path))
        self.assertEqual(self.names(file), ["alice", "bob"])
        self.assertIs(file.accounts(), file.accounts())
        write(self.path, BOB)
        self.assertEqual(self.names(file), ["bob"])
        # In place, too.
        self.path.write_text(ALICE)
        self.assertEqual(self.names(file), ["alice"])

    def test_file_that_comes_later(self) -> None:
        file = UserFile(str(self.path))
        self.assertEqual(caught(lambda: self.names(file)), [])
        self.assertEqual(self.names(file), [])
        write(self.path)
        self.assertEqual(self.names(file), ["alice", "bob"])

    def test_what_cannot_be_used_changes_nothing_and_is_told_once(self) -> None:
        write(self.path)
        file = UserFile(str(self.path))
        self.names(file)
        for spoil, words in (
            (lambda: write(self.path, BOB + "\nnonsense\n"), "line 2: "),
            (lambda: write(self.path, BOB, 0o644), "others may read"),
            (self.path.unlink, "no such file any more"),
        ):
            spoil()
            events = caught(lambda: self.assertEqual(self.names(file), ["alice", "bob"]))
            self.assertEqual([each["event"] for each in events], ["users_refused"])
            self.assertIn(words, "; ".join(events[0]["errors"]))
            self.assertEqual(caught(lambda: self.names(file)), [])
        write(self.path, BOB)
        self.assertEqual(self.names(file), ["bob"])

    def test_who_was_there_before_may_log_in_while_it_is_read_anew(self) -> None:
        write(self.path)
        reading: list[tuple[Deferred[Any], Any]] = []

        def in_thread(call: Any, *arguments: Any) -> Deferred[Any]:
            reading.append((Deferred(), lambda: call(*arguments)))
            return reading[-1][0]

        file = UserFile(str(self.path), in_thread)
        self.assertEqual((self.names(file), reading), (["alice", "bob"], []))
        write(self.path, BOB)
        self.assertEqual([self.names(file), self.names(file)], [["alice", "bob"]] * 2)
        [(done, read_it)] = reading
        done.callback(read_it())
        self.assertEqual((self.names(file), len(reading)), (["bob"], 1))
        write(self.path)
        self.names(file)
        reading[-1][0].errback(ZeroDivisionError("a bug"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        # Not read again until it changes: a bug would be met at every login.
        self.assertEqual((self.names(file), len(reading)), (["bob"], 2))

    def test_mode_set_right_is_a_change(self) -> None:
        write(self.path, TEXT, 0o644)
        file = UserFile(str(self.path))
        self.assertEqual(self.names(file), [])
        os.chmod(self.path, 0o600)
        self.assertEqual(self.names(file), ["alice", "bob"])

    def test_cautions(self) -> None:
        file = UserFile(str(self.path))
        self.assertIn("nobody can log in", file.cautions(False)[0])
        write(self.path)
        self.assertEqual(file.cautions(False), ())
        self.assertIn("1 users have no SCRAM verifier", file.cautions(True)[0])


class EditTests(Folder):
    def test_made_with_its_folder(self) -> None:
        path = self.path.parent / "new" / "users"
        edit(str(path), lambda text: text + ALICE)
        self.assertEqual((path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777), (0o600, 0o700))
        self.assertEqual(list(read(str(path)).by_name), ["alice"])

    def test_mode_is_made_strict(self) -> None:
        write(self.path, TEXT, 0o644)
        edit(str(self.path), lambda text: text)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_what_root_has_written_belongs_to_whom_it_belonged_to(self) -> None:
        write(self.path)
        real = user_file.read_plain

        def of_another(path: str) -> Any:
            found = list(os.stat(path))
            return real(path)[0], os.stat_result([*found[:4], 4711, 815, *found[6:10]])

        self.patch(user_file, "read_plain", of_another)
        for user, wanted in ((0, [(4711, 815)]), (1000, [])):
            owners: list[tuple[int, int]] = []
            self.patch(os, "geteuid", lambda user=user: user)
            self.patch(os, "fchown", lambda _, user, group, owners=owners: owners.append((user, group)))
            edit(str(self.path), lambda text: text)
            self.assertEqual(owners, wanted)

    def test_a_change_is_on_the_disk_before_it_is_said_to_be_made(self) -> None:
        """The file before it takes the old one's place, then the folder in which it does."""
        write(self.path)
        done: list[str] = []
        fsync, replace = os.fsync, os.replace

        def flushed(descriptor: int) -> None:
            done.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
            fsync(descriptor)

        self.patch(os, "fsync", flushed)
        self.patch(os, "replace", lambda here, there: (done.append("replaced"), replace(here, there)))
        edit(str(self.path), lambda text: text)
        self.assertEqual(done, ["file", "replaced", "folder"])

    def test_nothing_is_left_of_a_change_that_fails(self) -> None:
        write(self.path)

        def fails(text: str) -> str:
            raise UserFileUnsound("no")

        with self.assertRaises(UserFileUnsound):
            edit(str(self.path), fails)
        with self.assertRaises(UnicodeEncodeError):
            edit(str(self.path), lambda text: "\ud800")
        self.assertEqual(self.path.read_text(), TEXT)
        self.assertEqual(sorted(each.name for each in self.path.parent.iterdir()), ["users", "users.lock"])

    def test_other_lines_and_ends_stay(self) -> None:
        self.path.write_bytes(b"# a\r\n\x0c# b\xe2\x80\xa8c\n")
        edit(str(self.path), lambda text: text)
        self.assertEqual(self.path.read_bytes(), b"# a\r\n\x0c# b\xe2\x80\xa8c\n")
