"""What many waiting messages share, and what keeps them apart: moves, visits, removals, reading after a start."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import orjson
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.layout import MessageFiles
from fopemta.interfaces import SpoolStopped
from fopemta.mail.queued import Unfinished
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.spool.waiting import journals, mover, visits
from fopemta.spool.waiting.lines import Lines
from fopemta.testing.disk import Call, DoubleDisk
from fopemta.trust.verdict import Result
from tests.spool.contract import BOB, REPORT, verdict
from tests.spool.life import DIRECTORY, Life


class Held(SameThread):
    """Threads for files that work when a test says so."""

    def __init__(self) -> None:
        self.works: list[tuple[Callable[[], Any], Deferred[Any]]] | None = None

    def files(self, work: Callable[[], Any]) -> Deferred[Any]:
        if self.works is None:
            return super().files(work)
        answer: Deferred[Any] = Deferred()
        self.works.append((work, answer))
        return answer

    def run(self, count: int = 10_000) -> None:
        """So many of the works that are there by now."""
        assert self.works is not None
        now, self.works = self.works[:count], self.works[count:]
        for work, answer in now:
            try:
                answer.callback(work())
            except Exception:  # noqa: BLE001
                answer.errback(Failure())


class Base(SynchronousTestCase):
    def setUp(self) -> None:
        self.disk = DoubleDisk()
        self.life = self.begin()

    def begin(self) -> Life:
        self.threads = Held()
        life = Life(self.disk)
        limits = SpoolLimits(spool_free=0, message_size=0)
        life.spool = Spool(DIRECTORY, limits, life.clock, self.threads, self.disk)
        return life

    def put(self, count: int) -> list[str]:
        return [self.life.put(b"%d\r\n" % number) for number in range(count)]

    def calls(self, *names: str) -> list[Call]:
        """Those to come, of these names."""
        calls: list[Call] = []
        self.disk.before = lambda call: calls.append(call) if call.name in names else None
        return calls

    def deferred(self) -> list[str]:
        return self.disk.tree(f"{DIRECTORY}/deferred")


class MovingTests(Base):
    def setUp(self) -> None:
        super().setUp()
        self.life.start()

    def test_moves_into_a_folder_share_its_flush(self) -> None:
        ids = self.put(600)
        self.threads.works = []
        moving = [self.life.spool.defer(each) for each in ids]
        calls = self.calls("flush_folder")
        for _ in range(40):
            self.threads.run()
            self.life.drive()
        for each in moving:
            self.successResultOf(each)
        flushed = [call.path for call in calls if call.path != f"{DIRECTORY}/deferred"]
        folders = {MessageFiles(f"{DIRECTORY}/deferred", each).folder for each in ids}
        self.assertLess(len(flushed), len(folders) + 8)
        self.assertEqual(set(flushed), folders)

    def test_so_many_batches_are_under_way_and_no_more(self) -> None:
        ids = self.put(600)
        self.threads.works = []
        moving = [self.life.spool.defer(each) for each in ids]
        self.assertEqual(len(self.threads.works), 4)
        self.threads.run(1)
        self.assertEqual(len(self.threads.works), 4)
        self.assertEqual(sum(each.called for each in moving), 1)  # the first was alone when it came
        self.threads.run(4)
        self.assertGreaterEqual(sum(each.called for each in moving), 4)

    def test_one_that_fails_fails_alone(self) -> None:
        ids = self.put(40)
        stuck = MessageFiles(f"{DIRECTORY}/deferred", ids[7])

        def fail(call: Call) -> None:
            if call.path == stuck.message and call.name == "rename":
                raise OSError(errno.EIO, "fault")

        self.threads.works = []
        moving = [self.life.spool.defer(each) for each in ids]
        self.disk.before = fail
        for _ in range(40):
            self.threads.run()
        self.disk.before = lambda call: None
        self.assertEqual([number for number, each in enumerate(moving) if isinstance(each.result, Failure)], [7])
        self.failureResultOf(moving[7])
        self.assertEqual([path for path in self.deferred() if ids[7] in path], [])
        self.assertEqual(len(self.deferred()), 2 * 39)

    def test_new_mail_waits_while_too_many_moves_do(self) -> None:
        self.patch(mover, "MOST_MOVING", 5)
        ids = self.put(8)
        self.threads.works = []
        moving = [self.life.spool.defer(each) for each in ids]
        written = self.calls("write_at")
        incoming = self.life.promise(self.life.begin(b"new\r\n"))
        self.life.drive()
        self.assertNoResult(incoming)
        self.assertEqual(written, [])
        # A report waits for nothing: it would be what lets others go.
        self.life.report(b"report\r\n", "0BCDFGHJKM9999")
        for _ in range(10):
            self.threads.run()
            self.life.drive()
        self.successResultOf(incoming)
        for each in moving:
            self.successResultOf(each)

    def test_mail_that_waits_is_refused_at_a_stop(self) -> None:
        self.patch(mover, "MOST_MOVING", 1)
        ids = self.put(3)
        self.threads.works = []
        for each in ids:
            self.life.spool.defer(each)
        incoming = self.life.promise(self.life.begin(b"new\r\n"))
        self.life.spool.stop()
        self.failureResultOf(incoming, SpoolStopped)


class VisitTests(Base):
    def setUp(self) -> None:
        super().setUp()
        self.life.start()
        self.ids = self.put(100)
        for each in self.ids:
            self.life.settle(self.life.spool.defer(each))

    def test_many_are_read_in_one_hop_and_their_content_with_them(self) -> None:
        self.threads.works = []
        loading = [self.life.spool.load(each) for each in self.ids]
        self.assertEqual(len(self.threads.works), 2)
        hops = 0
        while self.threads.works:
            hops += len(self.threads.works)
            self.threads.run()
        self.assertEqual([self.successResultOf(each).id for each in loading], self.ids)
        self.assertLessEqual(hops, 8)
        self.assertEqual([self.life.content(each) for each in self.ids], [b"%d\r\n" % each for each in range(100)])
        self.assertEqual(self.threads.works, [])

    def test_what_is_kept_is_bounded_and_ends_with_its_message(self) -> None:
        self.patch(visits, "_MOST_CONTENT", 20)
        for each in self.ids:
            self.life.settle(self.life.spool.load(each))
        kept = self.life.spool._visits
        self.assertLessEqual(kept._kept, 20)
        self.assertEqual(kept._kept, sum(map(len, kept._contents.values())))
        self.assertIn(self.ids[-1], kept._contents)
        for each in self.ids:
            self.life.settle(self.life.spool.record(each, [], True))
        self.assertEqual((kept._kept, kept._contents), (0, {}))
        self.assertEqual(self.life.settle(self.life.spool.stop()), None)

    def test_damaged_content_is_found_when_its_message_is_read(self) -> None:
        path = MessageFiles(f"{DIRECTORY}/deferred", self.ids[5]).message
        octets = self.disk.content(path)
        self.disk.put(path, octets[:-3] + b"x\r\n")
        loading = self.life.spool.load(self.ids[5])
        self.life.drive()
        self.failureResultOf(loading)
        self.assertEqual({each.why for each in self.life.spool.put_aside()}, {"checksum of the content is wrong"})


class EndTests(Base):
    def setUp(self) -> None:
        super().setUp()
        self.life.start()

    def waiting(self, count: int) -> list[str]:
        ids = self.put(count)
        for each in ids:
            self.life.settle(self.life.spool.defer(each))
        return ids

    def test_removals_from_a_folder_share_its_flush_and_outcomes_that_of_the_log(self) -> None:
        ids = self.waiting(600)
        self.life.pass_time(2)
        calls = self.calls("flush_folder", "flush", "unlink")
        for each in ids:
            self.life.spool.record(each, [verdict(BOB, Result.DELIVERED, each)], True)
        self.life.drive()
        self.assertEqual(calls, [])
        self.threads.works = []
        self.life.clock.advance(1.1)
        self.life.drive()
        self.assertEqual([call.name for call in calls], ["flush"])
        for _ in range(60):
            self.threads.run()
        self.assertEqual(self.deferred(), [])
        folders = {MessageFiles(f"{DIRECTORY}/deferred", each).folder for each in ids}
        self.assertLess(len([each for each in calls if each.name == "flush_folder"]), len(folders) + 4)

    def test_what_cannot_be_removed_is_removed_later_and_its_segment_stays_until_then(self) -> None:
        (message_id,) = self.waiting(1)

        def fail(call: Call) -> None:
            if call.name == "flush_folder" and "/deferred/" in call.path:
                raise OSError(errno.EIO, "fault")

        self.disk.before = fail
        self.life.finish(message_id)
        log = self.life.spool._log
        self.assertEqual([each.live for each in log.segments], [1])
        self.disk.before = lambda call: None
        self.life.pass_time(11)
        self.assertEqual([each.live for each in log.segments], [0])
        self.assertEqual(self.deferred(), [])

    def test_outcomes_come_into_the_journal_later_and_not_at_all_when_it_ends_before(self) -> None:
        stays, ends = self.waiting(2)
        for each in (stays, ends):
            self.life.deferred_once(each)
        journal = MessageFiles(f"{DIRECTORY}/deferred", stays).journal
        before = self.disk.content(journal)
        self.life.pass_time(5)
        self.assertEqual(self.disk.content(journal), before)
        self.life.finish(ends)
        calls = self.calls("write_at")
        self.life.pass_time(20)
        self.assertEqual([call.path for call in calls if call.path.endswith(".jnl")], [journal])
        self.assertIn(b'"attempt":1', self.disk.content(journal)[len(before) :])
        self.assertEqual(self.life.spool._catalog.unwritten, {})
        self.assertEqual([each.live for each in self.life.spool._log.segments], [0])

    def test_too_many_outcomes_do_not_wait_until_they_are_old(self) -> None:
        self.patch(journals, "_MANY", 10)
        ids = self.waiting(12)
        # Just before a sweep, so that none of them is old.
        self.life.pass_time(9 - self.life.spool._upkeep._ticks % 10)
        for each in ids[:10]:
            self.life.settle(self.life.spool.record(each, [verdict(BOB, Result.DEFERRED, each)], False))
        self.life.pass_time(1)
        self.assertEqual(len(self.life.spool._catalog.unwritten), 10)
        self.life.pass_time(9)
        for each in ids[10:]:
            self.life.settle(self.life.spool.record(each, [verdict(BOB, Result.DEFERRED, each)], False))
        self.life.pass_time(1)
        self.assertEqual(self.life.spool._catalog.unwritten, {})

    def test_a_journal_that_cannot_be_written_is_tried_again(self) -> None:
        (message_id,) = self.waiting(1)
        self.life.deferred_once(message_id)

        def fail(call: Call) -> None:
            if call.name == "write_at" and call.path.endswith(".jnl"):
                raise OSError(errno.EIO, "fault")

        self.disk.before = fail
        self.life.pass_time(30)
        self.assertEqual(list(self.life.spool._catalog.unwritten), [message_id])
        self.disk.before = lambda call: None
        self.life.pass_time(11)
        self.assertEqual(self.life.spool._catalog.unwritten, {})

    def test_after_a_crash_no_outcome_comes_into_a_journal_twice(self) -> None:
        """What the log says of the attempts before was appended once more at each start."""
        (message_id,) = self.waiting(1)
        journal = MessageFiles(f"{DIRECTORY}/deferred", message_id).journal
        self.life.deferred_once(message_id, attempt=2)
        self.life.pass_time(20)
        whole = self.disk.content(journal)
        # This one only the log has.
        self.life.deferred_once(message_id, attempt=3)
        # Everything that was written is there, as after kill -9.
        self.disk = dict(self.disk.images(0))["everything"]
        self.life = self.begin()
        self.life.start()
        self.assertEqual(list(self.life.spool._catalog.unwritten), [message_id])
        calls = self.calls("flush")
        self.life.pass_time(20)
        self.assertIn(journal, [call.path for call in calls])
        added = self.disk.content(journal)[len(whole) :]
        self.assertEqual((added.count(b"\n"), added.count(b'"attempt":3')), (1, 2))
        self.assertEqual(self.life.spool._catalog.unwritten, {})

    def test_what_a_failed_write_has_written_is_not_written_again(self) -> None:
        (message_id,) = self.waiting(1)
        self.life.deferred_once(message_id, attempt=2)
        journal = MessageFiles(f"{DIRECTORY}/deferred", message_id).journal

        def fail(call: Call) -> None:
            if call.name == "flush" and call.path == journal:
                raise OSError(errno.EIO, "fault")

        self.disk.before = fail
        self.life.pass_time(30)
        self.disk.before = lambda call: None
        self.life.pass_time(11)
        self.assertEqual(self.life.spool._catalog.unwritten, {})
        self.assertEqual(self.disk.content(journal).count(b'"attempt":2'), 2)

    def test_a_journal_that_is_gone_is_told_of_once(self) -> None:
        (message_id,) = self.waiting(1)
        self.life.deferred_once(message_id)
        for path in self.deferred():
            self.disk.unlink(path)
        self.life.pass_time(30)
        self.assertEqual([each.why for each in self.life.spool.put_aside()], ["its files are gone"])
        self.assertNotIn(message_id, self.life.spool)
        self.assertEqual([each.live for each in self.life.spool._log.segments], [0])


class ReadingTests(Base):
    """Mail is taken while what waits from before is read."""

    def setUp(self) -> None:
        super().setUp()
        self.life.start()
        self.ids = self.put(50)
        for each in self.ids:
            self.life.settle(self.life.spool.defer(each))
            self.life.deferred_once(each)
        self.life.report(b"report\r\n", "RPRT0001")
        self.life.settle(self.life.spool.defer("RPRT0001"))
        self.ids.append("RPRT0001")
        self.life.settle(self.life.spool.stop())
        self.found: list[Unfinished] = []
        before = self.life
        self.life = self.begin()
        self.life.clock.advance(before.clock.seconds() - self.life.clock.seconds())
        self.life._number = 100

    def read(self) -> None:
        """Nothing of it yet."""
        self.assertEqual(self.life.settle(self.life.spool.start()), [])
        self.threads.works = []
        self.reading = self.life.spool.waiting(self.found.extend)

    def on(self, slices: int = 1000) -> None:
        while slices and not self.reading.called:
            slices -= 1
            self.threads.run()
            self.life.clock.advance(0)

    def test_some_at_a_time_and_the_listing_has_them_all_at_any_moment(self) -> None:
        self.read()
        sizes = []
        while not self.reading.called:
            self.assertEqual(sorted(orjson.loads(each)["id"] for each in self.life.spool.listing()), sorted(self.ids))
            before = len(self.found)
            self.on(1)
            sizes.append(len(self.found) - before)
        self.assertEqual((sum(sizes), max(sizes)), (len(self.ids), 16))
        self.assertEqual(sorted(each.id for each in self.found), sorted(self.ids))
        self.assertEqual(sorted(orjson.loads(each)["id"] for each in self.life.spool.listing()), sorted(self.ids))

    def test_mail_that_comes_moves_and_ends_meanwhile_is_no_news(self) -> None:
        self.read()
        works, self.threads.works = self.threads.works, None
        stays, ends = self.life.put(b"new\r\n"), self.life.put(b"new\r\n")
        for each in (stays, ends):
            self.life.settle(self.life.spool.defer(each))

        def keep(call: Call) -> None:
            if call.name == "unlink" and ends in call.path:
                raise OSError(errno.EIO, "fault")

        self.disk.before = keep
        self.life.finish(ends)
        self.threads.works = works
        self.on()
        self.disk.before = lambda call: None
        self.assertEqual(sorted(each.id for each in self.found), sorted(self.ids))
        self.assertIn(stays, self.life.spool)
        self.assertNotIn(ends, self.life.spool)

    def test_who_asks_for_one_that_has_not_been_read_waits(self) -> None:
        self.read()
        loading, unknown = self.life.spool.load(self.ids[0]), self.life.spool.load("0BCDFGHJKM7777")
        recording = self.life.spool.record(self.ids[1], [verdict(BOB, Result.DELIVERED, self.ids[1])], True)
        self.on(2)
        self.assertNoResult(unknown)
        self.on()
        self.threads.run()
        self.threads.works = None
        self.life.drive()
        self.assertEqual(self.successResultOf(loading).id, self.ids[0])
        self.failureResultOf(unknown)
        self.successResultOf(recording)
        self.assertNotIn(self.ids[1], self.life.spool)

    def test_a_report_that_was_made_before_is_not_made_again(self) -> None:
        self.read()
        submitting = self.life.spool.submit("RPRT0001", REPORT, b"report\r\n")
        self.life.drive()
        self.assertNoResult(submitting)
        self.on()
        self.assertIsNone(self.successResultOf(submitting))

    def test_nothing_goes_or_comes_into_journals_before_all_is_read(self) -> None:
        self.read()
        works, self.threads.works = self.threads.works, None
        before = {path: self.disk.content(path) for path in self.disk.tree()}
        self.life.pass_time(40)
        # Time has passed, and nothing was read: the log still has what the journals lack.
        self.assertEqual({path: self.disk.content(path) for path in before}, before)
        self.threads.works = works
        self.on()
        self.threads.works = None
        loaded = [self.life.settle(self.life.spool.load(each)) for each in self.ids[:50]]
        self.assertEqual([each.recipients[0].attempts for each in loaded], [1] * 50)
        self.life.pass_time(30)
        self.assertEqual(self.life.spool._catalog.unwritten, {})

    def test_a_stop_ends_it(self) -> None:
        self.read()
        stopping = self.life.spool.stop()
        self.on()
        self.failureResultOf(self.reading, SpoolStopped)
        self.life.drive()
        self.successResultOf(stopping)

    def test_what_the_disk_does_not_give_now_keeps_its_outcomes(self) -> None:
        """The log must not forget them: a later start may read the message again."""
        files = MessageFiles(f"{DIRECTORY}/deferred", self.ids[48])

        def fail(call: Call) -> None:
            if call.name == "open" and call.path in files.all:
                raise OSError(errno.EIO, "fault")

        self.read()
        self.disk.before = fail
        self.on()
        self.threads.works = None
        self.assertEqual(len(self.found), len(self.ids) - 1)
        self.life.pass_time(30)  # those of the others are in their journals
        self.disk.before = lambda call: None
        self.life.settle(self.life.spool.stop())
        again = Life(self.disk)
        found = {each.id: each for each in again.start()}
        self.assertEqual(found[self.ids[48]].recipients[0].attempts, 1)


class LinesTests(SynchronousTestCase):
    def test_whole_lines_go_together_the_first_begun_first(self) -> None:
        batches: list[list[str]] = []
        holding: list[Deferred[None]] = []

        def work(batch: list[str]) -> Deferred[None]:
            batches.append(batch)
            holding.append(Deferred())
            return holding[-1]

        lines = Lines(lambda name: name[0], work, 3, 2)
        for name in ("a1", "b1", "a2", "c1", "b2", "a3", "a4", "d1"):
            lines.add(name)
        self.assertEqual(batches, [["a1"], ["b1"]])
        holding[0].callback(None)
        self.assertEqual(batches[2], ["a2", "a3", "a4"])
        holding[2].callback(None)
        self.assertEqual(batches[3], ["c1", "b2", "d1"])
        for each in (holding[1], holding[3]):
            each.callback(None)
        lines.add("e1")
        self.assertEqual(batches[4], ["e1"])
