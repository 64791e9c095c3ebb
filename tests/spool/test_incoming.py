"""Messages on their way in: memory, files, and who is asked to wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread, maybe_now
from fopemta.testing.disk import DoubleDisk
from tests.spool.contract import ENVELOPE

KIB = 1024
MIB = 1024 * KIB


class SlowFiles(SameThread):
    """Works on files when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        self.slow = False

    def files(self, work: Callable[[], Any]) -> Deferred[Any]:
        if not self.slow:
            return maybe_now(work)
        waiting: Deferred[Any] = Deferred()
        self.waiting.append((work, waiting))
        return waiting

    def run(self) -> None:
        work, waiting = self.waiting.pop(0)
        maybe_now(work).chainDeferred(waiting)


class IncomingTests(SynchronousTestCase):
    """Through the spool, on the disk double."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.disk = DoubleDisk()
        self.threads = SlowFiles()
        self.spool = Spool("/spool", SpoolLimits(spool_free=0, message_size=0), self.clock, self.threads, self.disk)
        self.successResultOf(self.spool.start())
        self.number = 0

    def receive(self) -> Any:
        self.number += 1
        return self.spool.receive(f"0BCDFGHJKM{self.number:04}")

    def bodies(self) -> list[str]:
        return self.disk.tree("/spool/bodies")

    def test_up_to_256_kib_stay_in_the_record(self) -> None:
        incoming = self.receive()
        incoming.write(b"x" * 256 * KIB)
        committed = incoming.commit(ENVELOPE)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(committed).size, 256 * KIB)
        self.assertEqual(self.bodies(), [])

    def test_an_octet_more_goes_to_a_file_in_batches_of_a_mib(self) -> None:
        incoming = self.receive()
        sizes = []
        self.disk.after = lambda call: sizes.append(call.name) if "/bodies" in call.path else None
        for _ in range(40):
            incoming.write(b"x" * 64 * KIB)
        self.assertEqual(sizes, ["create", "write_at", "write_at"])
        incoming.commit(ENVELOPE)
        self.assertEqual(sizes[3:], ["write_at", "flush", "close", "flush_folder"])

    def test_two_batches_on_their_way_ask_for_a_pause(self) -> None:
        self.threads.slow = True
        incoming = self.receive()
        self.assertIsNone(incoming.write(b"x" * MIB))
        pause = incoming.write(b"y" * MIB)
        self.assertNoResult(pause)
        self.assertIs(incoming.write(b"z"), pause)
        self.threads.run()
        self.assertIsNone(self.successResultOf(pause))
        self.assertIsNone(incoming.write(b"more"))

    def test_a_slow_body_moves_to_its_file_after_5_seconds(self) -> None:
        incoming = self.receive()
        incoming.write(b"slow")
        self.clock.pump([1.0] * 4)
        self.assertEqual(self.bodies(), [])
        self.clock.pump([1.0] * 2)
        (body,) = self.bodies()
        self.assertEqual(self.disk.content(body), b"slow")
        incoming.write(b"er")
        self.clock.advance(1)
        self.assertEqual(self.disk.content(body), b"slower")

    def test_beyond_64_mib_together_bodies_move_to_files(self) -> None:
        """Many small messages that are being received at once do not fill the memory."""
        others = [self.receive() for _ in range(256)]
        for each in others:
            each.write(b"x" * 256 * KIB)
        self.assertEqual(self.bodies(), [])
        last = self.receive()
        last.write(b"y" * 64 * KIB)
        self.assertEqual(self.bodies(), [f"/spool/bodies/{last.message_id}"])
        for each in others:
            each.abort()
        again = self.receive()
        again.write(b"x" * 64 * KIB)
        self.assertEqual(len(self.bodies()), 1)

    def test_an_aborted_body_is_removed_even_while_it_is_written(self) -> None:
        self.threads.slow = True
        incoming = self.receive()
        incoming.write(b"x" * MIB)
        incoming.abort()
        while self.threads.waiting:
            self.threads.run()
        self.assertEqual(self.bodies(), [])
        self.assertFalse(self.disk.is_open(f"/spool/bodies/{incoming.message_id}"))

    def test_nothing_but_a_new_id_is_taken(self) -> None:
        """It becomes part of file names."""
        for message_id in ("", "../../etc/passwd", "0BCDFGH", "with space"):
            self.assertRaises(ValueError, self.spool.receive, message_id)
        incoming = self.receive()
        incoming.commit(ENVELOPE)
        self.clock.advance(0)
        self.assertRaises(ValueError, self.spool.receive, incoming.message_id)
