"""Moves messages from the log to `deferred/` (shell, reactor thread): what waits, and what holds up old segments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from fopemta.formats.brief import logged_brief
from fopemta.formats.layout import SpoolLayout
from fopemta.formats.message_json import facts_from_json, identity_json, outcome_to_json
from fopemta.formats.record import Draft, Kind
from fopemta.interfaces import SpoolTrouble, UnknownMessage
from fopemta.spool.catalog import Catalog, LoggedEntry
from fopemta.spool.disk import Disk, trouble_of
from fopemta.spool.log.intake_log import SEGMENT_LIFE
from fopemta.spool.log.segment import read_content, read_meta
from fopemta.spool.log.writer import LogWriter
from fopemta.spool.removal import Removal
from fopemta.spool.threads import Threads
from fopemta.spool.turns import Turns
from fopemta.spool.waiting.folder import DeferredFolder

_FIRST_ROUND = 300.0
_BATCH = 64


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

    async def move(self, message_id: str) -> None:
        """Nothing is to be done when it is there already.  Raises UnknownMessage or SpoolTrouble."""
        await self._turns.begin(message_id)
        try:
            entry = self._catalog.logged.get(message_id)
            if entry is not None:
                await self._move(message_id, entry)
            elif message_id not in self._catalog.deferred:
                raise UnknownMessage(message_id)
        finally:
            self._turns.end(message_id)

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
        aged = self._catalog.aged(now, _FIRST_ROUND, SEGMENT_LIFE)
        return list(islice((each for each in aged if not self._turns.busy(each)), _BATCH))

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

    async def _move(self, message_id: str, entry: LoggedEntry) -> None:
        self._half_moved.add(message_id)
        try:
            meta = read_meta(self._disk, entry.position)
            await self._threads.files(self._copying(meta, entry))
        except OSError as error:
            await self._try_to_undo(message_id)
            raise trouble_of(error) from error
        self._half_moved.remove(message_id)
        self._catalog.move(message_id, logged_brief(meta, entry.verdicts))
        self.complete(message_id)
        if entry.separate:
            self._removal.after_flush(partial(self._disk.unlink, self._layout.body(message_id)))

    def complete(self, message_id: str) -> None:
        """Say in the log that the message is elsewhere.  Nobody waits for it; if it cannot be written, it is owed."""
        completion = Draft(Kind.COMPLETION, message_id, identity_json(message_id))
        self._writer.append(completion, durable=False).addErrback(self._owed, completion)

    def _copying(self, meta: bytes, entry: LoggedEntry) -> Callable[[], None]:
        """The work that makes it durable in `deferred/`."""
        facts = facts_from_json(meta)
        outcomes = outcome_to_json(facts.id, entry.verdicts)
        content = b"" if entry.separate else read_content(self._disk, entry.position)
        body = self._layout.body(facts.id) if entry.separate else None
        return partial(self._waiting.keep, facts, content, body, outcomes)

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
