"""Put a message into the drop folder and ask the server to collect it; without Twisted, so that it is quick."""

from __future__ import annotations

import os
import secrets
import socket
import stat
import zlib

from fopemta.sendmail.dropped import PLACEHOLDER, UNFINISHED, DroppedLetter, Head

_NEW, _SOCKET = "new", "collect"
# Readable by the server's group only, whatever the umask.
_MODE = 0o640
_CONNECT, _ANSWER = 2.0, 30.0
_LONGEST_ANSWER = 4096


class TooLarge(Exception):
    """The message is larger than the configuration permits."""


class CannotDrop(Exception):
    """The folder is not as the server makes it; the text says why."""


class Dropping:
    """One message on its way into the folder `drop`, of at most `most` octets; 0 for no limit.

    It is invisible until `finish`.  Raises OSError and CannotDrop.
    """

    def __init__(self, drop: str, letter: DroppedLetter, most: int) -> None:
        self._drop = drop
        self._most = most
        self._size = 0
        self.name = secrets.token_hex(16)
        self._path = os.path.join(drop, _NEW, UNFINISHED + self.name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        try:
            self._check()
            os.fchmod(self._descriptor, _MODE)
            envelope = letter.octets()
            self._envelope, self._checksum = len(envelope), zlib.crc32(envelope)
            self._put(PLACEHOLDER + envelope)
        except BaseException:
            self.abort()
            raise

    def _check(self) -> None:
        """Check that the server can read it."""
        ours, folder = os.fstat(self._descriptor), os.stat(os.path.join(self._drop, _NEW))
        if ours.st_gid != folder.st_gid and folder.st_uid not in (0, ours.st_uid):
            raise CannotDrop(f"{os.path.join(self._drop, _NEW)} does not give its group to what is put there")

    def write(self, data: bytes) -> None:
        """Write the next piece of the content.  Raises TooLarge."""
        self._size += len(data)
        if 0 < self._most < self._size:
            raise TooLarge
        self._checksum = zlib.crc32(data, self._checksum)
        self._put(data)

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def finish(self) -> None:
        """Make it durable and visible to the server."""
        head = Head(self._envelope, self._size, self._checksum).octets()
        os.pwrite(self._descriptor, head, 0)
        os.fsync(self._descriptor)
        whole = os.path.join(self._drop, _NEW, self.name)
        os.rename(self._path, whole)
        self._path = whole
        # A folder that only the server may read cannot be synced here; journaling file systems record the new name with
        # this.
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def abort(self) -> None:
        """Remove it."""
        os.close(self._descriptor)
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass


def ring(drop: str, name: str) -> tuple[int, str, str] | None:
    """Code, enhanced code and text of the server's answer about the dropped message of that name; None if the server is
    not running, or is slow: it collects the message later.
    """
    path = os.path.join(drop, _SOCKET)
    try:
        status = os.lstat(path)
        if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.stat(os.path.join(drop, _NEW)).st_uid:
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bell:
            bell.settimeout(_CONNECT)
            bell.connect(path)
            bell.settimeout(_ANSWER)
            bell.sendall(name.encode("ascii") + b"\n")
            return _answer(bell)
    except OSError:
        return None


def _answer(bell: socket.socket) -> tuple[int, str, str] | None:
    heard = b""
    while piece := bell.recv(_LONGEST_ANSWER):
        heard += piece
        if len(heard) > _LONGEST_ANSWER:
            break
    last = heard.decode("utf-8", "replace").rstrip("\r\n").rpartition("\n")[2]
    code, _, rest = last.partition(" ")
    enhanced, _, text = rest.partition(" ")
    return (int(code), enhanced, text) if code.isascii() and code.isdigit() and len(code) == 3 else None
