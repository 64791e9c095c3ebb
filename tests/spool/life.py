"""A spool's life on a disk double, and a ledger of what it has promised so far: what any crash must respect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from fopemta.interfaces import IIncoming, SpoolTrouble
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.spool.threads import SameThread
from fopemta.testing.disk import Call, DoubleDisk
from fopemta.trust.verdict import Result, VerdictRecord
from tests.spool.contract import BOB, CAROL, ENVELOPE, REPORT, verdict

T = TypeVar("T")

DIRECTORY = "/spool"
SMALL_SEGMENT = 16 * 1024


@attrs.define
class Ledger:
    """`offered`: content by id of all that was ever begun.  `promised`: ids whose 250 left.  `ending`: ids whose
    finishing was asked for.  `gone`: ids that are finished for good.  `refused`: ids whose clients were told
    to come again.  `told`: outcomes that are durable, by id.
    """

    offered: dict[str, bytes] = attrs.Factory(dict)
    promised: set[str] = attrs.Factory(set)
    ending: set[str] = attrs.Factory(set)
    gone: set[str] = attrs.Factory(set)
    refused: set[str] = attrs.Factory(set)
    told: dict[str, list[VerdictRecord]] = attrs.Factory(dict)


class Life:
    """Drives one spool and keeps the ledger; the clock on the wall is ahead of the steady one by `shift` seconds."""

    def __init__(
        self,
        disk: DoubleDisk,
        ledger: Ledger | None = None,
        directory: str = DIRECTORY,
        shift: float = 0.0,
        segment: int = SMALL_SEGMENT,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.disk = disk
        self.ledger = Ledger() if ledger is None else ledger
        limits = SpoolLimits(spool_free=0, message_size=0)
        now = lambda: self.clock.seconds() + shift  # noqa: E731
        self.spool = Spool(directory, limits, self.clock, SameThread(), disk, segment, now)
        self._number = 0

    def drive(self) -> None:
        for _ in range(4):
            self.clock.advance(0)

    def settle(self, work: Deferred[T]) -> T:
        """What `work` fires with; a failure is raised."""
        results: list[T | Failure] = []
        work.addBoth(results.append)
        self.drive()
        assert len(results) == 1, "no result"
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def start(self) -> Sequence[QueuedMessage]:
        """Start, and read every message that was found."""
        return [self.settle(self.spool.load(entry.id)) for entry in self.find()]

    def pass_time(self, seconds: int) -> None:
        """One look after things for each second."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.drive()

    def find(self) -> list[Unfinished]:
        """Start, and read on until all that waits is known; the oldest first."""
        found = list(self.settle(self.spool.start()))
        reading = self.spool.waiting(found.extend)
        while not reading.called:
            self.clock.advance(0)
        self.settle(reading)
        return sorted(found, key=lambda each: (each.arrived, each.id))

    def begin(self, content: bytes, message_id: str | None = None) -> IIncoming:
        self._number += 1
        incoming = self.spool.receive(message_id or f"0BCDFGHJKM{self._number:04}")
        self.ledger.offered[incoming.message_id] = content
        incoming.write(content)
        return incoming

    def promise(self, incoming: IIncoming) -> Deferred[QueuedMessage]:
        """Commit: the 250 leaves in the moment in which the Deferred fires."""

        def keep(message: QueuedMessage) -> QueuedMessage:
            self.ledger.promised.add(message.id)
            return message

        return incoming.commit(ENVELOPE).addCallback(keep)

    def put(self, content: bytes) -> str:
        return self.settle(self.promise(self.begin(content))).id

    def try_put(self, content: bytes) -> str | None:
        """Put, and note when it was refused; the SpoolTrouble is raised."""
        incoming = self.begin(content)
        try:
            return self.settle(self.promise(incoming)).id
        except SpoolTrouble:
            self.ledger.refused.add(incoming.message_id)
            raise

    def put_together(self, *contents: bytes) -> list[str]:
        """Several that share a batch."""
        working = [self.promise(self.begin(content)) for content in contents]
        return [self.settle(each).id for each in working]

    def report(self, content: bytes, message_id: str) -> None:
        self.ledger.offered[message_id] = content
        self.settle(self.spool.submit(message_id, REPORT, content))
        self.ledger.promised.add(message_id)

    def deferred_once(self, message_id: str, attempt: int = 1) -> None:
        """An outcome that is durable a second later."""
        verdicts = [verdict(each, Result.DEFERRED, message_id, attempt) for each in (BOB, CAROL)]
        self.settle(self.spool.record(message_id, verdicts, False))
        self.clock.advance(1.1)
        self.drive()
        self.ledger.told[message_id] = verdicts

    def finish(self, message_id: str) -> None:
        self.ledger.ending.add(message_id)
        self.settle(self.spool.record(message_id, [verdict(BOB, Result.DELIVERED, message_id)], True))
        self.clock.advance(1.1)
        self.drive()
        self.ledger.gone.add(message_id)

    def content(self, message_id: str) -> bytes:
        reader = self.settle(self.spool.content(message_id))
        pieces = []
        while piece := self.settle(reader.read(2**20)):
            pieces.append(piece)
        reader.close()
        return b"".join(pieces)


def whole_life(life: Life) -> None:
    """Every kind of step once: small, shared, large and aborted mail, outcomes, moves, removals, rotation."""
    life.start()
    one = life.put(b"one\r\n" * 100)
    two, three = life.put_together(b"two\r\n" * 2000, b"three\r\n")
    large = life.put(b"large" * 60_000)
    life.begin(b"aborted" * 60_000).abort()
    life.deferred_once(two)
    life.settle(life.spool.defer(two))
    life.settle(life.spool.defer(large))
    life.deferred_once(two, attempt=2)
    life.finish(one)
    life.report(b"report\r\n", "0BCDFGHJKM9999")
    life.finish("0BCDFGHJKM9999")
    # Three segments whose completions are in a fourth, all held up by `three` in the first.
    for filling in [life.put(b"filling\r\n" * 1000) for _ in range(3)]:
        life.finish(filling)
    life.finish(life.put(b"more filling\r\n" * 1000))
    direct = life.put(b"direct" * 50_000)
    life.finish(direct)
    life.settle(life.spool.defer(three))
    # The outcomes of `two` come into its journal; then it and its body go while the log that says so goes, too.
    life.pass_time(21)
    life.deferred_once(three)
    life.finish(two)
    life.finish(large)
    for filling in [life.put(b"filling up\r\n" * 1000) for _ in range(3)]:
        life.finish(filling)
    life.pass_time(21)
    life.put(b"last\r\n")
    life.settle(life.spool.stop())


def broken_promises(image: DoubleDisk, ledger: Ledger, directory: str = DIRECTORY) -> list[str]:
    """What a spool that starts on `image` gets wrong."""
    words = f"{directory}/format"
    wrong = [f"{words} is damaged" for path in image.tree() if path == words and not image.content(words)]
    life = Life(image, directory=directory)
    recovered = {message.id: message for message in life.start()}
    wrong += [f"{each} is lost" for each in ledger.promised - ledger.ending - set(recovered)]
    wrong += [f"{each} has come back" for each in ledger.gone & set(recovered)]
    for message_id, message in recovered.items():
        if life.content(message_id) != ledger.offered[message_id]:
            wrong.append(f"{message_id} has other content")
        for told in ledger.told.get(message_id, []):
            attempts = [each.attempts for each in message.recipients if str(each.address) == told.recipient]
            if message_id not in ledger.ending and attempts[0] < told.attempt:
                wrong.append(f"{message_id} has forgotten attempt {told.attempt}")
    wrong += [f"{path} is no damage" for path in image.tree(f"{directory}/corrupt")]
    return wrong


CHANGES = {
    "make_folder", "create", "allocate", "write_at", "truncate", "flush", "flush_folder", "rename", "link", "unlink",
}  # fmt: skip


def watch(
    life: Life, cut: Callable[[str, DoubleDisk], None], until: Callable[[], bool] = lambda: False, random_ones: int = 2
) -> None:
    """Call `cut(what, image)` with every image after every call that changes something, `until` it is enough."""
    count = 0

    def after(call: Call) -> None:
        nonlocal count
        count += 1
        if call.name not in CHANGES or until():
            return
        for what, image in life.disk.images(random_ones, seed=count):
            cut(f"after {call.name} {call.path} in {call.site}, kept {what}", image)

    life.disk.after = after
