"""The drop folder on disk: who may do what, and what is no message."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.cli.dropping import Dropping
from fopemta.pickup.folder import DropFolder, Unusable
from fopemta.sendmail.dropped import Damaged, DroppedLetter, Head
from tests.pickup.house import CONTENT, LETTER, NOW

HOUR = 3600.0


class FolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.now = NOW
        self.folder = DropFolder(str(self.path), lambda: self.now)
        self.addCleanup(self.folder.rest)
        self.numbers = iter(range(1000))

    def ids(self) -> str:
        return f"BCDF{next(self.numbers):08d}"

    def drop(self, letter: DroppedLetter = LETTER, content: bytes = CONTENT) -> str:
        dropping = Dropping(str(self.path), letter, 0)
        dropping.write(content)
        dropping.finish()
        return dropping.name

    def claim(self, *wanted: str, most: int = 20) -> list[tuple[str, str]]:
        return self.folder.claim(wanted, most, self.ids)

    def taken(self) -> Path:
        """The one file that is taken."""
        [name] = os.listdir(self.path / "taken")
        return self.path / "taken" / name


class PrepareTests(FolderTests):
    def test_modes_under_any_umask(self) -> None:
        for mask in (0o077, 0o000, 0o022):
            before = os.umask(mask)
            try:
                path = Path(self.mktemp()).absolute() / "sub" / "drop"
                DropFolder(str(path), lambda: NOW).prepare()
            finally:
                os.umask(before)
            modes = {each: stat.S_IMODE((path / each).stat().st_mode) for each in ("", "new", "taken", "damaged")}
            self.assertEqual(modes, {"": 0o755, "new": 0o3733, "taken": 0o700, "damaged": 0o700})

    def test_again_is_harmless(self) -> None:
        self.folder.prepare()
        self.drop()
        self.folder.prepare()
        self.assertEqual(len(os.listdir(self.path / "new")), 1)

    def test_a_folder_that_is_open_is_not_used(self) -> None:
        self.folder.prepare()
        for mode in (0o777, 0o3777, 0o1733, 0o700):
            os.chmod(self.path / "new", mode)
            self.assertRaises(Unusable, self.folder.prepare)

    def test_what_is_no_folder_of_ours_is_not_used(self) -> None:
        self.path.mkdir()
        elsewhere = self.path.parent / "elsewhere"
        elsewhere.mkdir()
        os.chmod(elsewhere, 0o3733)
        (self.path / "new").symlink_to(elsewhere)
        self.assertRaises(Unusable, self.folder.prepare)

    def test_a_folder_on_the_way_that_is_closed_is_told(self) -> None:
        above = Path(self.mktemp()).absolute()
        above.mkdir(mode=0o700)
        os.chmod(above, 0o700)
        self.assertEqual(DropFolder(str(above / "drop"), lambda: NOW).prepare(), str(above))


class ClaimTests(FolderTests):
    def setUp(self) -> None:
        super().setUp()
        self.folder.prepare()

    def test_a_whole_file_gets_an_id(self) -> None:
        name = self.drop()
        [(found, message_id)] = self.claim()
        self.assertEqual(found, name)
        self.assertEqual(os.listdir(self.path / "new"), [])
        self.assertEqual(self.folder.left(), [message_id])

    def test_one_that_is_being_written_is_left(self) -> None:
        dropping = Dropping(str(self.path), LETTER, 0)
        dropping.write(CONTENT)
        self.assertEqual(self.claim(), [])
        dropping.finish()
        self.assertEqual(len(self.claim()), 1)

    def test_one_that_nobody_finishes_is_removed_in_the_end(self) -> None:
        dropping = Dropping(str(self.path), LETTER, 0)
        path = self.path / "new" / os.listdir(self.path / "new")[0]
        for age, there in ((35 * HOUR, True), (37 * HOUR, False)):
            os.utime(path, (self.now - age, self.now - age))
            self.claim()
            self.assertEqual(path.exists(), there)
        dropping.abort()

    def test_those_that_are_wanted_come_first(self) -> None:
        names = [self.drop() for _ in range(5)]
        found = self.claim(names[3], names[1], names[3], most=3)
        self.assertEqual([each for each, _ in found][:2], [names[3], names[1]])
        self.assertEqual(len(found), 3)

    def test_one_that_is_wanted_and_not_there_stops_nobody(self) -> None:
        name = self.drop()
        (self.path / "new" / ("e" * 32)).mkdir()
        found = self.claim("f" * 32, "../taken", "e" * 32, name)
        self.assertIn(name, [each for each, _ in found])

    def test_a_folder_that_cannot_be_moved_stops_nobody_and_a_file_is_trouble(self) -> None:
        """Another user's folder cannot be; of a file it means that the disk fails."""
        from fopemta.pickup import folder

        (self.path / "new" / ("e" * 32)).mkdir()
        name, real = self.drop(), os.rename

        def refuse(stuck: str) -> None:
            def rename(source: str, target: str) -> None:
                if source.endswith(stuck):
                    raise PermissionError(13, "Permission denied")
                real(source, target)

            self.patch(folder.os, "rename", rename)

        refuse(name)
        self.assertRaises(PermissionError, self.claim, name)
        refuse("e" * 32)
        self.assertEqual([each for each, _ in self.claim("e" * 32, name)], [name])

    def test_what_its_writer_removes_meanwhile_stops_nobody(self) -> None:
        """A folder that cannot be moved, and is gone when one looks what it is."""
        from fopemta.pickup import folder

        name, evil, real = self.drop(), self.path / "new" / ("e" * 32), os.rename
        evil.mkdir()

        def rename(source: str, target: str) -> None:
            if source == str(evil):
                evil.rmdir()
                raise PermissionError(13, "Permission denied")
            real(source, target)

        self.patch(folder.os, "rename", rename)
        self.assertEqual([each for each, _ in self.claim(name, evil.name)], [name])

    def test_what_was_moved_before_a_failure_is_not_forgotten(self) -> None:
        from fopemta.pickup import folder

        names = [self.drop() for _ in range(3)]
        real = os.rename

        def rename(source: str, target: str) -> None:
            if source.endswith(names[1]):
                raise OSError(28, "No space left on device")
            real(source, target)

        self.patch(folder.os, "rename", rename)
        self.assertEqual([each for each, _ in self.claim(*names)], [names[0], names[2]])
        self.assertRaises(OSError, self.claim)

    def test_what_could_not_be_made_durable_comes_with_the_next(self) -> None:
        from fopemta.pickup import folder

        def fsync(_: int) -> None:
            raise OSError(5, "Input/output error")

        first, real = self.drop(), os.fsync
        self.patch(folder.os, "fsync", fsync)
        self.assertRaises(OSError, self.claim)
        folder.os.fsync = real
        second = self.drop()
        found = self.claim()
        self.assertEqual([each for each, _ in found], [first, second])
        self.assertEqual(self.folder.left(), sorted(each for _, each in found))
        self.assertEqual(self.claim(), [])

    def test_a_name_leads_nowhere_else(self) -> None:
        (self.path / "secret").write_text("x")
        self.claim("../secret", "/etc/passwd", "tmp.x", ".")
        self.assertTrue((self.path / "secret").exists())
        self.assertEqual(self.folder.left(), [])

    def test_a_folder_full_of_folders_hides_nothing(self) -> None:
        """One look reads so many names at most, and the next goes on behind them."""
        self.patch_most(10)
        for number in range(35):
            (self.path / "new" / f"junk{number}").mkdir()
        name = self.drop()
        found = [each for _ in range(5) for each, _ in self.claim()]
        self.assertEqual(found, [name])

    def patch_most(self, most: int) -> None:
        from fopemta.pickup import folder

        self.patch(folder, "_MOST_NAMES", most)

    def test_what_is_taken_first_is_left_first(self) -> None:
        for _ in range(3):
            self.drop()
        ids = [each for _, each in self.claim()]
        (self.path / "taken" / "what else").write_text("x")
        self.assertEqual(self.folder.left(), sorted(ids))


class OpenTests(FolderTests):
    def setUp(self) -> None:
        super().setUp()
        self.folder.prepare()

    def damage(self, name: str, why: str) -> None:
        [(_, message_id)] = self.claim(name) if name else self.claim()
        with self.assertRaises(Damaged) as caught:
            self.folder.open(message_id)
        self.assertIn(why, str(caught.exception))

    def test_a_good_one(self) -> None:
        name = self.drop()
        os.utime(self.path / "new" / name, (NOW - 5, NOW - 5))
        [(_, message_id)] = self.claim()
        opened = self.folder.open(message_id)
        self.addCleanup(os.close, opened.descriptor)
        self.assertEqual((opened.uid, opened.written, opened.letter), (os.getuid(), NOW - 5, LETTER))
        self.assertEqual(os.read(opened.descriptor, 1000), CONTENT)

    def test_a_link_to_what_belongs_to_another(self) -> None:
        """Whoever has linked it would be taken for its writer."""
        name = self.drop()
        os.link(self.path / "new" / name, self.path / "other")
        self.damage(name, "another name")

    def test_a_symbolic_link(self) -> None:
        name = self.drop()
        os.rename(self.path / "new" / name, self.path / "good")
        (self.path / "new" / ("a" * 32)).symlink_to(self.path / "good")
        self.damage("", "no plain file")

    def test_a_fifo_makes_nobody_wait(self) -> None:
        os.mkfifo(self.path / "new" / ("a" * 32))
        self.damage("", "no plain file")

    def test_a_folder(self) -> None:
        (self.path / "taken" / "BCDF00000000").mkdir()
        self.assertRaises(Damaged, self.folder.open, "BCDF00000000")

    def test_any_other_file(self) -> None:
        (self.path / "new" / "README").write_text("hello, this is no message at all, but long enough to be read")
        self.damage("", "does not begin")

    def test_one_that_is_too_short_or_too_long(self) -> None:
        for change in (-1, 1):
            name = self.drop()
            path = self.path / "new" / name
            os.truncate(path, path.stat().st_size + change)
            self.damage(name, "octets and not the")

    def test_one_with_an_envelope_of_nonsense(self) -> None:
        head = Head(2, 0, 0).octets()
        (self.path / "new" / ("b" * 32)).write_bytes(head + b"[]")
        self.damage("b" * 32, "no object")

    def test_what_is_gone(self) -> None:
        self.assertRaises(FileNotFoundError, self.folder.open, "BCDF00000000")

    def test_descriptors_are_given_back(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            (self.path / "new" / ("b" * 32)).write_bytes(b"x" * 100)
            self.damage("b" * 32, "does not begin")
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class RemoveTests(FolderTests):
    def test_removed_and_put_aside(self) -> None:
        self.folder.prepare()
        for _ in range(3):
            self.drop()
        first, second, third = [each for _, each in self.claim()]
        self.folder.remove([first, "BCDF99999999"])
        self.folder.put_aside(second)
        self.assertEqual(self.folder.left(), [third])
        self.assertEqual(os.listdir(self.path / "damaged"), [second])
