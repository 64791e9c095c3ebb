"""Maildirs on a disk (shell): a file is whole and durable before it has its name in `new/`, and then its name is.

Letters that come at the same time are written by several threads, those for one mailbox share the flush of its folder.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import attrs
from twisted.internet.defer import Deferred

from fopemta.background import supervise
from fopemta.private_folder import make_private_folder

_BATCH = 8
_PARALLEL = 8
_PIECE = 1024 * 1024
_FOLDERS = ("tmp", "new", "cur")
_numbers = itertools.count(1)


@attrs.frozen(eq=False)
class Letter:
    """A message for the mailbox at `path`; `content` as it is to be written, a file is read from its beginning.
    `binary`: its lines are not lines, so no line end is changed.
    """

    path: str
    content: bytes | IO[bytes]
    binary: bool = False


class Boxes:
    """`in_thread(call, *arguments)` runs what blocks and fires with its result."""

    def __init__(self, in_thread: Callable[..., Deferred[Any]]) -> None:
        self._in_thread = in_thread
        self._waiting: dict[str, list[tuple[Letter, Deferred[None]]]] = {}
        self._running = 0
        # Mailboxes that have been seen whole; somebody may take them away again.
        self._made: set[str] = set()

    def store(self, letter: Letter) -> Deferred[None]:
        """Fires once it is durable.  Fails with OSError."""
        stored: Deferred[None] = Deferred()
        self._waiting.setdefault(letter.path, []).append((letter, stored))
        if self._running < _PARALLEL:
            self._running += 1
            supervise(self._run(), "writing mailboxes")
        return stored

    async def _run(self) -> None:
        try:
            while batch := self._next():
                await self._write(batch)
        finally:
            self._running -= 1

    def _next(self) -> list[tuple[Letter, Deferred[None]]]:
        """Some for one mailbox; the next ones are for others, if there are any."""
        if not self._waiting:
            return []
        path = next(iter(self._waiting))
        line = self._waiting.pop(path)
        if rest := line[_BATCH:]:
            self._waiting[path] = rest
        return line[:_BATCH]

    async def _write(self, batch: list[tuple[Letter, Deferred[None]]]) -> None:
        letters = [letter for letter, _ in batch]
        results: Sequence[Exception | None]
        try:
            results = await self._in_thread(self._write_all, letters[0].path, letters)
        except Exception as error:  # noqa: BLE001  who waits for it is told
            results = [error] * len(letters)
        for (_, stored), result in zip(batch, results, strict=True):
            if result is None:
                stored.callback(None)
            else:
                stored.errback(result)

    def _write_all(self, path: str, letters: Sequence[Letter]) -> list[Exception | None]:
        """What became of each.  Raises OSError when none of them is durable.  Runs in a thread."""
        if path not in self._made:
            make_mailbox(path)
            self._made.add(path)
        results = [_attempt(letter) for letter in letters]
        _flush_folder(os.path.join(path, "new"))
        return results


def _attempt(letter: Letter) -> Exception | None:
    """Why it could not be written."""
    try:
        try:
            _write(letter)
        except FileNotFoundError:
            make_mailbox(letter.path)  # somebody has taken it away
            _write(letter)
    except OSError as error:
        return error
    return None


def _write(letter: Letter) -> None:
    """All but the flush of the folder."""
    name = _new_name()
    temporary = os.path.join(letter.path, "tmp", name)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            for piece in _pieces(letter):
                _write_whole(file, piece)
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(temporary, os.path.join(letter.path, "new", name))
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _pieces(letter: Letter) -> Iterator[bytes]:
    """What is to be written: lines end as they do on this system, unless they are not lines."""
    if isinstance(letter.content, bytes):
        yield letter.content if letter.binary else letter.content.replace(b"\r\n", b"\n")
        return
    letter.content.seek(0)
    held = b""
    while piece := letter.content.read(_PIECE):
        piece, held = held + piece, b""
        if piece.endswith(b"\r") and not letter.binary:
            # Its LF may be the first octet of the next piece.
            piece, held = piece[:-1], b"\r"
        yield piece if letter.binary else piece.replace(b"\r\n", b"\n")
    yield held


def _write_whole(file: int, octets: bytes) -> None:
    left = memoryview(octets)
    while left:
        left = left[os.write(file, left) :]


def _new_name() -> str:
    """One that nobody else gives to a file: moment, process, number, machine."""
    now = time.time_ns() // 1000
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
    return f"{now // 1_000_000}.M{now % 1_000_000}P{os.getpid()}Q{next(_numbers)}.{host}"


def make_mailbox(path: str) -> None:
    """What is missing of a Maildir, and of what leads to it."""
    for folder in (path, *(os.path.join(path, name) for name in _FOLDERS)):
        _make_folder(folder)


def _make_folder(path: str) -> None:
    """With all that lead to it, private and durable: mail in a folder without a name would be lost.  Another message
    for the same new mailbox may be making it at this moment.
    """
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path) or "."
    _make_folder(parent)
    try:
        make_private_folder(path)
    except FileExistsError:
        pass  # if it is no folder, whoever goes on will see
    _flush_folder(parent)


def _flush_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
