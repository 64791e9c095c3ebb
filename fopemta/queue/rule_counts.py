"""How often each rule matched, and what came of it, by destination (shell): kept in an SQLite file in the state folder.

Counted in memory, and written by another thread within five seconds and at the end; a crash loses no more than these.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from fopemta import maillog
from fopemta.background import supervise
from fopemta.interfaces import IRuleCounts
from fopemta.mail.envelope import RuleNote
from fopemta.private_folder import make_private_folders
from fopemta.trust.verdict import Result, VerdictRecord

FILE_NAME = "rules.sqlite"
# The longest time for which a number is in memory alone.
_LATEST = 5.0
_SECONDS = 2.0
_COLUMNS = ("matched", "delivered", "refused", "would_fail", "weakened", "overridden")
# Destinations are strangers' to choose: of a rule so many are kept apart, the others together.
_MOST_DESTINATIONS = 1000
_OTHERS = "(others)"

_TABLE = f"""
CREATE TABLE IF NOT EXISTS counts (
    rule TEXT NOT NULL, destination TEXT NOT NULL, {", ".join(f"{each} INTEGER NOT NULL" for each in _COLUMNS)},
    PRIMARY KEY (rule, destination)
) WITHOUT ROWID
"""


@attrs.frozen(kw_only=True)
class Counts:
    """Of one rule and destination, "" where it acts before there is one: messages or recipients that `matched`; of
    recipients those `delivered`, and those `refused` for want of TLS; those that a rule in test mode `would_fail`; for
    whom an exception has `weakened` what is demanded; those delivered after an operator has `overridden` it.
    """

    rule: str
    destination: str
    matched: int = 0
    delivered: int = 0
    refused: int = 0
    would_fail: int = 0
    weakened: int = 0
    overridden: int = 0


@implementer(IRuleCounts)
class RuleCounts:
    """In the folder `state`; `in_thread` runs a call off the reactor thread.  An Attendant."""

    def __init__(self, state: str, clock: IReactorTime, in_thread: Callable[..., Deferred[Any]]) -> None:
        self._path = os.path.join(state, FILE_NAME)
        self._clock = clock
        self._in_thread = in_thread
        self._news: Counter[tuple[str, str, str]] = Counter()
        self._call: IDelayedCall | None = None
        self._running = False

    def start(self) -> None:
        """Begin to write down."""
        self._running = True
        self._write_soon()

    def stop(self) -> None:
        """Write down what there is."""
        self._running = False
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        if news := self.drained():
            _write(self._path, news)

    def drained(self) -> Counter[tuple[str, str, str]]:
        """What was counted since this was asked last, for somebody else to `add` and write down."""
        news, self._news = self._news, Counter()
        return news

    def add(self, news: Mapping[tuple[str, str, str], int]) -> None:
        """What somebody else has counted."""
        self._news.update(news)
        self._write_soon()

    def noted(self, note: RuleNote) -> None:
        """See IRuleCounts."""
        self._news[note.rule, "", "matched"] += 1
        self._write_soon()

    def attempted(self, verdict: VerdictRecord, lifted: Iterable[str] = ()) -> None:
        """See IRuleCounts."""
        if not verdict.rules and not verdict.tested and not lifted:
            return
        destination = verdict.recipient.rpartition("@")[2]
        tested = {each.rule: each.passed for each in verdict.tested}
        for rule in dict.fromkeys((*verdict.rules, *tested)):
            for column in _columns(verdict, rule, tested.get(rule)):
                self._news[rule, destination, column] += 1
        for rule in lifted if verdict.result is Result.DELIVERED else ():
            for column in ("delivered", "overridden"):
                self._news[rule, destination, column] += 1
        self._write_soon()

    def _write_soon(self) -> None:
        if self._running and self._news and self._call is None:
            self._call = self._clock.callLater(_LATEST, self._tick)

    def _tick(self) -> None:
        self._call = None
        if news := self.drained():
            supervise(self._in_thread(_write, self._path, news), "counting rules")


def _columns(verdict: VerdictRecord, rule: str, passed: bool | None) -> Iterable[str]:
    if verdict.attempt == 1:
        yield "matched"
    if verdict.result is Result.DELIVERED:
        yield "delivered"
        if passed is False:
            yield "would_fail"
        if any(each.endswith(f"weakened by rule {rule}") for each in verdict.sources):
            yield "weakened"
    if verdict.result is Result.FAILED and verdict.tls_since is not None and passed is None:
        yield "refused"


def read(state: str) -> tuple[Counts, ...]:
    """What has been counted in the folder `state`, by rule and destination; nothing where there is no such file.

    Raises sqlite3.Error or OSError when it cannot be read: that is not to be taken for "never".
    """
    path = os.path.join(state, FILE_NAME)
    try:
        with open(path, "rb"):
            pass
    except FileNotFoundError:
        return ()
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", timeout=_SECONDS, uri=True)) as file:
        # An older version has counted less.
        columns = [each for each in _COLUMNS if each in _columns_in(file)]
        rows = file.execute(f"SELECT rule, destination, {', '.join(columns)} FROM counts ORDER BY 1, 2")  # noqa: S608  names of ours
        return tuple(
            Counts(rule=row[0], destination=row[1], **dict(zip(columns, row[2:], strict=True))) for row in rows
        )


def _columns_in(file: sqlite3.Connection) -> list[str]:
    return [row[1] for row in file.execute("PRAGMA table_info(counts)")]


def _write(path: str, news: Counter[tuple[str, str, str]]) -> None:
    try:
        make_private_folders(os.path.dirname(path))
        with contextlib.closing(sqlite3.connect(path, timeout=_SECONDS)) as file, file:
            file.execute(_TABLE)
            for column in set(_COLUMNS) - set(_columns_in(file)):
                file.execute(f"ALTER TABLE counts ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
            for (rule, destination, column), count in news.items():
                _add(file, rule, destination, column, count)
    except (OSError, sqlite3.Error) as error:
        maillog.caution("node.state", f"{path}: rules cannot be counted: {error}")


def _add(file: sqlite3.Connection, rule: str, destination: str, column: str, count: int) -> None:
    known = file.execute("SELECT 1 FROM counts WHERE rule = ? AND destination = ?", (rule, destination)).fetchone()
    if known is None:
        [destinations] = file.execute("SELECT count(*) FROM counts WHERE rule = ?", (rule,)).fetchone()
        if destinations >= _MOST_DESTINATIONS:
            destination = _OTHERS
        zeros = ", ".join("0" for _ in _COLUMNS)
        file.execute(f"INSERT OR IGNORE INTO counts VALUES (?, ?, {zeros})", (rule, destination))  # noqa: S608  zeros
    update = f"UPDATE counts SET {column} = {column} + ? WHERE rule = ? AND destination = ?"  # noqa: S608  as above
    file.execute(update, (count, rule, destination))
