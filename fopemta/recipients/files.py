"""Files of recipients and aliases: read in a thread, and again when they have changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sized
from typing import Any, Generic, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from fopemta import maillog
from fopemta.background import supervise
from fopemta.plain_file import read_plain

T = TypeVar("T", bound=Sized)

# Returns the content of a file, or everything that is wrong with its text.
Parse: TypeAlias = Callable[[str], T | tuple[str, ...]]
InThread: TypeAlias = Callable[..., Deferred[Any]]
_Mark: TypeAlias = tuple[int, ...]

# Seconds, well within a client's timeout at RCPT (RFC 5321 4.5.3.2.3); after that it is asked to come again.
PATIENCE = 10.0


class FileUnsound(Exception):
    """The file cannot be used; `reasons` tell the operator why."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def read(path: str, parse: Parse[T]) -> T:
    """The content of the file.  Raises FileUnsound."""
    try:
        text = read_plain(path)[0].decode("utf-8")
    except OSError as error:
        raise FileUnsound(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileUnsound(f"{path}: not UTF-8 at octet {error.start}") from error
    found = parse(text)
    if isinstance(found, tuple):
        raise FileUnsound(*(f"{path}: {each}" for each in found))
    return found


class WatchedFile(Generic[T]):
    """A file whose state is checked at each use; an invalid one is logged once and changes nothing."""

    def __init__(self, path: str, parse: Parse[T], in_thread: InThread, clock: IReactorTime | None = None) -> None:
        self.path = path
        self._parse = parse
        self._in_thread = in_thread
        self._clock = clock
        self._seen: _Mark | None = None
        self._reading = False
        self._waiting: list[Deferred[None]] = []
        # As last read; None until it could be read.
        self.content: T | None = None

    async def current(self) -> T | None:
        """The present content; if the file has not changed, this costs only a stat.

        While it is read again, the old content is used: no client waits for a long list or a slow disk.  For a file
        that was never read, waits at most PATIENCE by `clock`, then returns None.
        """
        if not self._reading and _mark(self.path) != self._seen:
            self._reading = True
            supervise(self._read(), "reading a file of recipients")
        if self.content is None and self._reading:
            await self._read_or_given_up()
        return self.content

    def _read_or_given_up(self) -> Deferred[None]:
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if self._clock is None:
            return waiter
        call = self._clock.callLater(PATIENCE, self._wake, waiter)
        return waiter.addCallback(lambda _: call.cancel() if call.active() else None)

    def _wake(self, waiter: Deferred[None]) -> None:
        self._waiting.remove(waiter)
        waiter.callback(None)

    async def _read(self) -> None:
        try:
            await self._take_up()
        finally:
            self._reading = False
            for each in list(self._waiting):
                self._wake(each)

    async def _take_up(self) -> None:
        # Taken before reading, so that a change meanwhile is noticed at the next use.
        self._seen = _mark(self.path)
        try:
            self.content = await self._in_thread(read, self.path, self._parse)
        except FileUnsound as unsound:
            maillog.recipients_refused(unsound.reasons)
        else:
            assert self.content is not None
            maillog.recipients_read(self.path, len(self.content))


def _mark(path: str) -> _Mark:
    """Changes whenever the file does; empty if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
