"""C094: every kind of file with every kind of damage goes to corrupt/ with its reason, and stops nothing."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping

import orjson
from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.layout import MessageFiles, SpoolLayout
from fopemta.formats.record import SEGMENT_HEADER_SIZE
from fopemta.formats.waiting_file import pack_line
from fopemta.interfaces import UnknownMessage
from fopemta.spool.looking.reader import PartitionReader
from fopemta.spool.quarantine import Quarantine
from fopemta.testing.disk import Call, DoubleDisk
from tests.spool.life import DIRECTORY, Life

CORRUPT = f"{DIRECTORY}/corrupt"
RANDOM = bytes(range(256)) * 20
# What is done to a file, by name; None where the file is taken away.
DAMAGES: Mapping[str, Callable[[bytes], bytes | None]] = {
    "gone": lambda whole: None,
    "empty": lambda whole: b"",
    "zeros": lambda whole: bytes(len(whole)),
    "half": lambda whole: whole[: len(whole) // 2],
    "one octet less": lambda whole: whole[:-1],
    "one octet more": lambda whole: whole + b"x",
    "one octet wrong in front": lambda whole: bytes([whole[0] ^ 1]) + whole[1:],
    "random": lambda whole: RANDOM,
    "alien": lambda whole: b"#!/bin/sh\nexit 0\n",
}

# What becomes of a waiting message: the reason, or "" where nothing was lost.
OF_MESSAGE = {
    "gone": "message is gone",
    "empty": "file is empty",
    "zeros": "file is empty",
    "half": "file ends within its head",
    "one octet less": "content has 6 octets, should have 7",
    "one octet more": "content has 8 octets, should have 7",
    "one octet wrong in front": "not a message file",
    "random": "not a message file",
    "alien": "not a message file",
    "future": "message file of another version: b'fopemta-message 2 ",
    "another's": "another message's file",
}
OF_JOURNAL = {
    "gone": "message without its journal",
    "empty": "journal is empty",
    "zeros": "no line of the journal is whole",
    # A torn last line was never acknowledged; the one before it was.
    "half": "",
    "one octet less": "",
    "one octet more": "",
    "one octet wrong in front": "journal is damaged in the middle",
    "random": "no line of the journal is whole",
    "alien": "no line of the journal is whole",
    "future": "not what it should be: ",
}
OF_BODY = {
    "gone": "its content is gone",
    "empty": "content has 0 octets, should have 300000",
    "half": "content has 150000 octets, should have 300000",
    "one octet more": "content has 300001 octets, should have 300000",
}
# Of a segment with one message: the reason, and whether the message is still found.
OF_SEGMENT = {
    "random": ("neither a segment's header nor records in it", False),
    "alien": ("neither a segment's header nor records in it", False),
    "one octet wrong in front": ("segment header is damaged", True),
    "future": ("segment of another version: b'fopemta intake segment 2'", True),
    "future, and nothing known in it": ("segment of another version: b'fopemta intake segment 2'", False),
}


class DamageTests(SynchronousTestCase):
    def damaged(self, path: str, disk: DoubleDisk, damage: Callable[[bytes], bytes | None]) -> list[str]:
        """The reasons that a start gives for what it puts aside, each once."""
        octets = damage(disk.content(path))
        if octets is None:
            disk.unlink(path)
        else:
            disk.put(path, octets)
        life = Life(disk)
        self.found = [message.id for message in life.start()]
        told = {each.what: each.why for each in life.spool.put_aside()}
        aside = disk.tree(CORRUPT)
        self.assertEqual(len(aside), 2 * len(told))
        for name in aside:
            if name.endswith(".reason"):
                what, _, why = disk.content(name).decode("utf-8", "replace").rstrip("\n").partition(": ")
                self.assertEqual(told[what], why)
        return sorted(set(told.values()))

    def waiting(self, content: bytes) -> tuple[DoubleDisk, MessageFiles, str]:
        """A disk with one message that is damaged, and a sound one."""
        life = Life(DoubleDisk())
        life.start()
        ids = [life.put(content), life.put(b"sound\r\n")]
        for message_id in ids:
            life.deferred_once(message_id)
            life.settle(life.spool.defer(message_id))
            life.deferred_once(message_id, attempt=2)
        life.pass_time(21)  # until it is in the journal
        life.settle(life.spool.stop())
        return life.disk, MessageFiles(f"{DIRECTORY}/deferred", ids[0]), ids[1]

    def check(self, part: str, content: bytes, table: Mapping[str, str], more: Mapping[str, object]) -> None:
        for name, reason in table.items():
            disk, files, sound = self.waiting(content)
            damage = DAMAGES.get(name) or more[name]
            reasons = self.damaged(getattr(files, part), disk, damage)  # type: ignore[arg-type]
            if reason:
                self.assertEqual(len(reasons), 1, (part, name, reasons))
                self.assertTrue(reasons[0].startswith(reason), (part, name, reasons))
                self.assertEqual(self.found, [sound], (part, name))
            else:
                self.assertEqual((reasons, sorted(self.found)), ([], sorted([sound, files.message_id])), (part, name))

    def test_C094_message_files(self) -> None:
        more = {
            "future": lambda whole: whole.replace(b"message 1", b"message 2", 1),
            "another's": lambda whole: self.waiting_file_of_another(),
        }
        self.check("message", b"waits\r\n", OF_MESSAGE, more)

    def waiting_file_of_another(self) -> bytes:
        disk, _, other = self.waiting(b"other\r\n")
        return disk.content(MessageFiles(f"{DIRECTORY}/deferred", other).message)

    def test_C094_journals(self) -> None:
        self.check("journal", b"waits\r\n", OF_JOURNAL, {"future": lambda whole: pack_line(b'{"format":2}')})

    def test_C094_bodies(self) -> None:
        self.check("body", b"large" * 60_000, OF_BODY, {})

    def test_C094_segments(self) -> None:
        def future(whole: bytes) -> bytes:
            return whole.replace(b"segment 1\n", b"segment 2\n", 1)

        more = {"future": future, "future, and nothing known in it": lambda whole: future(whole)[:64] + RANDOM}
        for name, (reason, survives) in OF_SEGMENT.items():
            life = Life(DoubleDisk())
            life.start()
            kept = life.put(b"one\r\n")
            life.settle(life.spool.stop())
            (path,) = [each for each in life.disk.tree(f"{DIRECTORY}/intake") if each.endswith(".log")]
            reasons = self.damaged(path, life.disk, DAMAGES.get(name) or more[name])
            self.assertEqual((reasons, self.found), ([reason], [kept] if survives else []), name)

    def test_C094_a_record_of_a_future_version_hides_no_other(self) -> None:
        life = Life(DoubleDisk())
        life.start()
        life.put(b"future\r\n")
        kept = life.put(b"kept\r\n")
        life.finish(life.put(b"flushed after\r\n"))
        life.settle(life.spool.stop())
        (path,) = [each for each in life.disk.tree(f"{DIRECTORY}/intake") if each.endswith(".log")]

        def newer(whole: bytes) -> bytes:
            octets = bytearray(whole)
            octets[SEGMENT_HEADER_SIZE + 4] = 2
            return bytes(octets)

        self.assertEqual(len(self.damaged(path, life.disk, newer)), 1)
        self.assertEqual(self.found, [kept])

    def test_files_that_vanish_while_it_runs_are_told_of(self) -> None:
        disk, files, sound = self.waiting(b"waits\r\n")
        life = Life(disk)
        life.start()
        disk.unlink(files.message)
        for _ in range(2):
            self.assertRaises(UnknownMessage, life.settle, life.spool.load(files.message_id))
        told = [(each.what, each.why) for each in life.spool.put_aside()]
        self.assertEqual(told, [(files.message, "its files are gone")])
        self.assertEqual([orjson.loads(each)["id"] for each in life.spool.listing()], [sound])

    def test_one_that_has_ended_has_not_vanished(self) -> None:
        disk, files, _ = self.waiting(b"waits\r\n")
        life = Life(disk)
        life.start()
        life.finish(files.message_id)
        self.assertRaises(UnknownMessage, life.settle, life.spool.load(files.message_id))
        self.assertEqual(list(life.spool.put_aside()), [])

    def test_what_cannot_be_put_aside_leaves_no_reason(self) -> None:
        life = Life(DoubleDisk())
        life.start()
        disk = life.disk
        disk.make_folder(f"{DIRECTORY}/intake/folder")

        def no_second_name(call: Call) -> None:
            if call.name == "link":
                raise OSError(errno.EPERM, "Operation not permitted")

        disk.before = no_second_name
        self.assertRaises(OSError, Quarantine(disk, SpoolLayout(DIRECTORY)).put_file, f"{DIRECTORY}/intake/folder", "?")
        self.assertEqual(disk.tree(CORRUPT), [])

    def test_list_of_a_stopped_spool_does_without_what_the_disk_does_not_give(self) -> None:
        disk, files, sound = self.waiting(b"waits\r\n")

        def sick(number: int) -> Callable[[Call], None]:
            def before(call: Call) -> None:
                if call.name == "open" and call.path == files.journal:
                    raise OSError(number, "x")

            return before

        disk.before = sick(errno.EIO)
        self.assertEqual([row["id"] for row in PartitionReader(DIRECTORY, disk).listing().rows()], [sound])
        disk.before = sick(errno.EMFILE)
        self.assertRaises(OSError, list, PartitionReader(DIRECTORY, disk).listing().rows())
