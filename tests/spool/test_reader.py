"""A spool that is read from outside: every message once, wherever it is, with all that was written down of it."""

from __future__ import annotations

import errno

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.formats.layout import MessageFiles
from fopemta.interfaces import ISpoolListing, ISpoolReader
from fopemta.spool.looking.reader import PartitionReader, SpoolReader
from fopemta.testing.disk import Call, DoubleDisk
from fopemta.trust.verdict import Result
from tests.spool.contract import BOB, verdict
from tests.spool.life import DIRECTORY, Life

SMALL, LARGE = b"small\r\n", b"large\r\n" * 60_000


def fail_to_unlink(call: Call) -> None:
    if call.name == "unlink":
        raise OSError(errno.EIO, "fault")


class ReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.disk = DoubleDisk()
        self.life = Life(self.disk)
        self.life.start()
        # By content and place; each has an outcome.
        self.ids: dict[str, tuple[bytes, bool]] = {}
        for content in (SMALL, LARGE):
            for waits in (False, True):
                message_id = self.life.put(content)
                self.life.deferred_once(message_id)
                if waits:
                    self.life.settle(self.life.spool.defer(message_id))
                self.ids[message_id] = (content, waits)
        self.finished = self.life.put(b"finished\r\n")
        self.life.finish(self.finished)

    def reader(self) -> PartitionReader:
        return PartitionReader(DIRECTORY, self.disk)

    def test_keeps_the_promises_of_its_interface(self) -> None:
        for reader in (self.reader(), SpoolReader(DIRECTORY, self.disk)):
            verifyObject(ISpoolReader, reader)
            verifyObject(ISpoolListing, reader.listing())

    def test_each_is_found_with_its_history_and_its_content(self) -> None:
        for message_id, (content, _) in self.ids.items():
            reader = self.reader()
            found = reader.find(message_id)
            assert found is not None
            self.assertEqual(found.message, self.life.settle(self.life.spool.load(message_id)))
            self.assertEqual(list(found.history), self.life.ledger.told[message_id])
            self.assertEqual(b"".join(reader.content(message_id)), content)
            self.assertFalse(any(self.disk.is_open(f"{DIRECTORY}/bodies/{message_id}") for _ in "x"))

    def test_each_is_listed_once_and_what_is_finished_is_not(self) -> None:
        listing = self.reader().listing()
        self.assertEqual([each["id"] for each in listing.rows()], sorted(self.ids))
        self.assertEqual(len(listing), 4)
        self.assertEqual([each["id"] for each in listing.rows(1, 3)], sorted(self.ids)[1:3])
        for nobody in (self.finished, "0BCDFGHJKM7777"):
            self.assertIsNone(self.reader().find(nobody))
            self.assertRaises(FileNotFoundError, list, self.reader().content(nobody))

    def test_what_is_in_both_places_counts_where_it_waits(self) -> None:
        """The power has failed before the completion of the move was written."""
        message_id = self.life.put(b"moves\r\n")
        before = self.disk.content(self.log())
        self.life.settle(self.life.spool.defer(message_id))
        self.life.settle(
            self.life.spool.record(message_id, [verdict(BOB, Result.DEFERRED, message_id, attempt=4)], False)
        )
        self.life.pass_time(21)  # until it is in the journal
        file = self.disk.open(self.log(), writing=True)
        self.disk.truncate(file, 0)
        self.disk.write_at(file, before, 0)
        self.disk.close(file)
        reader = self.reader()
        found = reader.find(message_id)
        assert found is not None
        self.assertEqual([each.attempt for each in found.history], [4])
        self.assertEqual(b"".join(reader.content(message_id)), b"moves\r\n")
        self.assertEqual([each["id"] for each in reader.listing().rows()].count(message_id), 1)

    def log(self) -> str:
        return max(path for path in self.disk.tree(f"{DIRECTORY}/intake") if path.endswith(".log"))

    def test_what_is_finished_but_not_removed_is_not_here(self) -> None:
        message_id = next(each for each, (_, waits) in self.ids.items() if waits)
        self.disk.before = fail_to_unlink
        self.life.settle(self.life.spool.record(message_id, [], True))
        self.disk.before = lambda call: None
        self.assertTrue(self.disk.content(MessageFiles(f"{DIRECTORY}/deferred", message_id).message))
        self.assertIsNone(self.reader().find(message_id))

    def test_damage_is_counted_and_shown_as_nothing(self) -> None:
        files = MessageFiles(f"{DIRECTORY}/deferred", next(each for each, (_, waits) in self.ids.items() if waits))
        for path in (f"{files.folder}/README.msg", f"{files.folder}/{files.message_id}.txt"):
            self.disk.close(self.disk.create(path))
        self.disk.close(self.disk.create(f"{DIRECTORY}/deferred/file"))
        file = self.disk.open(files.message, writing=True)
        self.disk.write_at(file, b"X", 0)
        self.disk.close(file)
        reader = self.reader()
        self.assertIsNone(reader.find(files.message_id))
        self.assertEqual([each["id"] for each in reader.listing().rows()], sorted(set(self.ids) - {files.message_id}))
        self.assertEqual(reader.damaged(), 0)
        self.life.settle(self.life.spool.stop())
        self.life = Life(self.disk)
        self.life.start()
        # The message and its journal, and the three that belong to nobody.
        self.assertEqual(self.reader().damaged(), 5)

    def test_all_partitions_are_one(self) -> None:
        other = Life(self.disk, directory=f"{DIRECTORY}/workers/2")
        for folder in (f"{DIRECTORY}/workers", f"{DIRECTORY}/workers/2", f"{DIRECTORY}/workers/3"):
            self.disk.make_folder(folder)
        other.start()
        other._number = 50
        message_id = other.put(LARGE)
        whole = SpoolReader(DIRECTORY, self.disk)
        self.assertEqual([each["id"] for each in whole.listing().rows()], sorted((*self.ids, message_id)))
        self.assertEqual(b"".join(whole.content(message_id)), LARGE)
        self.assertEqual(b"".join(whole.content(min(self.ids))), SMALL)
        found = whole.find(message_id)
        assert found is not None
        self.assertEqual(found.message.id, message_id)
        self.assertIsNone(whole.find(self.finished))
        self.assertRaises(FileNotFoundError, list, whole.content(self.finished))
        for place in (DIRECTORY, f"{DIRECTORY}/workers/2"):
            self.disk.close(self.disk.create(f"{place}/corrupt/thing"))
            self.disk.close(self.disk.create(f"{place}/corrupt/thing.reason"))
        self.assertEqual(whole.damaged(), 2)
