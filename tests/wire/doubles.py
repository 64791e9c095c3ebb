"""A socket that takes what it is told to take, and a reactor that notes what it is asked for."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.internet.task import Clock


class Socket:
    """Takes `room` octets, then would block; fails with `trouble`.  `heard` are answers to recv: octets or an errno."""

    def __init__(self, room: int = 10**6, trouble: int | None = None, heard: list[bytes | int] | None = None) -> None:
        self.room = room
        self.trouble = trouble
        self.heard = heard or []
        self.sent: list[bytes] = []
        self.asked: list[int] = []
        self.options: list[tuple[int, int, Any]] = []
        self.closed = False
        self.blocking = True

    def setblocking(self, flag: bool) -> None:
        self.blocking = flag

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        self.options.append((level, option, value))

    def fileno(self) -> int:
        return -1 if self.closed else id(self)

    def send(self, data: Any) -> int:
        if self.trouble is not None:
            raise OSError(self.trouble, "")
        if not self.room:
            raise BlockingIOError(errno.EWOULDBLOCK, "")
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.sent.append(taken)
        return len(taken)

    def recv(self, size: int) -> bytes:
        self.asked.append(size)
        if not self.heard:
            raise BlockingIOError(errno.EWOULDBLOCK, "")
        said = self.heard.pop(0)
        if isinstance(said, int):
            raise OSError(said, os.strerror(said))
        return said

    def close(self) -> None:
        self.closed = True


class Reactor(Clock):
    """Notes who wants to read and to write."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)
