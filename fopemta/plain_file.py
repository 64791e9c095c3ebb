"""Read and replace files (used by every shell room): plain files only, without blocking.

A path may lead to a FIFO, a device or a socket, by mistake or on purpose.  Opening a FIFO blocks until another process
opens its other end, and a device may be endless: neither may block the server, or its shutdown.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile

# More than any manually maintained file, and not too much for memory.
LARGEST = 64 * 1024 * 1024
_PIECE = 1024 * 1024


def read_plain(path: str, most: int = LARGEST) -> tuple[bytes, os.stat_result]:
    """The content of a file, at most `most` octets, and its status.  Raises OSError, also if it is not a plain file."""
    descriptor = open_plain(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        pieces, size = [], 0
        while piece := os.read(descriptor, _PIECE):
            pieces.append(piece)
            size += len(piece)
            # Counted, since a file may grow, and those of /proc report no size.
            if size > most:
                raise OSError(errno.EFBIG, f"larger than {most} octets", path)
        return b"".join(pieces), status
    finally:
        os.close(descriptor)


def open_plain(path: str, flags: int, mode: int = 0o600) -> int:
    """A descriptor of a plain file, not inherited by other programs.  Raises OSError."""
    try:
        # Checked first: opening some devices has side effects.
        check_plain(path)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    try:
        _check(os.fstat(descriptor), path)
        os.set_blocking(descriptor, True)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def check_plain(path: str) -> None:
    """Raises OSError if it is not a plain file."""
    _check(os.stat(path), path)


def _check(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a plain file", path)


def replace_durably(path: str, content: bytes, owner: tuple[int, int] | None = None) -> None:
    """Replace a file, or make it: a crash leaves the old content or the new one.  Only its owner can read it (mkstemp
    gives mode 0600); `owner` is a user and a group for it.  Raises OSError; then nothing has changed.
    """
    folder = os.path.dirname(path)
    descriptor, beside = tempfile.mkstemp(dir=folder, prefix=f".{os.path.basename(path)}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    _flush_folder(folder)


def _flush_folder(folder: str) -> None:
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_to_others(path: str) -> str | None:
    """The first file or folder on the path that any user of the machine may change; None if there is none.

    A folder with the sticky bit, such as /tmp, does not count: files in it belong to their owners.
    """
    here = os.path.abspath(path)
    while True:
        try:
            mode = os.lstat(here).st_mode
        except OSError:
            mode = 0
        if mode & stat.S_IWOTH and not stat.S_ISLNK(mode) and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
            return here
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above
