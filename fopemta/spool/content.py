"""Reading spooled content (shell)."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.background import supervise
from fopemta.interfaces import IMessageContent, SpoolFailing
from fopemta.spool.disk import Disk
from fopemta.spool.threads import Threads

T = TypeVar("T")


@implementer(IMessageContent)
class OctetsContent:
    """Small content, read in one piece: it outlives its segment or file."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._position = 0

    def read(self, size: int) -> Deferred[bytes]:
        """The next octets, at once."""
        piece = self._octets[self._position : self._position + size]
        self._position += len(piece)
        return succeed(piece)

    def close(self) -> None:
        """Nothing is open."""


@implementer(IMessageContent)
class FileContent:
    """Large content, read from its file by other threads; the open file outlives its name."""

    def __init__(self, disk: Disk, threads: Threads, file: int, start: int = 0) -> None:
        self._disk = disk
        self._threads = threads
        self._file = file
        self._position = start
        self._reading = False
        self._closed = False

    def read(self, size: int) -> Deferred[bytes]:
        """The next octets."""
        if self._closed or self._reading:
            return fail(SpoolFailing("content is closed or being read"))
        self._reading = True
        reading = self._threads.files(lambda: self._disk.read_at(self._file, size, self._position))
        return reading.addBoth(self._read_over).addCallbacks(self._got, self._failed)

    def close(self) -> None:
        """Give the file back, after a read that is under way."""
        if not self._closed:
            self._closed = True
            if not self._reading:
                self._close()

    def _read_over(self, result: T) -> T:
        self._reading = False
        if self._closed:
            self._close()
        return result

    def _got(self, data: bytes) -> bytes:
        self._position += len(data)
        return data

    def _failed(self, failure: Failure) -> bytes:
        failure.trap(OSError)
        raise SpoolFailing("content cannot be read")

    def _close(self) -> None:
        supervise(self._threads.files(lambda: self._disk.close(self._file)), "closing content")
