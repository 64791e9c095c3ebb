"""The lines of `queue list`: of perhaps 100,000 messages, so they are made in portions and written as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import attrs

from fopemta.cli.queue_filter import Filter
from fopemta.cli.queue_source import Source
from fopemta.cli.queue_views import HEADINGS, rows
from fopemta.cli.table import Columns, cells_of
from fopemta.mail.listed import Listed, is_open
from fopemta.mail.plain_json import encoded

# So many rows at least decide how wide the columns are.
_MEASURED = 100


@attrs.frozen
class Counted:
    """How many messages were listed, and how many of their listed recipients wait."""

    messages: int = 0
    waiting: int = 0

    def __add__(self, other: Counted) -> Counted:
        """Both together."""
        return Counted(self.messages + other.messages, self.waiting + other.waiting)


def write_json(source: Source, chosen: Filter, write: Callable[[bytes], object]) -> None:
    """Write a line of JSON for each message of which a recipient is chosen, with all its recipients."""

    def lines(messages: Iterable[Listed]) -> bytes:
        return b"".join([encoded(each) + b"\n" for each in messages if chosen.recipients(each)])

    for part in source.portions(lines):
        write(part)


def write_table(source: Source, chosen: Filter, write: Callable[[str], object]) -> Counted:
    """Write a table of the chosen recipients, the oldest message first; without any, nothing."""
    now = time.time()

    def part(messages: Iterable[Listed]) -> tuple[list[tuple[str, ...]], Counted]:
        found = [(each, recipients) for each in messages if (recipients := chosen.recipients(each))]
        cells = [cells_of(row) for each, recipients in found for row in rows(each, recipients, now)]
        return cells, Counted(len(found), sum(is_open(each) for _, recipients in found for each in recipients))

    counted = Counted()
    first: list[tuple[str, ...]] = [HEADINGS]
    columns: Columns | None = None
    for cells, its in source.portions(part):
        counted += its
        if columns is None:
            first += cells
            if len(first) <= _MEASURED:
                continue
            columns, cells = Columns(first), first
        write(_lines(columns, cells))
    if columns is None and len(first) > 1:
        write(_lines(Columns(first), first))
    return counted


def _lines(columns: Columns, cells: Iterable[Sequence[str]]) -> str:
    return "".join([columns.line(each) + "\n" for each in cells])
