"""The durable spool, on a disk in memory and on a real one."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.queued import Unfinished
from fopemta.spool.disk import RealDisk
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.testing.disk import DoubleDisk
from tests.spool.contract import SpoolContract

SMALL_SEGMENT = 64 * 1024


class DoubleDiskSpoolTests(SpoolContract, SynchronousTestCase):
    """The contract on the double."""

    directory = "/var/spool/fopemta"

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.disk = self.make_disk()
        self.spool = self.make_spool()
        self.settle(self.spool.start())

    def make_disk(self) -> DoubleDisk | RealDisk:
        return DoubleDisk()

    def make_spool(self) -> Spool:
        limits = SpoolLimits(spool_free=0, message_size=0)
        return Spool(self.directory, limits, self.clock, SameThread(), self.disk, SMALL_SEGMENT)

    def drive(self) -> None:
        for _ in range(10):
            self.clock.advance(0)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def restart(self) -> Sequence[Unfinished]:
        self.settle(self.spool.stop())
        self.spool = self.make_spool()
        found = list(self.settle(self.spool.start()))
        reading = self.spool.waiting(found.extend)
        while not reading.called:
            self.clock.advance(0)
        self.settle(reading)
        return sorted(found, key=lambda each: (each.arrived, each.id))


class RealDiskSpoolTests(DoubleDiskSpoolTests):
    """The contract on a real file system."""

    def make_disk(self) -> RealDisk:
        self.directory = self.mktemp()
        return RealDisk()
