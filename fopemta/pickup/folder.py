"""The drop folder on disk (shell): who may do what in it, and each step of a file on its way out of it.

    drop/          the server's, 0755
    drop/new/      the server's group, 3733: any user may put a file there, nobody may see what others have put there;
                   what is put there belongs to its writer, and to the folder's group, so that the server can read it
    drop/taken/    the server's, 0700: files under the queue ids that they were given
    drop/damaged/  the server's, 0700: files that are no messages
    drop/collect   the socket by which a program has its file collected at once

A file is renamed into taken/ before anything of it is read: from then on its writer cannot remove or replace it.  All
calls block; none follows a symbolic link, or waits for what is no plain file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from fopemta.mail.identifiers import is_message_id
from fopemta.private_folder import make_private_folder
from fopemta.sendmail.dropped import HEAD_SIZE, UNFINISHED, WHOLE, Damaged, DroppedLetter, Head, head_of, letter_of

NEW, TAKEN, DAMAGED, SOCKET = "new", "taken", "damaged", "collect"
# Sticky: a user may remove only their own files there.  Set-group: files get the folder's group.
_NEW_MODE = 0o3733
_DROP_MODE = 0o755
# Seconds after which an unfinished file is abandoned.
_UNFINISHED_FOR = 36 * 3600.0
# Names read in one round, so that a full folder costs no more.
_MOST_NAMES = 10_000


class Unusable(Exception):
    """The drop folder cannot be used as it is; the text says why."""


@attrs.frozen
class OpenedFile:
    """A file with the form of a message: `written` is its time in seconds since the epoch, `uid` its owner."""

    descriptor: int
    uid: int
    written: float
    head: Head
    letter: DroppedLetter
    envelope: bytes


class DropFolder:
    """The folder at `path`; `now` gives the wall time."""

    def __init__(self, path: str, now: Callable[[], float]) -> None:
        self.path = path
        self._now = now
        # Where the last round stopped: a folder full of other files must not hide the rest for ever.
        self._entries: Any = None
        # In taken/, but not known to be durable there.
        self._moved: list[tuple[str, str]] = []
        self._new, self._taken, self._damaged = (os.path.join(path, each) for each in (NEW, TAKEN, DAMAGED))

    def prepare(self) -> str | None:
        """Make what is missing.  Returns the folder on the path that other users cannot enter, or None.

        Raises OSError, and Unusable if it belongs to another user.
        """
        _make(self.path, _DROP_MODE)
        for folder in (self._taken, self._damaged):
            if not os.path.isdir(folder):
                make_private_folder(folder)
        _make(self._new, _NEW_MODE)
        for folder in (self.path, self._new, self._taken, self._damaged):
            _check_owner(folder)
        if stat.S_IMODE(os.lstat(self._new).st_mode) != _NEW_MODE:
            # If it was made before a service manager forbade this (RestrictSUIDSGID of systemd), it need not be
            # changed.
            raise Unusable(f"{self._new} must have mode {_NEW_MODE:o}")
        return _closed_to_others(self.path)

    # --- one step each -----------------------------------------------------------------------------------------------

    def claim(self, wanted: Sequence[str], most: int, ids: Callable[[], str]) -> list[tuple[str, str]]:
        """Move up to `most` files to taken/, those `wanted` first: their names, and their new ids.

        They are durable under these ids.  What fails for one name stops no other.  Raises OSError if nothing could be
        moved, or made durable; what has been moved by then is returned by the next call.
        """
        names = list(dict.fromkeys(each for each in wanted if WHOLE.fullmatch(each)))[:most]
        if len(names) < most:
            names += [each for each in self._lying(most) if each not in names][: most - len(names)]
        trouble: OSError | None = None
        for name in names:
            message_id = ids()
            try:
                os.rename(os.path.join(self._new, name), os.path.join(self._taken, message_id))
            except FileNotFoundError:
                continue  # its writer has removed it
            except OSError as error:
                if not _is_gone_or_folder(os.path.join(self._new, name)):
                    trouble = error
                continue
            self._moved.append((name, message_id))
        if self._moved:
            _flush(self._taken)
            _flush(self._new)
        elif trouble is not None:
            raise trouble
        claimed, self._moved = self._moved, []
        return claimed

    def _lying(self, most: int) -> list[str]:
        """Names of complete files; abandoned ones are removed."""
        found: list[str] = []
        entries = self._entries or os.scandir(self._new)
        self._entries = entries
        for _ in range(_MOST_NAMES):
            if len(found) >= most:
                break
            entry = next(entries, None)
            if entry is None:
                self.rest()
                break
            if entry.name.startswith(UNFINISHED):
                self._remove_if_old(entry)
            elif not entry.is_dir(follow_symlinks=False):
                found.append(entry.name)
        return found

    def rest(self) -> None:
        """Give back what a look has left open; not while one is under way."""
        entries, self._entries = self._entries, None
        if entries is not None:
            entries.close()

    def _remove_if_old(self, entry: os.DirEntry[str]) -> None:
        try:
            if self._now() - entry.stat(follow_symlinks=False).st_mtime > _UNFINISHED_FOR:
                os.unlink(entry.path)
        except OSError:
            pass  # it is gone, or a folder; harmless

    def left(self) -> list[str]:
        """The ids in taken/, oldest first.  Raises OSError."""
        names = os.listdir(self._taken)
        return sorted(each for each in names if is_message_id(each))

    def open(self, message_id: str) -> OpenedFile:
        """Raises Damaged if it is no message, FileNotFoundError, and other OSErrors."""
        path = os.path.join(self._taken, message_id)
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise Damaged("it is no plain file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return _opened(descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def put_aside(self, message_id: str) -> None:
        """Move a file that is no message to damaged/.  Raises OSError."""
        os.rename(os.path.join(self._taken, message_id), os.path.join(self._damaged, message_id))

    def remove(self, message_ids: Sequence[str]) -> None:
        """Remove files whose messages are stored or refused; durable when it returns.  Raises OSError."""
        for each in message_ids:
            try:
                os.unlink(os.path.join(self._taken, each))
            except FileNotFoundError:
                pass
        if message_ids:
            _flush(self._taken)


def read_exactly(descriptor: int, size: int) -> bytes:
    """Raises Damaged if there is less."""
    pieces = []
    while size and (piece := os.read(descriptor, size)):
        pieces.append(piece)
        size -= len(piece)
    if size:
        raise Damaged("it ends too early")
    return b"".join(pieces)


def _opened(descriptor: int) -> OpenedFile:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Damaged("it is no plain file")
    if status.st_nlink != 1:
        # A user may have linked another user's file here, whose owner would be taken for its writer.
        raise Damaged("it has another name, so nobody knows who put it here")
    head = head_of(read_exactly(descriptor, HEAD_SIZE))
    if status.st_size != head.file_size:
        raise Damaged(f"it has {status.st_size} octets and not the {head.file_size} that it says")
    envelope = read_exactly(descriptor, head.envelope)
    return OpenedFile(descriptor, status.st_uid, status.st_mtime, head, letter_of(envelope), envelope)


def _make(path: str, mode: int) -> None:
    """With that mode whatever the umask; parents are open to all, as the users' programs must reach it."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and not os.path.isdir(parent):
        _make(parent, _DROP_MODE)
    os.mkdir(path, 0o700)
    try:
        os.chmod(path, mode)
    except PermissionError as error:
        raise Unusable(f"{path} must be made by root, with mode {mode:o} and our user and group") from error


def _is_gone_or_folder(path: str) -> bool:
    """A folder of another user cannot be moved; nor what its writer replaces or removes just now."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _check_owner(path: str) -> None:
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise Unusable(f"{path} is no folder")
    if status.st_uid != os.geteuid():
        raise Unusable(f"{path} belongs to another user (uid {status.st_uid})")


def _closed_to_others(path: str) -> str | None:
    here = path
    while True:
        if not os.stat(here).st_mode & stat.S_IXOTH:
            return here
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above


def _flush(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
