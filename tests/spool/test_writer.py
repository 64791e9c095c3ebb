"""Batches of the intake log: who shares a flush, what is refused, when the disk is tried again."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.formats.layout import SpoolLayout
from fopemta.formats.message_json import identity_json
from fopemta.formats.record import Draft, Record, RecordKind, scan
from fopemta.interfaces import SpoolFailing, SpoolFull
from fopemta.spool.log.intake_log import IntakeLog
from fopemta.spool.log.segment import parse_segment_name
from fopemta.spool.log.writer import LogWriter
from fopemta.spool.threads import SameThread, maybe_now
from fopemta.testing.disk import Call, DoubleDisk

LAYOUT = SpoolLayout("/spool")


class SlowThread(SameThread):
    """Does the log's work when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def log(self, work: Callable[[], Any]) -> Deferred[Any]:
        waiting: Deferred[Any] = Deferred()
        self.waiting.append((work, waiting))
        return waiting

    def run(self) -> None:
        work, waiting = self.waiting.pop(0)
        maybe_now(work).chainDeferred(waiting)


def draft(number: int, kind: RecordKind = RecordKind.MESSAGE, size: int = 10) -> Draft:
    message_id = f"0BCDFGHJKM{number:04}"
    return Draft(kind, message_id, identity_json(message_id), b"x" * size)


class LogWriterTests(SynchronousTestCase):
    """On the disk double, with a thread that waits to be told."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.disk = DoubleDisk()
        self.disk.make_folder(LAYOUT.intake)
        self.calls: list[str] = []
        self.disk.after = lambda call: self.calls.append(call.name)
        self.thread = SlowThread()
        self.log = IntakeLog(self.disk, LAYOUT, 0, 64 * 1024)
        self.writer = LogWriter(self.log, self.clock, self.thread, lambda: None)
        self.answers: list[int] = []

    def append(self, number: int, kind: RecordKind = RecordKind.MESSAGE, size: int = 10) -> Deferred[Any]:
        appended = self.writer.append(draft(number, kind, size), durable=kind is RecordKind.MESSAGE)
        appended.addCallback(lambda _: self.answers.append(number))
        return appended

    def work(self) -> None:
        """One batch, from the end of this turn to its answers."""
        self.clock.advance(0)
        self.thread.run()

    def warm_up(self) -> None:
        """A first batch, so that the segment is there."""
        self.append(1)
        self.work()
        self.calls.clear()
        self.answers.clear()

    def records(self) -> list[tuple[RecordKind, str]]:
        """(kind, id) of all records, oldest segment first."""
        found = []
        for path in self.disk.tree(LAYOUT.intake):
            name = parse_segment_name(path.rpartition("/")[2])
            if name is not None:
                records = [each for each in scan(self.disk.content(path), name[1]) if isinstance(each, Record)]
                found += [(each.kind, each.meta.decode()[7:-2]) for each in records]
        return found

    def test_those_of_one_turn_share_one_write_and_one_flush(self) -> None:
        self.warm_up()
        for number in range(2, 22):
            self.append(number)
        self.work()
        self.assertEqual(self.calls, ["write_at", "flush"])
        self.assertEqual(self.answers, list(range(2, 22)))

    def stream(self, number: int, last: int) -> None:
        """One record in each turn of the reactor."""
        self.append(number)
        if number < last:
            self.clock.callLater(0, self.stream, number + 1, last)

    def test_a_batch_waits_while_each_turn_brings_more(self) -> None:
        self.warm_up()
        self.stream(2, 4)
        self.work()
        self.assertEqual((self.calls, self.answers), (["write_at", "flush"], [2, 3, 4]))

    def test_a_batch_does_not_wait_for_a_turn_that_brings_nothing_for_ever(self) -> None:
        self.warm_up()
        self.stream(2, 40)
        self.work()
        self.assertEqual(self.answers, [2, 3, 4, 5, 6])
        self.work()
        self.assertEqual(self.answers, list(range(2, 41)))

    def test_while_one_batch_is_flushed_the_next_collects(self) -> None:
        self.warm_up()
        self.append(2)
        self.clock.advance(0)
        for number in (3, 4):
            self.append(number)
        self.clock.advance(0)
        self.assertEqual(len(self.thread.waiting), 1)
        self.thread.run()
        self.assertEqual(self.answers, [2])
        self.work()
        self.assertEqual(self.answers, [2, 3, 4])
        self.assertEqual(self.calls, ["write_at", "flush"] * 2)

    def test_no_answer_before_the_flush(self) -> None:
        self.warm_up()
        self.disk.after = lambda call: self.calls.append(f"{call.name} {self.answers}")
        self.append(2)
        self.work()
        self.assertEqual(self.calls, ["write_at []", "flush []"])

    def test_a_new_segment_is_durable_before_its_first_record(self) -> None:
        self.append(1)
        self.work()
        self.assertEqual(self.calls, ["create", "allocate", "write_at", "flush", "flush_folder", "write_at", "flush"])

    def test_a_batch_is_cut_at_4_mib(self) -> None:
        for number in range(1, 20):
            self.append(number, size=256 * 1024)
        self.work()
        self.assertEqual(self.answers, list(range(1, 16)))
        self.work()
        self.assertEqual(self.answers, list(range(1, 20)))

    def test_an_outcome_is_written_at_once_and_flushed_when_idle(self) -> None:
        self.warm_up()
        flushed = []
        self.append(1, RecordKind.OUTCOME)
        self.writer.after_flush(lambda: flushed.append(True))
        self.work()
        self.assertEqual((self.answers, self.calls), ([1], ["write_at"]))
        self.clock.advance(0.9)
        self.assertEqual((flushed, self.thread.waiting), ([], []))
        self.clock.advance(0.2)
        self.work()
        self.assertEqual((flushed, self.calls), ([True], ["write_at", "flush"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_outcomes_that_come_without_end_are_flushed_within_a_second(self) -> None:
        self.warm_up()
        for number in range(1, 40):
            self.append(number, RecordKind.OUTCOME)
            self.work()
            self.clock.advance(0.1)
        self.work()
        self.assertEqual(self.answers, list(range(1, 40)))
        flushes = [place for place, call in enumerate(self.calls) if call == "flush"]
        self.assertGreaterEqual(len(flushes), 3)
        self.assertLessEqual(max(later - sooner for sooner, later in itertools.pairwise(flushes)), 12)

    def test_an_outcome_rides_on_the_next_flush(self) -> None:
        self.warm_up()
        self.append(1, RecordKind.OUTCOME)
        self.work()
        self.append(2)
        self.work()
        self.assertEqual(self.calls, ["write_at", "write_at", "flush"])
        self.clock.advance(5)
        self.assertEqual(self.thread.waiting, [])

    def fail(self, error: int, *names: str, times: int = 1) -> None:
        left = [times]

        def before(call: Call) -> None:
            if call.name in names and left[0]:
                left[0] -= 1
                raise OSError(error, "fault")

        self.disk.before = before

    def test_a_failed_flush_refuses_the_batch_and_ends_the_segment(self) -> None:
        """Never flushed again, cut to what is durable; the refused are cancelled in the next segment first."""
        self.warm_up()
        self.append(1, RecordKind.OUTCOME)
        self.work()
        self.fail(errno.EIO, "flush")
        refused = [self.append(2), self.append(3), self.append(4, RecordKind.OUTCOME)]
        self.work()
        for each in refused:
            self.failureResultOf(each, SpoolFailing)
        self.assertEqual(self.records(), [(RecordKind.MESSAGE, draft(1).message_id)])
        self.failureResultOf(self.append(5), SpoolFailing)
        self.clock.advance(0.1)
        self.calls.clear()
        self.work()
        self.assertEqual(self.calls, ["create", "allocate", "write_at", "flush", "flush_folder", "write_at", "flush"])
        self.append(6)
        self.work()
        self.assertEqual(
            self.records()[1:],
            [
                (RecordKind.OUTCOME, draft(1).message_id),
                (RecordKind.CANCEL, draft(2).message_id),
                (RecordKind.CANCEL, draft(3).message_id),
                (RecordKind.MESSAGE, draft(6).message_id),
            ],
        )
        self.assertIsNone(self.writer.trouble)

    def test_a_short_write_is_a_full_disk(self) -> None:
        self.warm_up()
        self.disk.capacity = 64 * 1024 + 100
        refused = self.append(2, size=80 * 1024)
        self.work()
        self.failureResultOf(refused, SpoolFull)

    def test_the_waits_between_probes_grow_to_30_seconds(self) -> None:
        self.fail(errno.EIO, "create", times=12)
        self.failed_append()
        waits = []
        while self.writer.trouble is not None:
            (timer,) = self.clock.getDelayedCalls()
            waits.append(round(timer.getTime() - self.clock.seconds(), 3))
            self.clock.advance(timer.getTime() - self.clock.seconds())
            self.work()
        self.assertEqual(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0])

    def failed_append(self) -> None:
        refused = self.append(1)
        self.work()
        self.failureResultOf(refused, SpoolFailing)

    def test_on_a_full_disk_outcomes_find_room_but_mail_does_not(self) -> None:
        """What was delivered must not be delivered again for want of a hundred octets."""
        self.log.keep_reserve()
        self.warm_up()
        self.disk.capacity = 64 * 1024 + 32 * 1024
        self.append(2, size=60 * 1024)
        self.work()
        refused = self.append(3, size=10 * 1024)
        self.work()
        self.failureResultOf(refused, SpoolFull)
        for number in range(4, 60):
            self.append(number, RecordKind.OUTCOME, size=100)
            self.work()
        self.assertEqual(self.answers, [2, *range(4, 60)])
        self.assertIsInstance(self.writer.trouble, SpoolFull)
        self.failureResultOf(self.append(61), SpoolFull)

    def test_stopping_flushes_what_is_written(self) -> None:
        self.warm_up()
        self.append(1, RecordKind.OUTCOME)
        stopped = self.writer.stop()
        self.assertNoResult(stopped)
        self.work()
        self.successResultOf(stopped)
        self.assertEqual(self.calls, ["write_at", "flush"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_does_not_wait_for_a_sick_disk(self) -> None:
        self.warm_up()
        self.fail(errno.EIO, "flush", "create", times=99)
        refused = self.append(2)
        stopped = self.writer.stop()
        self.work()
        self.failureResultOf(refused, SpoolFailing)
        while self.thread.waiting or self.clock.getDelayedCalls():
            self.work()
        self.successResultOf(stopped)
