"""Removes files of finished messages, when what says that they are finished is durable (shell, reactor thread)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.python.failure import Failure

from fopemta.background import supervise
from fopemta.spool.log.writer import LogWriter
from fopemta.spool.threads import Threads


class Removal:
    """What cannot be removed now is removed at the next start."""

    def __init__(self, writer: LogWriter, threads: Threads) -> None:
        self._writer = writer
        self._threads = threads

    def after_flush(self, removal: Callable[[], None]) -> None:
        """Do it in another thread once all that has been written to the log is durable."""
        self._writer.after_flush(lambda: self._start(removal))

    def _start(self, removal: Callable[[], None]) -> None:
        removing = self._threads.files(removal)
        removing.addErrback(_left_for_recovery)
        supervise(removing, "removing the files of a finished message")


def _left_for_recovery(failure: Failure) -> None:
    failure.trap(OSError)
