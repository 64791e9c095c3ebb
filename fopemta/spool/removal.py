"""Removes files of finished messages, when what says that they are finished is durable (shell, reactor thread)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.python.failure import Failure

from fopemta.background import supervise
from fopemta.spool.log.segment import Segment
from fopemta.spool.log.writer import LogWriter
from fopemta.spool.threads import Threads
from fopemta.spool.waiting.folder import DeferredFolder
from fopemta.spool.waiting.lines import Lines

_BATCH = 64
_PARALLEL = 2


class Removal:
    """What cannot be removed now is removed later, at the next start at the latest.

    `released` is called when segments have become free.
    """

    def __init__(
        self, writer: LogWriter, threads: Threads, waiting: DeferredFolder, released: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._threads = threads
        self._waiting = waiting
        self._released = released
        # Finished messages whose files may still be there, with the segments that know it.
        self._known_to: dict[str, Sequence[Segment]] = {}
        self._left: list[str] = []
        self._lines = Lines(waiting.folder_of, self._remove_all, _BATCH, _PARALLEL)

    def after_flush(self, removal: Callable[[], None]) -> None:
        """Do it in another thread once all that has been written to the log is durable."""
        self._writer.after_flush(lambda: self._start(removal))

    def finished(self, message_id: str, segments: Sequence[Segment]) -> None:
        """Remove a waiting message once all that has been written to the log is durable, its completion included.

        Each of `segments` counts it in its `live` until its files are gone for good: a file whose name comes back
        after a power cut would else be delivered again.
        """
        self._known_to[message_id] = segments
        self._writer.after_flush(partial(self._lines.add, message_id))

    def sweep(self) -> None:
        """Try again what could not be removed."""
        left, self._left = self._left, []
        for each in left:
            self._lines.add(each)

    async def _remove_all(self, message_ids: list[str]) -> None:
        gone = set(await self._threads.files(lambda: self._waiting.remove(message_ids)))
        self._left += [each for each in message_ids if each not in gone]
        for message_id in gone:
            for segment in self._known_to.pop(message_id):
                segment.live -= 1
        self._released()

    def _start(self, removal: Callable[[], None]) -> None:
        removing = self._threads.files(removal)
        removing.addErrback(_left_for_recovery)
        supervise(removing, "removing the files of a finished message")


def _left_for_recovery(failure: Failure) -> None:
    failure.trap(OSError)
