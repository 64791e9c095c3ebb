"""A cache of CRLs on disk (shell); unusable files are dropped.

A file is named by the digest of the list's URL; its modification time is the end of the list's validity.  Lists read
from here are verified as if they had been fetched.  All methods block; call them in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile

from fopemta.private_folder import make_private_folders

_SUFFIX = ".crl"
_PARTIAL = ".part"


class ListShelf:
    """A cache in `folder`, which is made when the first list is stored."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, url: str, largest: int) -> bytes | None:
        """The list stored for `url`; None if there is no usable one."""
        try:
            with open(self._path(url), "rb") as file:
                found = file.read(largest + 1)
        except OSError:
            return None
        return found if len(found) <= largest else None

    def keep(self, url: str, der: bytes, until: float) -> None:
        """Store a list valid until `until`, in seconds since the epoch.  Raises OSError."""
        make_private_folders(self._folder)
        handle, partial = tempfile.mkstemp(suffix=_PARTIAL, dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(der)
            os.utime(partial, (until, until))
            os.replace(partial, self._path(url))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(partial)
            raise

    def drop(self, url: str) -> None:
        """Delete the list, if there is one."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(url))

    def sweep(self, now: float) -> None:
        """Delete expired lists, and files that a crash left incomplete."""
        try:
            entries = list(os.scandir(self._folder))
        except OSError:
            return
        for entry in entries:
            with contextlib.suppress(OSError):
                half = entry.name.endswith(_PARTIAL)
                if half or (entry.name.endswith(_SUFFIX) and entry.stat().st_mtime < now):
                    os.unlink(entry.path)

    def _path(self, url: str) -> str:
        return os.path.join(self._folder, hashlib.sha256(url.encode("utf-8")).hexdigest() + _SUFFIX)


class BorrowedShelf(ListShelf):
    """A cache that another process maintains: it is only read here."""

    def keep(self, url: str, der: bytes, until: float) -> None:
        """Does nothing: another process maintains the cache."""

    def drop(self, url: str) -> None:
        """Does nothing: another process maintains the cache."""

    def sweep(self, now: float) -> None:
        """Does nothing: another process maintains the cache."""
