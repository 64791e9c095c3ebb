"""The durable spool (shell, reactor thread): an intake log with shared flushes, and `deferred/` for mail that waits.

`docs/spool.md` lists the states of a message and why a crash in each is safe.
"""

from __future__ import annotations

import heapq
import os.path
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from twisted.internet.defer import Deferred, execute, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from fopemta import maillog
from fopemta.background import supervise
from fopemta.formats.brief import in_order, logged_brief, place_of_brief
from fopemta.formats.layout import MessageFiles, SpoolLayout
from fopemta.formats.message_json import (
    StoredFacts,
    facts_from_json,
    facts_to_json,
    outcome_to_json,
)
from fopemta.formats.record import Draft, RecordKind
from fopemta.formats.waiting_file import Unsound, message_of
from fopemta.interfaces import (
    IIncoming,
    IMessageContent,
    ISpool,
    SpoolStopped,
    SpoolTrouble,
    UnknownMessage,
)
from fopemta.mail.damage import PutAside
from fopemta.mail.envelope import Envelope
from fopemta.mail.identifiers import MESSAGE_ID
from fopemta.mail.plain_json import encoded
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.spool.body_file import BodyFile
from fopemta.spool.catalog import Catalog, LoggedEntry
from fopemta.spool.content import FileContent, OctetsContent
from fopemta.spool.disk import Disk, RealDisk, anew, remove_if_there, trouble_of
from fopemta.spool.incoming import Budget, Incoming
from fopemta.spool.limits import RoomGauge, SpoolLimits
from fopemta.spool.log.intake_log import SEGMENT_SIZE, IntakeLog
from fopemta.spool.log.segment import Position, read_content, read_meta
from fopemta.spool.log.writer import LogWriter
from fopemta.spool.looking.listing import Listing, read_brief, waiting_paths
from fopemta.spool.ownership import take
from fopemta.spool.quarantine import Quarantine
from fopemta.spool.recovery import Recovered, Recovery
from fopemta.spool.removal import Removal
from fopemta.spool.threads import Threads
from fopemta.spool.turns import Turns
from fopemta.spool.upkeep import DeadSegments, Upkeep
from fopemta.spool.waiting.briefs import KeptBriefs
from fopemta.spool.waiting.folder import DeferredFolder
from fopemta.spool.waiting.journals import Journals
from fopemta.spool.waiting.mover import Mover
from fopemta.spool.waiting.reading import Reading
from fopemta.spool.waiting.visits import Visits
from fopemta.trust.verdict import VerdictRecord

T = TypeVar("T")


@implementer(ISpool)
class Spool:
    """`directory` is made when it is missing.  Nothing is opened before `lock` or `start`.

    Waits run on `clock`; `now` gives the wall time at which messages arrive, unless given that of `clock`.
    `segment_size` in octets is for tests.  `held` is the descriptor of a lock that was taken for us (`ownership.take`).
    """

    def __init__(
        self,
        directory: str,
        limits: SpoolLimits,
        clock: IReactorTime,
        threads: Threads,
        disk: Disk | None = None,
        segment_size: int = SEGMENT_SIZE,
        now: Callable[[], float] | None = None,
        held: int | None = None,
    ) -> None:
        self._layout = SpoolLayout(os.path.abspath(directory))
        self._disk = disk if disk is not None else RealDisk()
        self._clock = clock
        self._now = now if now is not None else clock.seconds
        self._threads = threads
        self._segment_size = segment_size
        self._gauge = RoomGauge(self._disk, self._layout.directory, limits, clock)
        self._quarantine = Quarantine(self._disk, self._layout)
        self._budget = Budget()
        self._turns = Turns()
        self._waiting = DeferredFolder(self._disk, self._layout.deferred)
        self._receiving: dict[Incoming, None] = {}
        self._lock = held
        self._started = False
        # While it starts.
        self._recovery: Recovery | None = None
        # Made by `start`, when it is known what is there.
        self._catalog: Catalog
        self._log: IntakeLog
        self._writer: LogWriter
        self._removal: Removal
        self._mover: Mover
        self._visits: Visits
        self._journals: Journals
        self._reading: Reading
        self._dead: DeadSegments
        self._upkeep: Upkeep

    # --- start and stop ------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """Take the spool for this process; blocks shortly.  `start` does it if it has not been done.

        Raises SpoolUnusable, or SpoolTrouble when the disk fails.
        """
        if self._lock is None:
            try:
                self._lock = take(self._disk, self._layout)
            except OSError as error:
                raise trouble_of(error) from error

    def start(self) -> Deferred[Sequence[Unfinished]]:
        """Recover.  Fails with SpoolUnusable or SpoolTrouble; with SpoolStopped after `stop`."""
        return Deferred.fromCoroutine(self._start())

    def stop(self) -> Deferred[None]:
        """Finish what is being written; what clients have not finished sending is forgotten.  A start under way ends
        as soon as it can, and gives everything back by itself.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _start(self) -> Sequence[Unfinished]:
        self.lock()
        self._threads.start()
        began = self._clock.seconds()
        recovery = self._recovery = Recovery(self._disk, self._layout, self._quarantine, began)
        try:
            found = await self._threads.log(recovery.run)
            recovery.go_on()
        except OSError as error:
            self._close()
            raise trouble_of(error) from error
        except SpoolStopped:
            self._close()
            raise
        finally:
            self._recovery = None
        self._open(found)
        self._settle(found)
        self._upkeep.start()
        self._started = True
        self._began = began
        self._found = len(found.messages)
        return found.messages

    def waiting(self, take: Callable[[Sequence[Unfinished]], None]) -> Deferred[None]:
        """Read `deferred/`.  Fails with SpoolStopped after `stop`."""
        return Deferred.fromCoroutine(self._read_waiting(take))

    async def _read_waiting(self, take: Callable[[Sequence[Unfinished]], None]) -> None:
        count = self._found + await self._reading.run(take)
        self._dead.remove()
        maillog.recovered(count, self._clock.seconds() - self._began)

    def _open(self, found: Recovered) -> None:
        """Make the parts that know what was found."""
        disk, layout, threads, clock = self._disk, self._layout, self._threads, self._clock
        self._catalog = Catalog(found.logged, KeptBriefs(found.deferred, self._large_brief), found.unwritten)
        self._log = IntakeLog(disk, layout, found.last_sequence, self._segment_size)
        self._log.segments.extend(found.segments)
        self._dead = DeadSegments(self._log, threads)
        self._writer = LogWriter(self._log, clock, threads, self._dead.remove)
        self._removal = Removal(self._writer, threads, self._waiting, self._dead.remove)
        self._mover = Mover(
            disk, layout, threads, self._catalog, self._turns, self._waiting, self._writer, self._removal
        )
        self._visits = Visits(threads, self._catalog, self._waiting)
        self._journals = Journals(clock, threads, self._catalog, self._waiting, self._damaged, self._dead.remove)
        self._reading = Reading(
            disk, layout.deferred, threads, clock, self._catalog, self._quarantine, self._writer, self._removal,
            found.finished,
        )  # fmt: skip
        self._upkeep = Upkeep(
            clock, threads, self._log, self._mover, self._dead, self._gauge, lambda: iter(self._receiving), self._sweep
        )

    def _settle(self, found: Recovered) -> None:
        """Complete the log's records of messages that are in `deferred/`, too; only then may files be removed."""
        for message_id in sorted(found.twice):
            self._mover.complete(message_id)
            self._removal.after_flush(partial(remove_if_there, self._disk, self._layout.body(message_id)))
        self._dead.remove()

    def _sweep(self) -> None:
        """What is due now and then.  Outcomes are not brought to their journals while those are read."""
        if self._reading.over:
            self._journals.sweep()
            self._removal.sweep()

    async def _stop(self) -> None:
        if self._recovery is not None:
            self._recovery.stop()
        if self._started:
            self._started = False
            self._upkeep.stop()
            for incoming in list(self._receiving):
                incoming.abort()
            self._mover.stop()
            self._reading.stop()
            if self._reading.begun:
                await self._reading.until_over()
            await self._writer.stop()
            try:
                await self._threads.log(self._log.close)
            except OSError as error:
                maillog.spool_trouble(str(error))
            self._close()

    def _close(self) -> None:
        self._threads.stop()
        if self._lock is not None:
            self._disk.close(self._lock)
            self._lock = None

    # --- taking messages -----------------------------------------------------------------------------------------

    def receive(self, message_id: str) -> IIncoming:
        """Begin a message.  Raises SpoolTrouble; ValueError for what is no id or one that is in use."""
        if MESSAGE_ID.fullmatch(message_id) is None or message_id in self._catalog:
            raise ValueError(f"not a new message id: {message_id!r}")
        trouble = self._writer.trouble or self._gauge.trouble()
        if trouble is not None:
            raise anew(trouble)
        return self._begin(message_id)

    def _begin(self, message_id: str) -> Incoming:
        incoming = Incoming(message_id, self, self._budget, self._clock.seconds())
        self._receiving[incoming] = None
        return incoming

    def submit(self, message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage | None]:
        """Keep a message made here, once."""
        return Deferred.fromCoroutine(self._submit(message_id, envelope, content))

    async def _submit(self, message_id: str, envelope: Envelope, content: bytes) -> QueuedMessage | None:
        await self._turns.begin(message_id)
        try:
            if await self.knows(message_id):
                return None
            # The room that is kept free is for such, too: messages that only wait to be reported would fill the queue,
            # and nothing would leave it any more that makes room.
            incoming = self._begin(message_id)
            incoming.write(content)
            return await incoming.commit(envelope)
        finally:
            self._turns.end(message_id)

    def __contains__(self, message_id: str) -> bool:
        """It is here, unfinished; to be asked once it is started."""
        return message_id in self._catalog

    def holds(self, message_id: str) -> bool:
        """See ISpool."""
        return message_id in self._catalog

    @property
    def is_empty(self) -> bool:
        """There is no unfinished message; to be asked once all have been read."""
        return not self._catalog.logged and not any(True for _ in self._catalog.deferred)

    async def knows(self, message_id: str) -> bool:
        """It is here, or was made here a while ago and may be finished."""
        await self._seen(message_id)
        return message_id in self._catalog or any(message_id in each.made_here for each in self._log.segments)

    async def _seen(self, message_id: str) -> None:
        """Wait until it is certain whether it is here: it may not have been read yet."""
        if message_id not in self._catalog and self._reading.begun:
            await self._reading.until_over()

    def body_file(self, message_id: str) -> BodyFile:
        """For `Incoming`."""
        return BodyFile(self._disk, self._layout, self._threads, message_id)

    def ended(self, incoming: Incoming) -> None:
        """For `Incoming`."""
        self._receiving.pop(incoming, None)

    def keep_inline(self, message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage]:
        """For `Incoming`."""
        if envelope.arrival is not None and (room := self._mover.room()) is not None:
            return room.addCallback(lambda _: self._keep_inline(message_id, envelope, content))
        return self._keep_inline(message_id, envelope, content)

    def _keep_inline(self, message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage]:
        facts = StoredFacts(message_id, self._now(), len(content), envelope)
        draft = Draft(RecordKind.MESSAGE, message_id, facts_to_json(facts), content)
        return self._writer.append(draft, durable=True).addCallback(self._kept, facts)

    def keep_body(self, message_id: str, envelope: Envelope, size: int, body: BodyFile) -> Deferred[QueuedMessage]:
        """For `Incoming`."""
        return Deferred.fromCoroutine(self._keep_body(message_id, envelope, size, body))

    async def _keep_body(self, message_id: str, envelope: Envelope, size: int, body: BodyFile) -> QueuedMessage:
        try:
            await body.finish()
        except SpoolTrouble:
            supervise(body.discard(), "removing a refused body")
            raise
        facts = StoredFacts(message_id, self._now(), size, envelope, separate=True)
        try:
            position = await self._writer.append(
                Draft(RecordKind.MESSAGE, message_id, facts_to_json(facts)), durable=True
            )
        except SpoolTrouble:
            # The record may be on the disk: its body goes only once the record is cancelled.
            self._removal.after_flush(body.remove)
            raise
        return self._kept(position, facts)

    def _kept(self, position: Position, facts: StoredFacts) -> QueuedMessage:
        self._catalog.add(facts.id, LoggedEntry(position, self._clock.seconds(), facts.separate))
        self._reading.keep_out(facts.id)
        if facts.envelope.arrival is None:
            position.segment.made_here.add(facts.id)
        return QueuedMessage.fresh(facts.id, facts.arrived, facts.size, facts.envelope)

    # --- giving them back ----------------------------------------------------------------------------------------

    def load(self, message_id: str) -> Deferred[QueuedMessage]:
        """As recorded."""
        return Deferred.fromCoroutine(self._load(message_id))

    async def _load(self, message_id: str) -> QueuedMessage:
        await self._seen(message_id)
        entry = self._catalog.logged.get(message_id)
        if entry is None:
            return await self._of_waiting(message_id, lambda: self._visits.load(message_id))
        with _disk_trouble():
            facts = facts_from_json(read_meta(self._disk, entry.position))
        return message_of(facts, entry.outcomes)

    def content(self, message_id: str) -> Deferred[IMessageContent]:
        """Its content."""
        entry = self._catalog.logged.get(message_id)
        if entry is not None and not entry.separate:
            return execute(self._logged_content, entry)  # nearly all mail: nothing is waited for
        if entry is None and (octets := self._visits.content(message_id)) is not None:
            return succeed(OctetsContent(octets))
        return Deferred.fromCoroutine(self._content(message_id, entry))

    def _logged_content(self, entry: LoggedEntry) -> IMessageContent:
        with _disk_trouble():
            return OctetsContent(read_content(self._disk, entry.position))

    async def _content(self, message_id: str, entry: LoggedEntry | None) -> IMessageContent:
        if entry is not None:
            with _disk_trouble():
                try:
                    return await self._open_body(self._layout.body(message_id))
                except FileNotFoundError:
                    pass  # it has just been moved
        opened = await self._of_waiting(
            message_id, lambda: self._threads.files(lambda: self._waiting.open_content(message_id))
        )
        if opened.file is not None:
            return FileContent(self._disk, self._threads, opened.file)
        return OctetsContent(opened.octets or b"")

    def listing(self) -> Iterator[bytes]:
        """Briefs; those of waiting messages are in memory, of the others the log's record is read."""
        if self._reading.over:
            return self._listing()
        # What has not been read yet is looked for where it is.
        paths = waiting_paths(self._disk, self._layout.deferred)
        unread = [each for each in paths if self._is_unread(each.rpartition("/")[2])]
        briefs = Listing(self._disk, unread, (), self._catalog.unwritten_of).briefs()
        return heapq.merge(self._listing(), map(encoded, briefs), key=place_of_brief)

    def _is_unread(self, message_id: str) -> bool:
        return message_id not in self._catalog and not self._reading.knows(message_id)

    def _listing(self) -> Iterator[bytes]:
        logged, deferred = self._catalog.logged, self._catalog.deferred
        for name in in_order((*logged, *deferred), self._brief):
            if (brief := self._brief(name)) is not None:
                yield brief

    def _large_brief(self, message_id: str) -> bytes | None:
        """One that is too large to be kept."""
        path = MessageFiles(self._layout.deferred, message_id).message.removesuffix(".msg")
        try:
            said = read_brief(self._disk, path, self._catalog.unwritten_of(message_id))
        except OSError:
            return None
        return None if said is None else encoded(said)

    def _brief(self, message_id: str) -> bytes | None:
        """None when it has ended meanwhile, or its record cannot be read."""
        entry = self._catalog.logged.get(message_id)
        if entry is None:
            return self._catalog.deferred.get(message_id)
        try:
            return logged_brief(read_meta(self._disk, entry.position), entry.outcomes)
        except (OSError, ValueError):
            return None

    async def _open_body(self, path: str) -> IMessageContent:
        file = await self._threads.files(lambda: self._disk.open(path))
        return FileContent(self._disk, self._threads, file)

    async def _of_waiting(self, message_id: str, work: Callable[[], Deferred[T]]) -> T:
        """Something with a waiting message, in a thread."""
        if message_id not in self._catalog.deferred:
            raise UnknownMessage(message_id)
        try:
            with _disk_trouble():
                return await work()
        except (FileNotFoundError, Unsound) as error:
            await self._judge_damage(message_id, error)
            raise UnknownMessage(message_id) from error

    def _damaged(self, message_id: str, error: Exception) -> None:
        supervise(self._judge_damage(message_id, error), f"putting {message_id} aside")

    async def _judge_damage(self, message_id: str, error: Exception) -> None:
        """A waiting message that was damaged since the start, or has been finished in the meantime."""
        if message_id not in self._catalog.deferred:
            return
        self._catalog.forget(message_id)
        self._visits.forget(message_id)
        if isinstance(error, FileNotFoundError):
            # Somebody has taken it away, which nobody may learn by its absence alone.
            self._quarantine.tell(MessageFiles(self._layout.deferred, message_id).message, "its files are gone")
        else:
            await self._put_aside(message_id, str(error))

    async def _put_aside(self, message_id: str, why: str) -> None:
        try:
            await self._threads.files(lambda: self._quarantine.put_message(self._layout.deferred, message_id, why))
        except OSError as error:
            maillog.corrupt(message_id, f"{why}; cannot be put aside: {error}")

    # --- outcomes ------------------------------------------------------------------------------------------------

    def record(self, message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> Deferred[None]:
        """Write down outcomes where the message lies."""
        return Deferred.fromCoroutine(self._record(message_id, verdicts, finished))

    async def _record(self, message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> None:
        await self._seen(message_id)
        await self._turns.begin(message_id)
        try:
            entry = self._catalog.logged.get(message_id)
            if entry is None and message_id not in self._catalog.deferred:
                raise UnknownMessage(message_id)
            if finished and entry is not None:
                await self._mover.undo_half(message_id)
            text = outcome_to_json(message_id, verdicts, finished)
            kind = RecordKind.COMPLETION if finished else RecordKind.OUTCOME
            position = await self._writer.append(Draft(kind, message_id, text), durable=False)
            if finished:
                self._finish(message_id, entry, position)
            elif entry is None:
                self._catalog.recorded(message_id, text, position.segment, self._clock.seconds())
            else:
                entry.outcomes.append(text)
        finally:
            self._turns.end(message_id)

    def _finish(self, message_id: str, entry: LoggedEntry | None, position: Position) -> None:
        """Forget the message; its files go when its completion is durable."""
        if entry is None:
            position.segment.live += 1
            self._visits.forget(message_id)
            self._removal.finished(message_id, [*self._catalog.end(message_id), position.segment])
        else:
            self._catalog.drop(message_id)
            if entry.separate:
                self._removal.after_flush(partial(remove_if_there, self._disk, self._layout.body(message_id)))
            self._dead.remove()

    def defer(self, message_id: str) -> Deferred[None]:
        """Move it to `deferred/`."""
        return Deferred.fromCoroutine(self._mover.move(message_id))

    def put_aside(self) -> Sequence[PutAside]:
        """What was damaged."""
        return self._quarantine.take_damage()


@contextmanager
def _disk_trouble() -> Iterator[None]:
    """Tells a failed system call as SpoolTrouble; that a file is not there is for the caller to judge."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise trouble_of(error) from error
