"""Starting on whatever was left: damaged, alien, half moved, newer, or in use."""

from __future__ import annotations

import copy
import errno
import itertools
from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.layout import MessageFiles
from fopemta.formats.record import SEGMENT_HEADER_SIZE
from fopemta.formats.waiting_file import pack_line
from fopemta.interfaces import SpoolFailing, SpoolUnusable, UnknownMessage
from fopemta.mail.listed import brief, listed
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.looking.reader import PartitionReader
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.testing.disk import Call, DoubleDisk
from tests.spool.life import DIRECTORY, Ledger, Life, broken_promises, watch, whole_life

CORRUPT = f"{DIRECTORY}/corrupt"


class RecoveryTests(SynchronousTestCase):
    """A life is stopped, something is done to its disk, and it starts again."""

    def setUp(self) -> None:
        self.life = Life(DoubleDisk())
        self.disk = self.life.disk
        self.life.start()

    def again(self) -> Sequence[QueuedMessage]:
        self.life.settle(self.life.spool.stop())
        self.life = Life(self.disk, self.life.ledger)
        return self.life.start()

    def deferred(self, content: bytes = b"waits\r\n") -> tuple[str, MessageFiles]:
        message_id = self.life.put(content)
        self.life.deferred_once(message_id)
        self.life.settle(self.life.spool.defer(message_id))
        return message_id, MessageFiles(f"{DIRECTORY}/deferred", message_id)

    def segment(self) -> str:
        return next(path for path in self.disk.tree(f"{DIRECTORY}/intake") if path.endswith(".log"))

    def put_aside(self) -> list[str]:
        """What is in corrupt/; each must have its reason."""
        names = [path.removeprefix(f"{CORRUPT}/") for path in self.disk.tree(CORRUPT)]
        things = [name for name in names if not name.endswith(".reason")]
        self.assertEqual(len(names), 2 * len(things))
        for name in things:
            self.assertTrue(self.disk.content(f"{CORRUPT}/{name}.reason"))
        return things

    def test_C094_bad_files_are_put_aside_and_stop_nothing(self) -> None:
        kept = self.life.put(b"kept\r\n")
        _, files = self.deferred()
        whole = self.disk.content(files.message)
        journal = self.disk.content(files.journal)
        cases = {
            "0BCDFGHJKM5001": b"",
            "0BCDFGHJKM5002": whole[: len(whole) // 2],
            "0BCDFGHJKM5003": b"\x93random\x00octets" * 100,
            "0BCDFGHJKM5004": whole.replace(b"fopemta-message 1", b"fopemta-message 2"),
            "0BCDFGHJKM5005": whole[:-1],
            "0BCDFGHJKM5006": whole,
        }
        for message_id, octets in cases.items():
            bad = MessageFiles(f"{DIRECTORY}/deferred", message_id)
            self.disk.make_folder(bad.folder)
            self.disk.put(bad.message, octets)
            self.disk.put(bad.journal, journal)
        self.disk.put(f"{DIRECTORY}/intake/0000000009-{'ab' * 16}.log", b"random octets" * 1000)
        self.disk.put(f"{DIRECTORY}/intake/0000000000-{'cd' * 16}.log", b"")
        self.disk.put(f"{DIRECTORY}/intake/notes.txt", b"a stray file")
        self.disk.put(f"{DIRECTORY}/deferred/stray", b"")
        found = self.again()
        self.assertEqual([each.id for each in found], [kept, files.message_id])
        self.assertEqual(len(self.put_aside()), 2 * len(cases) + 4)
        self.assertIn(b"another version", self.disk.content(f"{CORRUPT}/0BCDFGHJKM5004.msg.reason"))
        # Each is told of once.
        damage = self.life.spool.put_aside()
        self.assertEqual(len(damage), 2 * len(cases) + 4)
        self.assertIn(f"{DIRECTORY}/deferred/stray", [each.what for each in damage])
        self.assertEqual(list(self.life.spool.put_aside()), [])
        self.assertEqual(len(self.again()), 2)
        self.assertEqual(len(self.put_aside()), 2 * len(cases) + 4)

    def test_a_spool_of_a_newer_format_is_not_touched(self) -> None:
        self.life.put(b"kept\r\n")
        self.life.settle(self.life.spool.stop())
        self.disk.put(f"{DIRECTORY}/format", b"fopemta spool 3\n")
        before = {path: self.disk.content(path) for path in self.disk.tree()}
        calls = []
        self.disk.before = lambda call: calls.append(call.name)
        trouble = self.assertRaises(SpoolUnusable, Life(self.disk).start)
        self.assertIn("format 3", str(trouble))
        self.assertIn("format 2", str(trouble))
        self.assertEqual(set(calls), {"open", "read_at", "close"})
        self.assertEqual({path: self.disk.content(path) for path in self.disk.tree()}, before)

    def test_a_format_that_cannot_be_read_stops_nothing(self) -> None:
        kept = self.life.put(b"kept\r\n")
        self.disk.put(f"{DIRECTORY}/format", b"")
        self.assertEqual([each.id for each in self.again()], [kept])
        self.assertEqual(self.disk.content(f"{DIRECTORY}/format"), b"fopemta spool 2\n")

    def test_a_second_process_refuses_to_start(self) -> None:
        second = Life(self.disk)
        trouble = self.assertRaises(SpoolUnusable, second.start)
        self.assertIn("in use by another process", str(trouble))
        self.life.settle(self.life.spool.stop())
        self.assertEqual(list(second.start()), [])

    def test_the_lock_can_be_taken_before_the_start(self) -> None:
        self.life.settle(self.life.spool.stop())
        first, second = Life(self.disk), Life(self.disk)
        first.spool.lock()
        self.assertRaises(SpoolUnusable, second.spool.lock)
        first.start()

    def test_making_a_spool_touches_nothing(self) -> None:
        disk = DoubleDisk()
        Spool("/new", SpoolLimits(), Clock(), SameThread(), disk)
        self.assertEqual(disk.root.written, {})

    def test_damage_in_a_segment_hides_no_other_message(self) -> None:
        """What was flushed before is damage and kept; the rest is delivered."""
        ids = [self.life.put(b"message %d\r\n" % number) for number in range(3)]
        path = self.segment()
        octets = bytearray(self.disk.content(path))
        octets[SEGMENT_HEADER_SIZE + 200] ^= 1
        self.disk.put(path, bytes(octets))
        self.assertEqual([each.id for each in self.again()], ids[1:])
        self.assertEqual(len(self.put_aside()), 1)
        self.again()
        self.assertEqual(len(self.put_aside()), 1)

    def test_a_torn_end_that_nobody_was_promised_is_dropped(self) -> None:
        kept = self.life.put(b"kept\r\n")
        self.life.put(b"torn\r\n")
        path = self.segment()
        octets = bytearray(self.disk.content(path))
        octets[octets.index(b"torn\r\n")] ^= 1
        self.disk.put(path, bytes(octets))
        self.assertEqual([each.id for each in self.again()], [kept])
        self.assertEqual(self.put_aside(), [])

    def test_an_old_segment_is_never_written_to(self) -> None:
        self.life.put(b"old\r\n")
        path = self.segment()
        self.life.settle(self.life.spool.stop())
        before = self.disk.content(path)
        self.life = Life(self.disk)
        self.life.start()
        self.life.begin(b"new\r\n", "0BCDFGHJKM7001")
        self.life.settle(self.life.promise(self.life.begin(b"new\r\n", "0BCDFGHJKM7002")))
        self.assertEqual(self.disk.content(path), before)

    def test_a_torn_line_is_cut_before_the_next(self) -> None:
        message_id, files = self.deferred()
        sound = self.disk.content(files.journal)
        self.disk.put(files.journal, sound + pack_line(b"{}")[:-7])
        self.assertEqual([each.recipients[0].attempts for each in self.again()], [1])
        self.life.deferred_once(message_id, attempt=2)
        self.assertEqual(len(self.disk.content(files.journal).splitlines()), 2)
        self.assertEqual([each.recipients[0].attempts for each in self.again()], [2])

    def test_a_message_without_its_journal_never_goes_out_as_new(self) -> None:
        _, files = self.deferred()
        self.life.settle(self.life.spool.stop())
        self.disk.unlink(files.journal)
        self.life = Life(self.disk)
        self.assertEqual(list(self.life.start()), [])
        self.assertEqual(self.put_aside(), [files.message.rpartition("/")[2]])

    def test_a_journal_that_is_damaged_in_the_middle_is_put_aside(self) -> None:
        message_id, files = self.deferred()
        self.life.deferred_once(message_id, attempt=2)
        journal = bytearray(self.disk.content(files.journal))
        journal[30] ^= 1
        self.disk.put(files.journal, bytes(journal))
        self.assertEqual(list(self.again()), [])
        self.assertEqual(len(self.put_aside()), 2)

    def test_in_both_places_the_waiting_one_counts_with_all_outcomes(self) -> None:
        """A move that failed and could not be taken back: what only the log knows is added to the journal."""
        message_id = self.life.put(b"both\r\n")
        self.life.deferred_once(message_id)

        def fail(call: Call) -> None:
            if (call.name == "flush_folder" and "/deferred/" in call.path) or call.site.startswith(
                "folder.DeferredFolder.undo"
            ):
                raise OSError(errno.EIO, "fault")

        self.disk.before = fail
        self.assertRaises(SpoolFailing, self.life.settle, self.life.spool.defer(message_id))
        self.life.deferred_once(message_id, attempt=2)
        self.assertRaises(SpoolFailing, self.life.finish, message_id)
        image = dict(self.disk.images(0))["everything"]
        self.assertIn(MessageFiles(f"{DIRECTORY}/deferred", message_id).message, image.tree())
        self.life = Life(image, self.life.ledger)
        self.assertEqual([(each.id, each.recipients[0].attempts) for each in self.life.start()], [(message_id, 2)])
        self.assertEqual(self.life.settle(self.life.spool.load(message_id)).recipients[0].attempts, 2)
        self.life.finish(message_id)
        for what, cut in image.images():
            self.assertEqual(list(Life(cut).start()), [], what)

    def test_bodies_that_no_record_names_are_removed(self) -> None:
        large = self.life.put(b"large" * 60_000)
        self.disk.put(f"{DIRECTORY}/bodies/0BCDFGHJKM8001", b"never committed")
        self.assertEqual([each.id for each in self.again()], [large])
        self.assertEqual(self.disk.tree(f"{DIRECTORY}/bodies"), [f"{DIRECTORY}/bodies/{large}"])

    def test_a_record_without_its_body_is_damage(self) -> None:
        large = self.life.put(b"large" * 60_000)
        kept = self.life.put(b"kept\r\n")
        self.disk.put(f"{DIRECTORY}/bodies/{large}", b"cut")
        self.assertEqual([each.id for each in self.again()], [kept])
        self.assertEqual(self.put_aside(), [large, f"{large}.record"])

    def test_content_that_was_damaged_is_not_sent(self) -> None:
        message_id, files = self.deferred()
        octets = self.disk.content(files.message)
        self.disk.put(files.message, octets.replace(b"waits", b"w\xffits"))
        self.assertRaises(UnknownMessage, self.life.content, message_id)
        self.assertEqual(len(self.put_aside()), 2)
        self.assertEqual({each.why for each in self.life.spool.put_aside()}, {"checksum of the content is wrong"})

    def test_a_survey_changes_nothing_and_needs_no_lock(self) -> None:
        waits, _ = self.deferred()
        logged = self.life.put(b"logged\r\n")
        done = self.life.put(b"done\r\n")
        self.life.finish(done)
        changes = []
        self.disk.before = lambda call: changes.append(call.name)
        found = {row["id"]: row for row in PartitionReader(DIRECTORY, self.disk).listing().rows()}
        self.assertEqual(set(found), {waits, logged})
        self.assertEqual(found[waits], listed(brief(self.life.settle(self.life.spool.load(waits)))))
        self.assertLessEqual(set(changes), {"open", "close", "read_at", "names"})

    def test_the_power_fails_during_recovery(self) -> None:
        """Recovery is itself a life that may end at any call."""
        samples: list[tuple[str, DoubleDisk, Ledger]] = []
        life, cuts = Life(DoubleDisk()), itertools.count()

        def sample(what: str, image: DoubleDisk) -> None:
            if next(cuts) % 13 == 0:
                samples.append((what, image, copy.deepcopy(life.ledger)))

        watch(life, sample, random_ones=1)
        whole_life(life)
        self.assertGreater(len(samples), 50)
        for what, image, ledger in samples:
            self.check_recovery(what, image, ledger)

    def check_recovery(self, what: str, image: DoubleDisk, ledger: Ledger) -> None:
        def cut(where: str, cut_again: DoubleDisk) -> None:
            self.assertEqual(broken_promises(cut_again, ledger), [], f"{what}; then {where}")

        life = Life(image, ledger)
        watch(life, cut, random_ones=1)
        life.start()
        life.clock.advance(2)
        life.drive()

    def test_the_power_fails_while_damage_is_put_aside(self) -> None:
        """What is damaged is not deleted: at every moment it is at its place, or in corrupt/ with its reason."""
        _, files = self.deferred()
        self.life.put(b"damaged\r\n")
        self.life.finish(self.life.put(b"flushed after\r\n"))
        self.life.settle(self.life.spool.stop())
        segment = self.segment()
        for path, octets in (
            (files.message, b"spoilt message"),
            (segment, self.disk.content(segment).replace(b"damaged", b"spoilt!")),
        ):
            disk = next(self.disk.images(0))[1]
            disk.put(path, octets)
            sites = self.losing_damage(disk, path, set())
            self.assertGreaterEqual(len(sites), 2)
            for site in sites:
                self.assertRaises(AssertionError, self.losing_damage, disk, path, {site})

    def losing_damage(self, disk: DoubleDisk, place: str, deaf: set[str]) -> set[str]:
        """Start with the power failing at each call; the sites in quarantine.py that have flushed."""
        disk = next(disk.images(0))[1]
        disk.deaf = deaf
        life = Life(disk)

        def cut(what: str, image: DoubleDisk) -> None:
            tree = image.tree()
            copies = [path for path in tree if path.startswith(CORRUPT) and b"spoilt" in image.content(path)]
            kept = any(f"{path}.reason" in tree and image.content(f"{path}.reason") for path in copies)
            lost.extend([] if place in tree or kept else [what])

        lost: list[str] = []
        watch(life, cut, random_ones=4)
        life.start()
        life.clock.advance(2)
        life.drive()
        assert not lost, lost[0]
        return {site for site in disk.flush_sites if site.startswith("quarantine.")}
