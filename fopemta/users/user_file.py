"""The user file on disk: read again when it has changed, replaced atomically."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, maybeDeferred

from fopemta import maillog
from fopemta.background import supervise
from fopemta.plain_file import read_plain, replace_durably
from fopemta.private_folder import make_private_folders
from fopemta.users.account import Accounts, parse

_NOBODY = Accounts.of(())
# Changes whenever the file does: a rename gives a new inode, an edit in place the rest.
_Mark: TypeAlias = tuple[int, int, int, int, int, int]
_HEAD = "# Users of fopemta, one per line: see docs/users.md.  `fopemta users` writes this file, and so may you.\n"


class UserFileUnsound(Exception):
    """The file cannot be used; `reasons` tell the operator why."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def read(path: str) -> Accounts:
    """The accounts in the file.  Raises UserFileUnsound, and FileNotFoundError if there is none."""
    return _read(path)[0]


def _read(path: str) -> tuple[Accounts, _Mark]:
    try:
        content, status = read_plain(path)
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserFileUnsound(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserFileUnsound(f"{path}: not UTF-8 at octet {error.start}") from error
    if status.st_mode & 0o007:
        raise UserFileUnsound(f"{path}: others may read or change it (chmod o= {path})")
    found = parse(text)
    if isinstance(found, Accounts):
        return found, _mark(status)
    raise UserFileUnsound(*(f"{path}: {each}" for each in found))


def _mark(status: os.stat_result) -> _Mark:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_mode,
    )


def _tried(path: str) -> tuple[Accounts, _Mark] | FileNotFoundError | UserFileUnsound:
    """The result of reading it.  Runs in a thread."""
    try:
        return _read(path)
    except (FileNotFoundError, UserFileUnsound) as error:
        return error


class UserFile:
    """The users known to a server.  A file that does not exist yet has none; one that disappears, or becomes invalid,
    is logged once and changes nothing.
    """

    def __init__(self, path: str, in_thread: Callable[..., Deferred[Any]] = maybeDeferred) -> None:
        self._path = path
        self._in_thread = in_thread
        self._accounts = _NOBODY
        self._seen: _Mark | str | None = None
        self._reading = False
        self._waiting: list[Deferred[None]] = []

    def accounts(self) -> Accounts:
        """The accounts in the file.  If it has not changed, this costs only a stat; while it is read again, the old
        ones are used.
        """
        if self._reading:
            return self._accounts
        try:
            mark: _Mark | str = _mark(os.stat(self._path))
        except OSError as error:
            mark = error.strerror or "cannot be looked at"
        if mark != self._seen:
            first, self._seen = self._seen is None, mark
            if first:
                # At start: otherwise no user could log in.
                self._take_up(_tried(self._path), first)
            else:
                self._reading = True
                supervise(self._read_anew(), "reading the user file")
        return self._accounts

    async def looked_at(self) -> None:
        """Fires when `accounts` are up to date: a login is not judged by older ones."""
        self.accounts()
        if self._reading:
            read: Deferred[None] = Deferred()
            self._waiting.append(read)
            await read

    async def _read_anew(self) -> None:
        try:
            self._take_up(await self._in_thread(_tried, self._path), False)
        finally:
            self._reading = False
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)

    def cautions(self, scram: bool) -> tuple[str, ...]:
        """Warnings about settings that are probably not meant; `scram`: it is to be offered."""
        accounts = self.accounts().by_name.values()
        found = []
        if not accounts:
            found.append(f"{self._path}: has no users yet, so nobody can log in (fopemta users add NAME)")
        without = sum(each.scram is None for each in accounts)
        if scram and without:
            # Their programs will choose SCRAM and be refused.
            found.append(f"{without} users have no SCRAM verifier (fopemta users passwd NAME)")
        return tuple(found)

    def _take_up(self, found: tuple[Accounts, _Mark] | FileNotFoundError | UserFileUnsound, first: bool) -> None:
        if isinstance(found, UserFileUnsound):
            maillog.users_refused(found.reasons)
        elif isinstance(found, FileNotFoundError):
            if not first:
                maillog.users_refused([f"{self._path}: there is no such file any more"])
        else:
            self._accounts, self._seen = found
            maillog.users_read(self._path, len(self._accounts.by_name))


# --- writing ---------------------------------------------------------------------------------------------------------


def edit(path: str, change: Callable[[str], str]) -> None:
    """Replace the file by the result of `change` on its text; a missing one is made, with mode 0600.

    One edit at a time; readers see the old or the new file.  Raises OSError, and what `change` raises.
    """
    folder = os.path.dirname(path)
    make_private_folders(folder)
    with _locked(path + ".lock"):
        try:
            content, owner = read_plain(path)
            text = content.decode("utf-8")
        except FileNotFoundError:
            text, owner = _HEAD, os.stat(folder)
        # The server, which is not root, must be able to read what root has written.
        ids = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
        replace_durably(path, change(text).encode(), ids)


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Exclude other editors.  The lock file stays: unlinking it would be a race."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
