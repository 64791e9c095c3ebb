"""The spool in memory."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.interfaces import SpoolFailing, SpoolFull
from fopemta.mail.queued import Unfinished
from fopemta.spool.memory import MemorySpool
from tests.spool.contract import ENVELOPE, ID, REPORT, SpoolContract


class MemorySpoolTests(SpoolContract, SynchronousTestCase):
    """The contract, and the switches that tests turn."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.spool = MemorySpool(self.clock)
        self.settle(self.spool.start())

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def restart(self) -> Sequence[Unfinished]:
        self.settle(self.spool.stop())
        return self.settle(self.spool.start())

    def test_trouble_refuses_everything_and_keeps_nothing(self) -> None:
        for switch, trouble in (("full", SpoolFull), ("failing", SpoolFailing)):
            incoming = self.spool.receive(ID)
            setattr(self.spool, switch, True)
            self.failureResultOf(incoming.commit(ENVELOPE), trouble)
            self.assertRaises(trouble, self.spool.receive, ID)
            self.failureResultOf(self.spool.submit(ID, REPORT, b""), trouble)
            setattr(self.spool, switch, False)
            self.assertEqual(self.reopen(), [])

    def test_a_slow_spool_answers_at_its_flush(self) -> None:
        self.spool.slow = True
        incoming = self.spool.receive(ID)
        committed = incoming.commit(ENVELOPE)
        self.assertNoResult(committed)
        self.assertEqual(self.reopen(), [])
        self.spool.flush()
        self.assertEqual(self.successResultOf(committed).id, ID)

    def test_a_busy_spool_asks_for_a_pause(self) -> None:
        incoming = self.spool.receive(ID)
        self.assertIsNone(incoming.write(b"a"))
        self.spool.busy = Deferred()
        self.assertIs(incoming.write(b"b"), self.spool.busy)
        incoming.abort()
