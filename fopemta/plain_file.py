"""Files that an operator names (a seam that every shell room may use): plain ones, opened and read without waiting.

In place of a file there may be a FIFO, a device or a socket, by mistake or by somebody's design.  To open a FIFO stops
the process until another opens its other end, and a device may have no end: neither may stop the server, or keep it
from ending.
"""

from __future__ import annotations

import errno
import os
import stat

# More than any file that is kept by hand; it would not fit into memory well.
LARGEST = 64 * 1024 * 1024
_PIECE = 1024 * 1024


def read_plain(path: str, most: int = LARGEST) -> tuple[bytes, os.stat_result]:
    """All that a file holds, at most `most` octets, and its status.  Raises OSError, also for what is no plain file."""
    descriptor = open_plain(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        pieces, size = [], 0
        while piece := os.read(descriptor, _PIECE):
            pieces.append(piece)
            size += len(piece)
            # Counted, since a file may grow, and those of /proc have no size.
            if size > most:
                raise OSError(errno.EFBIG, f"larger than {most} octets", path)
        return b"".join(pieces), status
    finally:
        os.close(descriptor)


def open_plain(path: str, flags: int, mode: int = 0o600) -> int:
    """A descriptor of a plain file, which is not handed to other programs.  Raises OSError."""
    try:
        # Looked at before: to open some devices does something.
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
    """Raises OSError where it is none."""
    _check(os.stat(path), path)


def _check(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a plain file", path)


def open_to_others(path: str) -> str | None:
    """The file or folder on the way to `path`, or itself, that any user of the machine may change; None without one.

    A folder with the sticky bit, as /tmp, is none: what is in it belongs to whom it belongs.
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
