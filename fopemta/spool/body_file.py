"""A large body on its way into a file of its own (shell): written in order, off the reactor thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock

from fopemta import maillog
from fopemta.formats.layout import SpoolLayout
from fopemta.interfaces import SpoolFailing, SpoolTrouble
from fopemta.spool.disk import Disk, remove_if_there, trouble_of, write_whole
from fopemta.spool.threads import Threads

_MOST_OUTSTANDING = 2


class BodyFile:
    """One step at a time, in the order they were asked for.  After the first failure the others do nothing."""

    def __init__(self, disk: Disk, layout: SpoolLayout, threads: Threads, message_id: str) -> None:
        self._disk = disk
        self._folder = layout.bodies
        self._path = layout.body(message_id)
        self._threads = threads
        self._file: int | None = None
        self._length = 0
        self._trouble: SpoolTrouble | None = None
        self._line = DeferredLock()
        self._outstanding = 0
        self._pausing: Deferred[None] | None = None

    def put(self, data: bytes, written: Callable[[], None]) -> None:
        """Write `data` behind what was put before; `written` is called when it has left memory."""
        self._outstanding += 1

        def done(_: object) -> None:
            self._outstanding -= 1
            written()
            self._resume()

        self._step(lambda: self._write(data)).addCallback(done)

    def pause(self) -> Deferred[None] | None:
        """None while more may be put, else a Deferred that fires when it may."""
        if self._outstanding < _MOST_OUTSTANDING:
            return None
        if self._pausing is None:
            self._pausing = Deferred()
        return self._pausing

    def finish(self) -> Deferred[None]:
        """Make it durable, name and all, and close it.  Fails with SpoolTrouble when any step failed."""
        return self._step(self._make_durable).addCallback(self._answer)

    def discard(self) -> Deferred[None]:
        """Close and unlink it.  Does not fail: recovery removes what stays."""
        return self._step(self.remove, always=True)

    def remove(self) -> None:
        """Close and unlink it, now.  Blocks; raises OSError."""
        file, self._file = self._file, None
        if file is not None:
            self._disk.close(file)
        remove_if_there(self._disk, self._path)

    def _resume(self) -> None:
        if self._pausing is not None and self._outstanding < _MOST_OUTSTANDING:
            pausing, self._pausing = self._pausing, None
            pausing.callback(None)

    def _step(self, work: Callable[[], None], always: bool = False) -> Deferred[None]:
        """Queue a step; the Deferred does not fail, `_trouble` tells."""

        def careful() -> None:
            if self._trouble is not None and not always:
                return
            try:
                work()
            except OSError as error:
                self._trouble = trouble_of(error)
            except Exception:  # noqa: BLE001  a bug of ours: the body is refused, and whoever waits for room goes on
                maillog.failed_unexpectedly("writing a body")
                self._trouble = SpoolFailing("writing a body failed unexpectedly")

        stepping: Deferred[Any] = self._line.run(self._threads.files, careful)
        return stepping

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._disk.create(self._path)
        write_whole(self._disk, self._file, data, self._length)
        self._length += len(data)

    def _make_durable(self) -> None:
        assert self._file is not None, "finished before anything was put"
        self._disk.flush(self._file)
        file, self._file = self._file, None
        self._disk.close(file)
        # The record will name this file: its name has to be durable first.
        self._disk.flush_folder(self._folder)

    def _answer(self, _: None) -> None:
        if self._trouble is not None:
            raise self._trouble
