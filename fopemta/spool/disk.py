"""The few system calls that the spool uses (shell), as one small interface, so that tests can take the disk away."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Protocol

import attrs

from fopemta.interfaces import SpoolFailing, SpoolFull, SpoolTrouble
from fopemta.private_folder import make_private_folders


@attrs.frozen
class Room:
    """What is left of a file system: `octets` for us, and `inodes` (None where it does not count them)."""

    octets: int
    inodes: int | None


class Disk(Protocol):
    """Every method may raise OSError and may block, so it runs off the reactor thread unless said otherwise.

    `file` is a file descriptor.  Nothing is durable before `flush` (content and length of a file) and `flush_folder`
    (names in a folder).
    """

    def make_folder(self, path: str) -> None:
        """Make it, mode 0700; it may exist."""

    def create(self, path: str) -> int:
        """A new file for reading and writing, mode 0600.  FileExistsError when there is one."""

    def open(self, path: str, writing: bool = False) -> int:
        """An existing file."""

    def close(self, file: int) -> None:
        """Give it back."""

    def allocate(self, file: int, size: int) -> None:
        """Make sure that its first `size` octets have room; those not written read as zeros."""

    def write_at(self, file: int, data: bytes, offset: int) -> int:
        """Write; how many octets were taken."""

    def read_at(self, file: int, size: int, offset: int) -> bytes:
        """Up to `size` octets; fewer only at the end."""

    def size_of(self, file: int) -> int:
        """Its length."""

    def truncate(self, file: int, size: int) -> None:
        """Cut it off."""

    def flush(self, file: int) -> None:
        """Make content and length durable (fdatasync)."""

    def flush_folder(self, path: str) -> None:
        """Make the names in it durable."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what bore it."""

    def link(self, old: str, new: str) -> None:
        """Give a file a second name."""

    def unlink(self, path: str) -> None:
        """Take a name away."""

    def names(self, path: str) -> list[str]:
        """What is in a folder, sorted."""

    def room(self, path: str) -> Room:
        """What is left of the file system that holds `path`.  Does not block on a local file system."""

    def lock(self, path: str) -> int:
        """Open or create the file and lock it for this process alone.  BlockingIOError when another has it."""


class RealDisk:
    """The operating system."""

    def make_folder(self, path: str) -> None:
        """`mkdir -p`."""
        make_private_folders(path)

    def create(self, path: str) -> int:
        """O_EXCL."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open(self, path: str, writing: bool = False) -> int:
        """O_NOFOLLOW: nothing in a spool is a symbolic link."""
        mode = os.O_RDWR if writing else os.O_RDONLY
        return os.open(path, mode | os.O_CLOEXEC | os.O_NOFOLLOW)

    def close(self, file: int) -> None:
        """The call of that name."""
        os.close(file)

    def allocate(self, file: int, size: int) -> None:
        """posix_fallocate(3)."""
        os.posix_fallocate(file, 0, size)

    def write_at(self, file: int, data: bytes, offset: int) -> int:
        """pwrite(2)."""
        return os.pwrite(file, data, offset)

    def read_at(self, file: int, size: int, offset: int) -> bytes:
        """pread(2), again until there is no more."""
        data = os.pread(file, size, offset)
        # The kernel cuts a read short only at the end of the file, or beyond 2 GiB.
        while len(data) >= _LONGEST_READ and (more := os.pread(file, size - len(data), offset + len(data))):
            data += more
        return data

    def size_of(self, file: int) -> int:
        """fstat(2)."""
        return os.fstat(file).st_size

    def truncate(self, file: int, size: int) -> None:
        """ftruncate(2)."""
        os.ftruncate(file, size)

    def flush(self, file: int) -> None:
        """fdatasync(2): it flushes the length, too."""
        os.fdatasync(file)

    def flush_folder(self, path: str) -> None:
        """fsync(2) of the folder."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def rename(self, old: str, new: str) -> None:
        """The call of that name."""
        os.rename(old, new)

    def link(self, old: str, new: str) -> None:
        """The call of that name."""
        os.link(old, new)

    def unlink(self, path: str) -> None:
        """The call of that name."""
        os.unlink(path)

    def names(self, path: str) -> list[str]:
        """Sorted listdir."""
        return sorted(os.listdir(path))

    def room(self, path: str) -> Room:
        """statvfs(3); some file systems (btrfs) have no number of inodes."""
        figures = os.statvfs(path)
        return Room(figures.f_bavail * figures.f_frsize, figures.f_favail if figures.f_files else None)

    def lock(self, path: str) -> int:
        """flock(2): the kernel gives it back when the process ends, however it ends."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise
        return file


_SMALL_FILE = 16384
_LONGEST_READ = 0x7FFFF000
# What this process lacks says nothing about a file.
OUT_OF_MEANS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def trouble_of(error: OSError) -> SpoolTrouble:
    """What a failed system call means to clients; its text is for the operator."""
    words = f"{error.strerror or error} ({error.filename})" if error.filename else str(error.strerror or error)
    return SpoolFull(words) if error.errno in _NO_ROOM else SpoolFailing(words)


def anew(trouble: SpoolTrouble) -> SpoolTrouble:
    """The same trouble as a new exception: one that is raised again and again collects every traceback."""
    return type(trouble)(*trouble.args)


def write_whole(disk: Disk, file: int, data: bytes, offset: int) -> None:
    """Write all of it.  A short write is an error (ENOSPC: what else cuts a write to a file short)."""
    if (taken := disk.write_at(file, data, offset)) != len(data):
        raise OSError(errno.ENOSPC, f"wrote only {taken} of {len(data)} octets")


def remove_if_there(disk: Disk, path: str) -> None:
    """Unlink what may be gone already."""
    try:
        disk.unlink(path)
    except FileNotFoundError:
        pass


def read_file(disk: Disk, path: str) -> bytes:
    """The content of a file."""
    file = disk.open(path)
    try:
        data = disk.read_at(file, _SMALL_FILE, 0)
        if len(data) == _SMALL_FILE:
            data += disk.read_at(file, disk.size_of(file) - _SMALL_FILE, _SMALL_FILE)
        return data
    finally:
        disk.close(file)


def new_file(disk: Disk, path: str, data: bytes) -> None:
    """A new durable file; its name is not durable before its folder is flushed.  Replaces a left-over of that name."""
    remove_if_there(disk, path)
    file = disk.create(path)
    try:
        write_whole(disk, file, data, 0)
        disk.flush(file)
    finally:
        disk.close(file)
