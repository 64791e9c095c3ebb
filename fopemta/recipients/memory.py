"""The results of callouts in an SQLite file: small, bounded, and expendable, since callouts can be repeated.

All methods may block, and are called in threads, one at a time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import TypeVar

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.policy.recipients import FRESH, GOOD_KEPT, Remembered, Said
from fopemta.private_folder import make_private_folders

_FILE_NAME = "recipients.sqlite"
MOST = 100_000
_FORMAT = 1
_SECONDS = 2.0

_TABLE = """
CREATE TABLE IF NOT EXISTS callout (
    local_part TEXT NOT NULL, domain TEXT NOT NULL, said TEXT NOT NULL, at REAL NOT NULL, good_at REAL,
    PRIMARY KEY (local_part, domain)
) WITHOUT ROWID
"""

T = TypeVar("T")


class CalloutMemory:
    """Stored in the file `path`, for at most `most` addresses; a damaged file is moved aside and replaced."""

    def __init__(self, path: str, most: int = MOST) -> None:
        self._path = path
        self._most = most
        self._written = 0

    @classmethod
    def in_folder(cls, folder: str) -> CalloutMemory:
        """The memory of a server whose [node] state is `folder`."""
        return cls(os.path.join(folder, _FILE_NAME))

    def recall(self, recipient: Mailbox) -> Remembered | None:
        """What is remembered of an address; also None if the file cannot be read, which is logged."""
        with self._opened() as found:
            if found is None:
                return None
            row = found.execute(
                "SELECT said, at, good_at FROM callout WHERE local_part = ? AND domain = ?", _key(recipient)
            ).fetchone()
            return None if row is None else Remembered(Said(row[0]), row[1], row[2])
        return None

    def note(self, recipient: Mailbox, known: Remembered) -> None:
        """Store a result; a failure to write is logged."""
        with self._opened() as found:
            if found is None:
                return
            row = (*_key(recipient), known.said.value, known.at, known.good_at)
            found.execute("INSERT OR REPLACE INTO callout VALUES (?, ?, ?, ?, ?)", row)
            self._written += 1
            if self._written % 100 == 1:
                self._trim(found, known.at)

    def _trim(self, found: sqlite3.Connection, now: float) -> None:
        """Drop useless entries, then the oldest."""
        found.execute(
            "DELETE FROM callout WHERE (good_at IS NULL OR good_at < ?) AND at < ?",
            (now - GOOD_KEPT, now - FRESH[Said.BAD]),
        )
        [count] = found.execute("SELECT count(*) FROM callout").fetchone()
        if count > self._most:
            found.execute(
                "DELETE FROM callout WHERE (local_part, domain) IN"
                " (SELECT local_part, domain FROM callout ORDER BY at LIMIT ?)",
                (count - self._most,),
            )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection | None]:
        """The open file, for one transaction; None if it cannot be opened."""
        try:
            found = self._connected()
        except (sqlite3.Error, OSError) as error:
            maillog.callouts_not_kept(self._path, str(error))
            yield None
            return
        try:
            with found:
                yield found
        except (sqlite3.Error, ValueError, TypeError) as error:
            maillog.callouts_not_kept(self._path, str(error))
            if _is_damage(error):
                self._put_aside()
        finally:
            found.close()

    def _connected(self) -> sqlite3.Connection:
        try:
            return self._prepared()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            maillog.callouts_not_kept(self._path, str(error))
            self._put_aside()
            return self._prepared()

    def _prepared(self) -> sqlite3.Connection:
        folder = os.path.dirname(self._path)
        make_private_folders(folder)
        found = sqlite3.connect(self._path, timeout=_SECONDS)
        try:
            [version] = found.execute("PRAGMA user_version").fetchone()
            if version not in (0, _FORMAT):
                raise sqlite3.DatabaseError(f"format {version} is not known")
            # Results lost in a power cut are obtained again.
            found.execute("PRAGMA synchronous = OFF")
            found.execute(_TABLE)
            found.execute(f"PRAGMA user_version = {_FORMAT}")
        except BaseException:
            found.close()
            raise
        return found

    def _put_aside(self) -> None:
        """Rename the damaged file for inspection; an earlier one is overwritten."""
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._path, self._path + ".unsound")
        for more in ("-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path + more)


def _is_damage(error: Exception) -> bool:
    """Whether the file is damaged; a full disk or a lock held by another process is not the file's fault."""
    return not isinstance(error, sqlite3.OperationalError)


def _key(recipient: Mailbox) -> tuple[str, str]:
    return recipient.local_part, recipient.domain
