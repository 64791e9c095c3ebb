"""What seldom happens, and must come out right: leftovers, failures in the midst, ends that cross."""

from __future__ import annotations

import errno
import gc
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.layout import MessageFiles, SpoolLayout
from fopemta.formats.record import SEGMENT_HEADER_SIZE, Draft, Record, RecordKind, scan
from fopemta.formats.waiting import waiting_of
from fopemta.formats.waiting_file import Unsound, pack_line, verdicts_in
from fopemta.interfaces import SpoolFailing, SpoolFull, UnknownMessage
from fopemta.mail.queued import Unfinished
from fopemta.spool.adopting import AdoptingSpool
from fopemta.spool.limits import RoomGauge, SpoolLimits
from fopemta.spool.log.intake_log import IntakeLog
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.testing.disk import Call, DoubleDisk
from tests.spool.contract import ENVELOPE, ID
from tests.spool.life import DIRECTORY, Life

CORRUPT = f"{DIRECTORY}/corrupt"
DEFERRED = f"{DIRECTORY}/deferred"
LARGE = b"large\r\n" * 60_000


def failing(error: int, names: set[str], suffix: str = "") -> Callable[[Call], None]:
    def before(call: Call) -> None:
        if call.name in names and call.path.endswith(suffix):
            raise OSError(error, "fault", call.path)

    return before


class RareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.life = Life(DoubleDisk())
        self.disk = self.life.disk
        self.life.start()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def names(self) -> list[str]:
        return [event["event"] for event in self.events if "event" in event]

    def again(self) -> list[str]:
        self.life.settle(self.life.spool.stop())
        self.life = Life(self.disk, self.life.ledger)
        return [each.id for each in self.life.start()]

    def waiting(self, content: bytes = b"waits\r\n") -> MessageFiles:
        message_id = self.life.put(content)
        self.life.settle(self.life.spool.defer(message_id))
        return MessageFiles(DEFERRED, message_id)

    def write(self, path: str, octets: bytes) -> None:
        file = self.disk.open(path, writing=True) if path in self.disk.tree() else self.disk.create(path)
        self.disk.truncate(file, 0)
        self.disk.write_at(file, octets, 0)
        self.disk.close(file)

    def corrupt(self) -> set[str]:
        names = {path.removeprefix(f"{CORRUPT}/") for path in self.disk.tree(CORRUPT)}
        return {name for name in names if not name.endswith(".reason")}

    # --- damage ----------------------------------------------------------------------------------------------------

    def test_a_message_that_is_put_aside_takes_its_body_along(self) -> None:
        files = self.waiting(LARGE)
        self.write(files.journal, b"damaged\n" + pack_line(b"{}"))
        self.assertRaises(UnknownMessage, self.life.settle, self.life.spool.load(files.message_id))
        self.assertEqual(self.corrupt(), {f"{files.message_id}.{each}" for each in ("msg", "jnl", "body")})
        self.assertEqual(self.disk.content(f"{CORRUPT}/{files.message_id}.body"), LARGE)
        self.assertEqual(self.again(), [])

    def test_a_body_of_another_size_is_put_aside_with_its_record(self) -> None:
        message_id = self.life.put(LARGE)
        self.write(f"{DIRECTORY}/bodies/{message_id}", LARGE[:-1])
        self.assertEqual(self.again(), [])
        self.assertEqual(self.corrupt(), {f"{message_id}.record", message_id})
        self.assertEqual(self.disk.content(f"{CORRUPT}/{message_id}"), LARGE[:-1])

    def test_one_that_cannot_be_put_aside_is_told_of(self) -> None:
        files = self.waiting()
        self.write(files.journal, b"damaged\n" + pack_line(b"{}"))
        self.disk.before = failing(errno.EIO, {"link"})
        self.assertRaises(UnknownMessage, self.life.settle, self.life.spool.load(files.message_id))
        self.disk.before = lambda call: None
        self.assertIn("corrupt", self.names())

    def test_files_that_belong_to_nobody_are_put_aside_and_stop_nothing(self) -> None:
        files = self.waiting()
        self.write(f"{files.folder}/README", b"hello")
        self.write(f"{DEFERRED}/file", b"hello")
        self.write(f"{files.folder}/0BCDFGHJKM7777.msg", b"hello")
        self.assertEqual(self.again(), [files.message_id])
        self.assertEqual(self.corrupt(), {"README", "file", "0BCDFGHJKM7777.msg"})

    def test_what_an_interrupted_move_or_removal_left_is_removed(self) -> None:
        files = self.waiting()
        finished = pack_line(b'{"id":"%s","verdicts":[],"finished":true}' % files.message_id.encode())
        for path, octets in ((files.temporary, b"half"), (files.message, None), (files.journal, finished)):
            if octets is None:
                self.disk.unlink(path)
            else:
                self.write(path, octets)
        self.assertEqual(self.again(), [])
        self.assertEqual([path for path in self.disk.tree(DEFERRED) if files.message_id in path], [])
        self.assertEqual(self.corrupt(), set())

    def test_what_is_left_without_its_message_and_unfinished_is_damage(self) -> None:
        files = self.waiting()
        self.disk.unlink(files.message)
        self.assertEqual(self.again(), [])
        self.assertEqual(self.corrupt(), {f"{files.message_id}.jnl"})

    def test_a_body_without_its_message_and_journal_is_damage(self) -> None:
        files = self.waiting(LARGE)
        self.disk.unlink(files.message)
        self.disk.unlink(files.journal)
        self.assertEqual(self.again(), [])
        self.assertEqual(self.corrupt(), {f"{files.message_id}.body"})

    def test_a_file_that_cannot_be_read_now_is_left_where_it_is(self) -> None:
        files = self.waiting()
        self.life.settle(self.life.spool.stop())
        self.disk.before = failing(errno.EIO, {"open"}, ".msg")
        self.life = Life(self.disk, self.life.ledger)
        self.assertEqual(self.life.start(), [])
        self.disk.before = lambda call: None
        self.assertIn("corrupt", self.names())
        self.assertEqual(self.again(), [files.message_id])

    def test_without_descriptors_what_waits_is_read_later(self) -> None:
        files = self.waiting()
        self.life.settle(self.life.spool.stop())
        self.disk.before = failing(errno.EMFILE, {"open"}, ".msg")
        self.life = Life(self.disk, self.life.ledger)
        self.assertEqual(self.life.settle(self.life.spool.start()), [])
        found: list[Unfinished] = []
        reading = self.life.spool.waiting(found.extend)
        self.life.pass_time(10)
        self.assertNoResult(reading)
        self.assertIn("spool_trouble", self.names())
        self.disk.before = lambda call: None
        self.life.pass_time(10)
        self.successResultOf(reading)
        self.assertEqual([each.id for each in found], [files.message_id])

    def test_moments_out_of_any_calendar_are_damage(self) -> None:
        head = b'{"id":"%s","arrived":1e300,"size":1,"envelope":{"sender":null,"recipients":["a@b.test"]}}'
        self.assertRaises(Unsound, waiting_of, head % ID.encode(), (b'{"verdicts":[]}',))
        self.assertRaises(Unsound, verdicts_in, b'{"id":"x"}')

    def test_a_segment_whose_header_is_damaged_gives_its_records(self) -> None:
        message_id = self.life.put(b"kept\r\n")
        path = next(path for path in self.disk.tree(f"{DIRECTORY}/intake") if path.endswith(".log"))
        self.life.settle(self.life.spool.stop())
        file = self.disk.open(path, writing=True)
        self.disk.write_at(file, b"X", 0)
        self.disk.close(file)
        self.life = Life(self.disk, self.life.ledger)
        self.assertEqual([each.id for each in self.life.start()], [message_id])
        self.assertEqual(self.corrupt(), {f"{path.rpartition('/')[2]}-0"})

    def test_the_collector_works_again_after_a_start(self) -> None:
        self.assertTrue(gc.isenabled())

    # --- failures in the midst -------------------------------------------------------------------------------------

    def test_a_bug_while_a_body_is_written_refuses_it_and_is_told(self) -> None:
        def before(call: Call) -> None:
            if call.name == "write_at" and "/bodies/" in call.path:
                raise ZeroDivisionError

        self.disk.before = before
        self.assertRaises(SpoolFailing, self.life.put, LARGE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.disk.before = lambda call: None
        self.assertEqual(self.again(), [])

    def test_a_bug_while_the_log_is_written_refuses_the_batch_and_is_told(self) -> None:
        def before(call: Call) -> None:
            if call.name == "write_at":
                raise ZeroDivisionError

        self.disk.before = before
        self.assertRaises(SpoolFailing, self.life.put, b"x\r\n")
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))
        self.disk.before = lambda call: None
        self.life.clock.advance(1)
        self.life.put(b"y\r\n")

    def test_outcomes_of_a_segment_that_cannot_be_flushed_at_its_end_go_to_the_next(self) -> None:
        self.disk.make_folder("/log")
        self.disk.make_folder("/log/intake")
        log = IntakeLog(self.disk, SpoolLayout("/log"), 0, 16 * 1024)
        first = Draft(RecordKind.MESSAGE, ID, b'{"a":1}', b"x" * 3000)
        log.write([first], True, 0.0)
        outcome = Draft(RecordKind.OUTCOME, ID, b'{"told":1}')
        log.write([outcome], False, 0.0)
        self.assertTrue(log.dirty)
        old = log.segments[0]
        self.disk.before = lambda call: self._broken(call, old.path)
        log.write([Draft(RecordKind.MESSAGE, "0BCDFGHJKM0009", b"{}", b"y" * 14_500)], True, 0.0)
        self.disk.before = lambda call: None
        new = log.segments[1]
        records = [each for each in scan(self.disk.content(new.path), new.tag) if isinstance(each, Record)]
        self.assertEqual([each.kind for each in records], [RecordKind.OUTCOME, RecordKind.MESSAGE])
        self.assertEqual(records[0].meta, outcome.meta)
        self.assertFalse(log.dirty or log.in_debt)

    def _broken(self, call: Call, path: str) -> None:
        if call.name == "flush" and call.path == path:
            raise OSError(errno.EIO, "fault")

    def test_a_segment_that_is_removed_is_closed(self) -> None:
        self.disk.make_folder("/log")
        self.disk.make_folder("/log/intake")
        log = IntakeLog(self.disk, SpoolLayout("/log"), 0, 16 * 1024)
        log.write([Draft(RecordKind.MESSAGE, ID, b"{}", b"x")], True, 0.0)
        segment = log.segments[0]
        self.assertTrue(self.disk.is_open(segment.path))
        log.remove(segment)
        self.assertFalse(self.disk.is_open(segment.path))

    def test_trouble_is_told_once_and_its_end_once(self) -> None:
        clock, disk = Clock(), DoubleDisk()
        gauge = RoomGauge(disk, "/", SpoolLimits(spool_free=10, message_size=0), clock)
        for capacity, told in ((2**30, 0), (5, 1), (5, 1), (2**30, 2), (2**30, 2), (5, 3)):
            disk.capacity = capacity
            clock.advance(60)
            self.assertEqual(gauge.trouble() is None, capacity > 5)
            self.assertEqual(len(self.names()), told)
        self.assertEqual(self.names(), ["spool_trouble", "spool_well_again", "spool_trouble"])
        self.assertIsInstance(gauge.trouble(), SpoolFull)

    def test_a_log_that_is_cut_off_is_a_failing_disk(self) -> None:
        message_id = self.life.put(b"x\r\n" * 100)
        path = next(path for path in self.disk.tree(f"{DIRECTORY}/intake") if path.endswith(".log"))
        file = self.disk.open(path, writing=True)
        self.disk.truncate(file, SEGMENT_HEADER_SIZE + 20)
        self.disk.close(file)
        for ask in (self.life.spool.load, self.life.spool.content):
            self.assertRaises(SpoolFailing, self.life.settle, ask(message_id))
        # A list leaves out what cannot be read.
        self.assertEqual(list(self.life.spool.listing()), [])

    def test_a_close_that_fails_is_told_and_the_spool_is_given_back(self) -> None:
        self.life.put(b"x\r\n")
        self.disk.before = failing(errno.EIO, {"close"}, ".log")
        self.life.settle(self.life.spool.stop())
        self.disk.before = lambda call: None
        self.assertIn("spool_trouble", self.names())
        again = Life(self.disk)
        self.assertEqual(len(again.start()), 1)

    # --- ends that cross -------------------------------------------------------------------------------------------

    def test_what_is_being_received_when_it_stops_is_forgotten(self) -> None:
        incoming = self.life.begin(LARGE)
        self.life.settle(self.life.spool.stop())
        self.assertRaises(AssertionError, incoming.commit, ENVELOPE)
        self.life = Life(self.disk)
        self.assertEqual(self.life.start(), [])
        self.assertEqual(self.disk.tree(f"{DIRECTORY}/bodies"), [])

    def test_content_that_is_closed_or_being_read_is_not_read(self) -> None:
        reader = self.life.settle(self.life.spool.content(self.life.put(LARGE)))
        reader.close()
        self.assertRaises(SpoolFailing, self.life.settle, reader.read(10))
        other = self.life.settle(self.life.spool.content(self.life.put(LARGE)))
        self.disk.before = failing(errno.EIO, {"read_at"})
        self.assertRaises(SpoolFailing, self.life.settle, other.read(10))
        self.disk.before = lambda call: None
        self.assertEqual(self.life.settle(other.read(5)), LARGE[:5])
        other.close()

    def test_a_message_is_here_or_is_not(self) -> None:
        message_id = self.life.put(b"x\r\n")
        self.assertEqual((message_id in self.life.spool, ID[:-1] + "9" in self.life.spool), (True, False))
        self.assertRaises(ValueError, self.life.spool.receive, message_id)
        self.assertRaises(ValueError, self.life.spool.receive, "../../etc/passwd")
        self.life.settle(self.life.spool.defer(message_id))
        self.assertIn(message_id, self.life.spool)

    def test_several_are_locked_together(self) -> None:
        limits = SpoolLimits(spool_free=0, message_size=0)
        disk = DoubleDisk()
        several = [Spool(f"/s{number}", limits, Clock(), SameThread(), disk) for number in range(2)]
        AdoptingSpool(several[0], several[1:]).lock()
        for number in range(2):
            self.assertRaises(BlockingIOError, disk.lock, SpoolLayout(f"/s{number}").lock)
