"""Brings outcomes from the log into the journals of their messages (shell, reactor thread): nothing waits for it.

An outcome of a waiting message is written to the log, for the flush that many share.  What is finished soon after never
comes here; of the rest the log must not keep what it would have to read at every start.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial

import attrs
from twisted.internet.interfaces import IReactorTime

from fopemta.formats.waiting_file import Unsound
from fopemta.spool.catalog import Catalog
from fopemta.spool.threads import Threads
from fopemta.spool.waiting.folder import DeferredFolder
from fopemta.spool.waiting.lines import Lines

_AGE = 10.0
# So many outcomes in memory are brought at once, however young they are.
_MANY = 4096
_BATCH = 64
_PARALLEL = 2


@attrs.define(eq=False)
class Journals:
    """`damaged` is told of a journal that cannot be written because it is gone or unsound; `released` is called when
    segments have become free.
    """

    _clock: IReactorTime
    _threads: Threads
    _catalog: Catalog
    _waiting: DeferredFolder
    _damaged: Callable[[str, Exception], None]
    _released: Callable[[], None]
    _writing: set[str] = attrs.Factory(set)
    _lines: Lines = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lines = Lines(self._waiting.folder_of, self._write_all, _BATCH, _PARALLEL)

    @property
    def crowded(self) -> bool:
        """There are too many outcomes to wait until they are old."""
        return len(self._catalog.unwritten) > _MANY

    def sweep(self) -> None:
        """Begin to write those that are old enough; one that cannot be written is tried at the next call."""
        youngest = self._clock.seconds() - (0 if self.crowded else _AGE)
        for message_id, unwritten in list(self._catalog.unwritten.items()):
            if unwritten.since > youngest:
                return
            if message_id not in self._writing:
                self._writing.add(message_id)
                self._lines.add(message_id)

    async def _write_all(self, message_ids: list[str]) -> None:
        outcomes = {each: self._catalog.unwritten_of(each) for each in message_ids}
        doubtful = {each for each in message_ids if self._catalog.doubtful(each)}
        results = await self._threads.files(partial(self._append_all, outcomes, doubtful))
        self._writing.difference_update(message_ids)
        for message_id, error in results.items():
            if error is None:
                self._catalog.written(message_id, len(outcomes[message_id]), self._clock.seconds())
                continue
            self._catalog.doubt(message_id)
            if isinstance(error, FileNotFoundError | Unsound):
                self._damaged(message_id, error)
        self._released()

    def _append_all(
        self, outcomes: dict[str, tuple[bytes, ...]], doubtful: Container[str]
    ) -> dict[str, Exception | None]:
        """Blocks.  What became of each."""
        return {
            message_id: self._append(message_id, its, message_id in doubtful)
            for message_id, its in outcomes.items()
            if its
        }

    def _append(self, message_id: str, outcomes: tuple[bytes, ...], doubtful: bool) -> Exception | None:
        try:
            if doubtful:
                known = frozenset(self._waiting.journal(message_id).lines)
                outcomes = tuple(each for each in outcomes if each not in known)
            # Also where nothing is missing: what is there may not be on the disk yet.
            self._waiting.append(message_id, outcomes)
        except (OSError, Unsound) as error:
            return error
        return None
