"""Write log lines to a file or a stream, once per reactor turn (composition)."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from typing import Protocol

from fopemta.interfaces import IMailReactor
from fopemta.plain_file import open_plain

_MODE = 0o640


class Output(Protocol):
    """The destination of lines."""

    def write(self, data: bytes) -> None:
        """Write all of it.  Raises OSError."""

    def reopen(self) -> None:
        """Open the file again, which may have been moved away.  Raises OSError; then the old one stays in use."""


class StandardOutput:
    """File descriptor 1, whatever `sys.stdout` has become."""

    def write(self, data: bytes) -> None:
        """Write all of it.  If several processes write to one pipe, lines longer than PIPE_BUF may be interleaved."""
        for piece in whole_lines(data, select.PIPE_BUF):
            _write_all(1, piece)

    def reopen(self) -> None:
        """Nothing to reopen."""


class AppendedFile:
    """A file by its path, appended to; made if missing.  Raises OSError if it cannot be opened."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = self._open()
        self._is_torn = False

    def write(self, data: bytes) -> None:
        """Write all of it.  After a line that was cut by a full disk, the next one begins on a new line."""
        if self._is_torn:
            data = b"\n" + data
        view, written = memoryview(data), 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, view[written:])
        finally:
            if written:
                self._is_torn = data[written - 1 : written] != b"\n"

    def reopen(self) -> None:
        """Open the path again, after logrotate(8) has renamed the file."""
        old, self._descriptor = self._descriptor, self._open()
        self._is_torn = False
        os.close(old)

    def _open(self) -> int:
        return open_plain(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)


def whole_lines(data: bytes, most: int) -> Iterator[bytes]:
    """Pieces of at most `most` octets that end with a line; a longer line is a piece of its own."""
    start = 0
    while start < len(data):
        end = len(data)
        if end - start > most:
            end = data.rfind(b"\n", start, start + most) + 1 or data.find(b"\n", start) + 1 or end
        yield data[start:end]
        start = end


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class LineFile:
    """Takes lines from any thread.  Before `begin` and after `end` each is written at once.

    A disk error loses lines, never mail: they are counted, and `lost` (with {count} in it) is the next line that can be
    written.
    """

    def __init__(self, output: Output, lost: str) -> None:
        self._output = output
        self._lost_line = lost
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._reactor: IMailReactor | None = None
        self._reactor_thread = 0
        self._lost = 0

    def begin(self, reactor: IMailReactor) -> None:
        """From now on write once per turn of `reactor`; call it in the reactor's thread."""
        self._reactor_thread = threading.get_ident()
        self._reactor = reactor

    def end(self) -> None:
        """Write what is buffered; from now on each line at once."""
        self._reactor = None
        self.flush()

    def write(self, line: str, urgent: bool = False) -> None:
        """Add a line (without its end); an `urgent` one is written at once."""
        with self._lock:
            self._lines.append(line)
            first = len(self._lines) == 1
        if urgent or self._reactor is None:
            self.flush()
        elif not first:
            pass  # the first line of this turn has scheduled it
        elif threading.get_ident() == self._reactor_thread:
            self._reactor.callLater(0, self.flush)  # in its own thread the reactor is awake
        else:
            self._reactor.callFromThread(self.flush)

    def flush(self) -> None:
        """Write what is buffered."""
        with self._lock:
            if self._lines:
                lines, self._lines = self._lines, []
                self._write(lines)

    def reopen(self) -> None:
        """Open the file again after logrotate(8).  Raises OSError; then the old file stays in use."""
        with self._lock:
            self._output.reopen()

    def _write(self, lines: list[str]) -> None:
        lost = [self._lost_line.format(count=self._lost)] if self._lost else []
        try:
            self._output.write("".join([f"{line}\n" for line in lost + lines]).encode("utf-8", "backslashreplace"))
            self._lost = 0
        except OSError:
            self._lost += len(lines)
