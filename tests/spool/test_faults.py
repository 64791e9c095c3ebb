"""A disk that is full, failing or read-only, and a process without descriptors: at each call, once or for a while."""

from __future__ import annotations

import errno
from collections.abc import Callable

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.interfaces import SpoolFailing, SpoolFull, SpoolTrouble
from fopemta.testing.disk import Call, DoubleDisk
from tests.spool.life import CHANGES, DIRECTORY, Life, broken_promises

FAULTS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE)
# What each error can happen to; it is never an answer to other calls.
AFFECTED = {
    errno.ENOSPC: {"make_folder", "create", "allocate", "write_at", "link", "rename"},
    errno.EIO: CHANGES | {"read_at", "names"},
    errno.EROFS: CHANGES - {"flush", "flush_folder"},
    errno.EMFILE: {"create", "open", "names", "flush_folder"},
}


@attrs.define
class Fault:
    """Fails the call number `at` and the next `length` that can fail so."""

    error: int
    at: int
    length: int
    count: int = 0
    hit: bool = False
    healed: bool = False

    def __call__(self, call: Call) -> None:
        if call.name not in AFFECTED[self.error] or self.healed:
            return
        self.count += 1
        if self.at <= self.count < self.at + self.length:
            self.hit = True
            raise OSError(self.error, "fault", call.path)


class FaultyLife:
    """Goes on whatever is refused, as clients and queue do, and checks what it is told."""

    def __init__(self, test: SynchronousTestCase, fault: Fault) -> None:
        self.life = Life(DoubleDisk())
        self.life.start()
        self.life.disk.before = fault
        self.fault = fault
        self.test = test

    def attempt(self, step: Callable[..., str | None], *arguments: object) -> str | None:
        try:
            return step(*arguments)
        except SpoolTrouble as trouble:
            expected = SpoolFull if self.fault.error == errno.ENOSPC else SpoolFailing
            self.test.assertIsInstance(trouble, expected, f"{step} with {self.fault}")
            self.test.assertTrue(self.fault.hit)
            return None

    def live(self) -> None:
        life, put = self.life, self.life.try_put
        kept = [
            self.attempt(put, content)
            for content in (b"one\r\n", b"two\r\n" * 2000, b"large" * 60_000, b"more\r\n" * 2000, b"other\r\n" * 2000)
        ]
        for message_id in filter(None, kept[:3]):
            self.attempt(life.deferred_once, message_id)
            self.attempt(self.defer, message_id)
            self.attempt(life.deferred_once, message_id, 2)
        for message_id in filter(None, (kept[0], kept[2], kept[4])):
            self.attempt(self.finish, message_id)
        self.attempt(put, b"last\r\n")

    def defer(self, message_id: str) -> None:
        self.life.settle(self.life.spool.defer(message_id))

    def finish(self, message_id: str) -> None:
        """An outcome that is refused is worked out again, so the message may come back, or not."""
        self.life.ledger.ending.add(message_id)
        self.life.finish(message_id)

    def heal(self) -> None:
        """The disk is well again, and a minute passes."""
        self.fault.healed = True
        self.life.clock.pump([1.0] * 60)


class FaultTests(SynchronousTestCase):
    """C099, C118."""

    def check(self, fault: Fault) -> bool:
        """Live through a fault; whether it was met."""
        faulty = FaultyLife(self, fault)
        faulty.live()
        faulty.heal()
        life, ledger = faulty.life, faulty.life.ledger
        after = life.put(b"after the fault\r\n")
        for message_id in ledger.promised - ledger.ending:
            self.assertEqual(life.content(message_id), ledger.offered[message_id], fault)
        self.assertIn(after, ledger.promised)
        life.clock.advance(2)
        life.drive()
        for what, image in life.disk.images(random_ones=fault.length // 10, seed=fault.at):
            self.assertEqual(broken_promises(image, ledger), [], f"{fault}, cut with {what} kept")
        self.flushLoggedErrors()
        return fault.hit

    def test_C118_one_failed_call(self) -> None:
        """Nothing half accepted, the right trouble, and the next message is taken without a restart."""
        for error in FAULTS:
            at = 1
            while self.check(Fault(error, at, 1)):
                at += 1
            self.assertGreater(at, 10)

    def test_C118_a_spell_of_failures(self) -> None:
        for error in FAULTS:
            for at in range(1, 60, 7):
                self.check(Fault(error, at, 25))

    def test_C099_a_refused_message_does_not_come_back(self) -> None:
        """The record may be on the disk although its flush failed: it is cancelled."""
        for error, at in ((errno.EIO, at) for at in range(1, 60)):
            faulty = FaultyLife(self, Fault(error, at, 1))
            faulty.live()
            faulty.heal()
            refused = faulty.life.ledger.refused
            for _, image in faulty.life.disk.images(random_ones=1):
                again = Life(image)
                self.assertEqual({each.id for each in again.start()} & refused, set(), at)

    def test_C118_a_disk_that_fills_up_and_is_emptied(self) -> None:
        """No double fault injection here: the disk has so much room and no more."""
        life = Life(DoubleDisk(capacity=200_000))
        life.start()
        kept = []
        with self.assertRaises(SpoolFull):
            while True:
                kept.append(life.try_put(b"filling\r\n" * 1000))
        self.assertGreater(len(kept), 5)
        for message_id in kept[:3]:
            life.deferred_once(message_id)
        life.finish(kept[0])
        life.disk.capacity = 2**30
        for _ in range(60):
            life.clock.advance(1)
            life.drive()
        life.put(b"after\r\n")
        for _, image in life.disk.images():
            self.assertEqual(broken_promises(image, life.ledger), [])

    def test_trouble_is_known_before_the_message_is_sent(self) -> None:
        """While the log is in trouble a client is refused at MAIL, not after its data."""
        life = Life(DoubleDisk())
        life.start()
        fault = life.disk.before = Fault(errno.EIO, 1, 10**6)
        self.assertRaises(SpoolFailing, life.try_put, b"x")
        self.assertRaises(SpoolFailing, life.spool.receive, "0BCDFGHJKM7777")
        fault.healed = True
        life.clock.advance(0.2)
        life.drive()
        life.put(b"y")

    def test_a_start_that_fails_can_be_repeated(self) -> None:
        for error in FAULTS:
            life = Life(DoubleDisk())
            life.start()
            life.put(b"kept\r\n")
            life.settle(life.spool.stop())
            at, failed = 1, True
            while failed:
                life.disk.before = fault = Fault(error, at, 1)
                again = Life(life.disk)
                try:
                    again.settle(again.spool.start())
                except SpoolTrouble:
                    pass
                else:
                    again.settle(again.spool.stop())
                failed = fault.hit
                life.disk.before = lambda call: None
                last = Life(life.disk)
                self.assertEqual([each.size for each in last.start()], [6], fault)
                last.settle(last.spool.stop())
                self.assertEqual(life.disk.tree(f"{DIRECTORY}/corrupt"), [])
                at += 1
