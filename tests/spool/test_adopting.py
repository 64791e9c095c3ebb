"""Spools whose owners are gone, beside one's own."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.interfaces import ISpool
from fopemta.mail.queued import Unfinished
from fopemta.spool.adopting import AdoptingSpool
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.testing.disk import DoubleDisk
from fopemta.trust.verdict import Result
from tests.spool.contract import ALICE, BOB, CAROL, ENVELOPE, ID, OTHER_ID, REPORT, SpoolContract, verdict


class Base(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.disk = DoubleDisk()
        self.spool = self.make_spool()

    def make(self, directory: str) -> Spool:
        limits = SpoolLimits(spool_free=0, message_size=0)
        return Spool(directory, limits, self.clock, SameThread(), self.disk, 64 * 1024)

    def make_spool(self) -> AdoptingSpool:
        return AdoptingSpool(self.make("/spool"), [self.make("/spool/workers/2"), self.make("/spool/workers/3")])

    def drive(self) -> None:
        for _ in range(10):
            self.clock.advance(0)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def find(self, spool: ISpool) -> list[Unfinished]:
        found: list[Unfinished] = list(self.successResultOf(spool.start()))
        reading = spool.waiting(found.extend)
        while not reading.called:
            self.clock.advance(0)
        self.successResultOf(reading)
        return sorted(found, key=lambda each: (each.arrived, each.id))


class SeveralSpoolsContractTests(Base, SpoolContract):
    """It is a spool like any other."""

    def setUp(self) -> None:
        super().setUp()
        self.settle(self.spool.start())

    def restart(self) -> Sequence[Unfinished]:
        self.settle(self.spool.stop())
        self.spool = self.make_spool()
        return self.find(self.spool)


class AdoptedTests(Base):
    """/spool/workers/2 had an owner who has left a message and a report in it."""

    settle = SpoolContract.settle
    read = SpoolContract.read

    def setUp(self) -> None:
        super().setUp()
        gone = self.make("/spool/workers/2")
        self.settle(gone.start())
        incoming = gone.receive(ID)
        incoming.write(b"left behind\r\n")
        self.settle(incoming.commit(ENVELOPE))
        self.settle(gone.submit("RPRT0001", REPORT, b"report\r\n"))
        self.settle(gone.record("RPRT0001", [verdict(ALICE, Result.DELIVERED, "RPRT0001")], True))
        self.settle(gone.stop())
        self.found = self.find(self.spool)

    def test_its_mail_is_found_and_read(self) -> None:
        self.assertEqual([each.id for each in self.found], [ID])
        self.assertEqual(self.settle(self.spool.load(ID)).envelope, ENVELOPE)
        self.assertEqual(self.read(ID), b"left behind\r\n")

    def test_outcomes_are_written_where_it_lies(self) -> None:
        self.settle(self.spool.record(ID, [verdict(BOB, Result.DELIVERED)], False))
        self.settle(self.spool.defer(ID))
        self.settle(self.spool.record(ID, [verdict(CAROL, Result.DELIVERED)], True))
        self.settle(self.spool.stop())
        gone = self.make("/spool/workers/2")
        self.assertEqual(self.find(gone), [])

    def test_new_mail_is_one_s_own(self) -> None:
        self.settle(self.spool.submit(OTHER_ID, REPORT, b"new\r\n"))
        self.settle(self.spool.stop())
        own = self.make("/spool")
        self.assertEqual([each.id for each in self.settle(own.start())], [OTHER_ID])

    def test_a_report_that_was_made_there_is_not_made_again(self) -> None:
        self.assertIsNone(self.settle(self.spool.submit("RPRT0001", REPORT, b"report\r\n")))

    def test_one_with_nothing_in_it_is_closed_again(self) -> None:
        self.settle(self.make("/spool/workers/3").start())
