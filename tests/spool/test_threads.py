"""The spool with real threads, a real reactor and a real folder."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from fopemta.mail.queued import QueuedMessage
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.looking.reader import PartitionReader
from fopemta.spool.store import Spool
from fopemta.spool.threads import PoolThreads
from tests.spool.contract import ENVELOPE


class RealThreadsTests(TestCase):
    """Few and short: everything else is tested without threads."""

    def make(self, directory: str) -> Spool:
        limits = SpoolLimits(spool_free=0, message_size=0)
        return Spool(directory, limits, reactor, PoolThreads(reactor))

    async def put(self, spool: Spool, message_id: str, content: bytes) -> QueuedMessage:
        incoming = spool.receive(message_id)
        pause = incoming.write(content)
        if pause is not None:
            await pause
        return await incoming.commit(ENVELOPE)

    async def test_many_at_once_and_a_restart(self) -> None:
        directory = self.mktemp()
        spool = self.make(directory)
        # Its threads would keep the process for ever.
        self.addCleanup(lambda: spool.stop())
        await spool.start()
        contents = {f"0BCDFGHJKM{number:04}": b"%d" % number * (1 + number**4) for number in range(30)}
        await gatherResults([Deferred.fromCoroutine(self.put(spool, *item)) for item in contents.items()])
        await gatherResults([spool.defer(each) for each in list(contents)[::3]])
        await gatherResults([spool.record(each, [], True) for each in list(contents)[::2]])
        left = list(contents)[1::2]
        self.assertEqual({row["id"] for row in PartitionReader(directory).listing().rows()}, set(left))
        await spool.stop()
        spool = self.make(directory)
        found = list(await spool.start())
        await spool.waiting(found.extend)
        self.assertEqual({message.id for message in found}, set(left))
        for message_id in left:
            content = await spool.content(message_id)
            pieces = []
            while piece := await content.read(65536):
                pieces.append(piece)
            content.close()
            self.assertEqual(b"".join(pieces), contents[message_id])
        await spool.stop()

    async def test_what_fails_in_the_thread_of_the_log_is_told_and_the_next_is_done(self) -> None:
        threads = PoolThreads(reactor)
        threads.start()
        self.addCleanup(threads.stop)
        failed, done = threads.log(lambda: 1 // 0), threads.log(lambda: 1)
        await self.assertFailure(failed, ZeroDivisionError)
        self.assertEqual(await done, 1)

    async def test_what_was_asked_for_before_the_end_is_done(self) -> None:
        threads = PoolThreads(reactor)
        threads.start()
        asked = [threads.log(lambda number=number: number) for number in range(3)]  # type: ignore[misc]
        threads.stop()
        self.assertEqual([await each for each in asked], [0, 1, 2])
