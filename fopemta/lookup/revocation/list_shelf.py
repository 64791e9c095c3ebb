"""Revocation lists kept on disk (shell): a cache, so whatever is wrong with it is forgotten.

A file bears the digest of the list's URL; the time of its last change is the moment up to which the list is good.  What
is read from here is verified like what was fetched.  All of it blocks; it is called in a thread.
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
    """`folder` is made when the first list is kept."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, url: str, largest: int) -> bytes | None:
        """The list kept for `url`, None where there is none that is of use."""
        try:
            with open(self._path(url), "rb") as file:
                found = file.read(largest + 1)
        except OSError:
            return None
        return found if len(found) <= largest else None

    def keep(self, url: str, der: bytes, until: float) -> None:
        """Keep a list up to the moment `until`, in seconds since the epoch.  Raises OSError."""
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
        """Forget the list; harmless where there is none."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(url))

    def sweep(self, now: float) -> None:
        """Forget what is not good any more, and what a crash left half written."""
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
    """Another process keeps it: here it is only read."""

    def keep(self, url: str, der: bytes, until: float) -> None:
        """Not ours to do."""

    def drop(self, url: str) -> None:
        """Not ours to do."""

    def sweep(self, now: float) -> None:
        """Not ours to do."""
