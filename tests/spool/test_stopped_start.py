"""A start that is stopped: it ends at the next record or file, and the next start finds everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.interfaces import SpoolStopped
from fopemta.mail.queued import Unfinished
from fopemta.spool.adopting import AdoptingSpool
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.testing.disk import Call, DoubleDisk
from fopemta.trust.verdict import Result
from tests.spool.contract import BOB, verdict
from tests.spool.life import DIRECTORY, Life


class Later(SameThread):
    """A thread that works when a test says so."""

    def __init__(self) -> None:
        self.works: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def log(self, work: Callable[[], Any]) -> Deferred[Any]:
        self.works.append((Deferred(), work))
        return self.works[-1][0]

    def run(self) -> None:
        works, self.works = self.works, []
        for answer, work in works:
            try:
                answer.callback(work())
            except SpoolStopped:
                answer.errback()


class StoppedStartTests(SynchronousTestCase):
    def setUp(self) -> None:
        life = Life(DoubleDisk())
        life.start()
        self.ids = [life.put(b"%d\r\n" % number) for number in range(6)]
        for message_id in self.ids[:3]:
            life.settle(life.spool.record(message_id, [verdict(BOB, Result.DEFERRED, message_id)], False))
            life.settle(life.spool.defer(message_id))
        life.settle(life.spool.stop())
        self.disk = life.disk

    def spool(self, threads: SameThread) -> Spool:
        limits = SpoolLimits(spool_free=0, message_size=0)
        return Spool(DIRECTORY, limits, Clock(), threads, self.disk)

    def stopped_after(self, calls: int) -> bool:
        """Begin a start and stop it when the disk has been asked so often; whether that was before its end."""
        spool = self.spool(SameThread())
        count = 0

        def stop(call: Call) -> None:
            nonlocal count
            count += spool._recovery is not None
            if count == calls and spool._recovery is not None:
                self.successResultOf(spool.stop())

        self.disk.before = stop
        starting = spool.start()
        self.disk.before = lambda call: None
        if count < calls:
            self.successResultOf(starting)
            self.successResultOf(spool.stop())
            return False
        self.failureResultOf(starting, SpoolStopped)
        return True

    def test_stopped_at_any_moment_and_started_again(self) -> None:
        calls = 0
        while self.stopped_after(calls := calls + 1):
            again = Life(self.disk)
            self.assertEqual([each.id for each in again.start()], self.ids, calls)
            again.settle(again.spool.stop())
        # The log, a look into the folder of each that has moved, and the bodies.
        self.assertGreater(calls, 8)

    def test_it_ends_at_the_next_record(self) -> None:
        asked = 0

        spool = self.spool(SameThread())

        def stop(call: Call) -> None:
            nonlocal asked
            if call.name == "read_at" and spool._recovery is not None:
                asked += 1
                self.successResultOf(spool.stop())

        self.disk.before = stop
        self.failureResultOf(spool.start(), SpoolStopped)
        self.assertEqual(asked, 1)

    def test_stopped_when_all_is_read_but_nobody_knows_yet(self) -> None:
        threads = Later()
        spool = self.spool(threads)
        starting = spool.start()
        [(_, work)] = threads.works
        found = work()
        threads.works[0] = (threads.works[0][0], lambda: found)
        self.successResultOf(spool.stop())
        threads.run()
        self.failureResultOf(starting, SpoolStopped)
        again = Life(self.disk)
        self.assertEqual([each.id for each in again.start()], self.ids)

    def test_it_ends_at_the_next_waiting_message(self) -> None:
        stopping: list[Deferred[None]] = []
        spool = self.spool(SameThread())

        def stop(call: Call) -> None:
            if call.name == "open" and call.path.endswith(".msg"):
                stopping.append(spool.stop())

        self.successResultOf(spool.start())
        self.disk.before = stop
        found: list[Unfinished] = []
        self.failureResultOf(spool.waiting(found.extend), SpoolStopped)
        self.assertEqual((len(stopping), found), (1, []))
        self.successResultOf(stopping[0])

    def test_of_several_the_next_is_not_begun(self) -> None:
        threads = [Later(), Later(), Later()]
        limits = SpoolLimits(spool_free=0, message_size=0)
        spools = [
            Spool(f"{DIRECTORY}{number}", limits, Clock(), each, DoubleDisk()) for number, each in enumerate(threads)
        ]
        several = AdoptingSpool(spools[0], spools[1:])
        starting = several.start()
        self.assertNoResult(starting)
        threads[0].run()
        self.assertEqual([len(each.works) > 0 for each in threads], [True, True, False])
        several.stop()
        for each in (*threads, *threads):
            each.run()
        self.failureResultOf(starting, SpoolStopped)
        self.assertEqual(threads[2].works, [])
