"""Moves messages from the log to `deferred/` (shell, reactor thread): what waits, and what holds up old segments.

Many at a time, for a flush costs milliseconds: a batch flushes each folder once, and several batches wait for the disk
at the same time.
"""

from __future__ import annotations

from functools import partial
from itertools import islice

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from fopemta.formats.brief import logged_brief
from fopemta.formats.layout import SpoolLayout
from fopemta.formats.message_json import facts_from_json, identity_json, outcome_to_json
from fopemta.formats.record import Draft, RecordKind
from fopemta.interfaces import SpoolStopped, SpoolTrouble, UnknownMessage
from fopemta.spool.catalog import Catalog, LoggedEntry
from fopemta.spool.disk import Disk, remove_if_there, trouble_of
from fopemta.spool.log.intake_log import SEGMENT_LIFE
from fopemta.spool.log.segment import read_content, read_meta
from fopemta.spool.log.writer import LogWriter
from fopemta.spool.removal import Removal
from fopemta.spool.threads import Threads
from fopemta.spool.turns import Turns
from fopemta.spool.waiting.folder import Copy, DeferredFolder
from fopemta.spool.waiting.lines import Lines

_FIRST_ROUND = 300.0
# More of them in the log are a backlog: it would be read at the next start before anybody is greeted.
_BACKLOG = 1000
_FIRST_ROUND_OF_MANY = 20.0
_BATCH = 64
_PARALLEL = 4
# More of them, and new mail waits: each holds some KiB of memory, and clients may bring them faster than a disk moves.
MOST_MOVING = 2000


@attrs.define(eq=False)
class Mover:
    """The message counts in `deferred/` from the moment its name there is durable; its record is completed after."""

    _disk: Disk
    _layout: SpoolLayout
    _threads: Threads
    _catalog: Catalog
    _turns: Turns
    _waiting: DeferredFolder
    _writer: LogWriter
    _removal: Removal
    _half_moved: set[str] = attrs.Factory(set)
    _sweeping: bool = False
    _moving: dict[str, Deferred[None]] = attrs.Factory(dict)
    _behind: list[Deferred[None]] = attrs.Factory(list)
    _lines: Lines = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lines = Lines(self._waiting.folder_of, self._move_all, _BATCH, _PARALLEL)

    async def move(self, message_id: str) -> None:
        """Nothing is to be done when it is there already.  Raises UnknownMessage or SpoolTrouble."""
        await self._turns.begin(message_id)
        try:
            if message_id in self._catalog.logged:
                await self._in_a_batch(message_id)
            elif message_id not in self._catalog.deferred:
                raise UnknownMessage(message_id)
        finally:
            self._turns.end(message_id)

    def room(self) -> Deferred[None] | None:
        """None when new mail may be taken at once, else it fires when it may.  Fails with SpoolStopped."""
        if len(self._moving) < MOST_MOVING:
            return None
        waiting: Deferred[None] = Deferred()
        self._behind.append(waiting)
        return waiting

    def stop(self) -> None:
        """Nobody waits for room any more."""
        behind, self._behind = self._behind, []
        for each in behind:
            each.errback(SpoolStopped("stopped before the message was kept"))

    async def sweep(self, clock: IReactorTime) -> None:
        """Move what is in the log for too long, a batch at a time, as long as any of a batch can be moved."""
        if self._sweeping:
            return
        self._sweeping = True
        try:
            while batch := self._due(clock.seconds()):
                moving = [
                    Deferred.fromCoroutine(self.move(each)).addCallbacks(lambda _: True, _not_moved) for each in batch
                ]
                if not any([await moved for moved in moving]):
                    return
        finally:
            self._sweeping = False

    def _due(self, now: float) -> list[str]:
        patience = _FIRST_ROUND if len(self._catalog.logged) <= _BACKLOG else _FIRST_ROUND_OF_MANY
        aged = self._catalog.aged(now, patience, SEGMENT_LIFE)
        return list(islice((each for each in aged if not self._turns.busy(each)), _BATCH * _PARALLEL))

    async def undo_half(self, message_id: str) -> None:
        """Before a message of the log is finished: make sure that nothing of it is left in `deferred/`.

        A failed move that could not be taken back would be found after a restart and be delivered again.  Raises
        SpoolTrouble.
        """
        if message_id in self._half_moved:
            try:
                await self._threads.files(partial(self._waiting.undo, message_id))
            except OSError as error:
                raise trouble_of(error) from error
            self._half_moved.remove(message_id)

    def complete(self, message_id: str) -> None:
        """Say in the log that the message is elsewhere.  Nobody waits for it; if it cannot be written, it is owed."""
        completion = Draft(RecordKind.COMPLETION, message_id, identity_json(message_id))
        self._writer.append(completion, durable=False).addErrback(self._owed, completion)

    async def _in_a_batch(self, message_id: str) -> None:
        moved: Deferred[None] = Deferred()
        self._moving[message_id] = moved
        self._half_moved.add(message_id)
        self._lines.add(message_id)
        try:
            await moved
        except OSError as error:
            await self._try_to_undo(message_id)
            raise trouble_of(error) from error

    async def _move_all(self, message_ids: list[str]) -> None:
        """One batch; each of them has its turn."""
        entries = [self._catalog.logged[each] for each in message_ids]
        briefs: dict[str, bytes] = {}
        copies = [partial(self._copy, each, briefs) for each in entries]
        results: list[Exception | None]
        try:
            results = await self._threads.files(lambda: self._waiting.keep(copies))
        except Exception as error:  # noqa: BLE001  a bug of ours: who waits for it is told
            results = [error] * len(entries)
        for message_id, entry, result in zip(message_ids, entries, results, strict=True):
            moved = self._moving.pop(message_id)
            if result is None:
                self._moved(message_id, entry, briefs[message_id])
                moved.callback(None)
            else:
                moved.errback(result)
        while self._behind and len(self._moving) < MOST_MOVING:
            self._behind.pop(0).callback(None)

    def _moved(self, message_id: str, entry: LoggedEntry, brief: bytes) -> None:
        self._half_moved.remove(message_id)
        self._catalog.move(message_id, brief)
        self.complete(message_id)
        if entry.separate:
            self._removal.after_flush(partial(remove_if_there, self._disk, self._layout.body(message_id)))

    def _copy(self, entry: LoggedEntry, briefs: dict[str, bytes]) -> Copy:
        """Read it from the log, and put its brief into `briefs`.  Blocks; it has its turn, so nothing changes."""
        meta = read_meta(self._disk, entry.position)
        facts = facts_from_json(meta)
        briefs[facts.id] = logged_brief(meta, entry.outcomes)
        content = b"" if entry.separate else read_content(self._disk, entry.position)
        body = self._layout.body(facts.id) if entry.separate else None
        return Copy(facts, content, body, tuple(entry.outcomes) or (outcome_to_json(facts.id, ()),))

    async def _try_to_undo(self, message_id: str) -> None:
        try:
            await self.undo_half(message_id)
        except SpoolTrouble:
            pass  # it is tried again before the message is finished, and the next move begins with it

    def _owed(self, failure: Failure, completion: Draft) -> None:
        failure.trap(SpoolTrouble)
        self._writer.owe(completion)


def _not_moved(failure: Failure) -> bool:
    """The disk has told of its trouble already; a message that was finished meanwhile is none."""
    failure.trap(SpoolTrouble)
    return False
