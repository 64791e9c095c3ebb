"""The lines of `queue list`: for perhaps 100,000 messages, made in portions and written as they come."""

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

# Rows that are measured to set the column widths.
_MEASURED = 100
# The least useful width of the last column.
_ANSWER = 30


@attrs.frozen
class Counted:
    """The number of messages listed, and of their listed recipients that wait."""

    messages: int = 0
    waiting: int = 0

    def __add__(self, other: Counted) -> Counted:
        """The sum of both."""
        return Counted(self.messages + other.messages, self.waiting + other.waiting)


def write_json(source: Source, chosen: Filter, write: Callable[[bytes], object]) -> None:
    """Write a line of JSON for each message with a matching recipient, with all its recipients."""

    def lines(messages: Iterable[Listed]) -> bytes:
        return b"".join([encoded(each) + b"\n" for each in messages if chosen.recipients(each)])

    for part in source.portions(lines):
        write(part)


def write_table(source: Source, chosen: Filter, write: Callable[[str], object], width: int | None = None) -> Counted:
    """Write a table of the matching recipients, oldest message first; nothing if there are none.

    `width` of the terminal, if it is one: wider rows take more than one line.
    """
    now = time.time()

    def part(messages: Iterable[Listed]) -> tuple[list[tuple[str, ...]], Counted]:
        found = [(each, recipients) for each in messages if (recipients := chosen.recipients(each))]
        cells = [cells_of(row) for each, recipients in found for row in rows(each, recipients, now)]
        return cells, Counted(len(found), sum(is_open(each) for _, recipients in found for each in recipients))

    counted = Counted()
    first: list[tuple[str, ...]] = [HEADINGS]
    layout: Columns | Stacked | None = None
    for cells, its in source.portions(part):
        counted += its
        if layout is None:
            first += cells
            if len(first) <= _MEASURED:
                continue
            layout, cells = _layout(first, width), first
        write(_lines(layout, cells))
    if layout is None and len(first) > 1:
        write(_lines(_layout(first, width), first))
    return counted


class Stacked:
    """Rows for a narrow terminal: the message, each recipient below it, and the last answer below that."""

    def line(self, cells: Sequence[str]) -> str:
        """The text of a row, with LF between its lines."""
        lines = ["  ".join(cells[:4]), f"  {'  '.join(cells[4:7])}", f"    {cells[7]}"]
        return "\n".join(lines if cells[0] else lines[1:])


def _layout(first: Sequence[tuple[str, ...]], width: int | None) -> Columns | Stacked:
    columns = Columns(first)
    return columns if width is None or columns.indent + _ANSWER <= width else Stacked()


def _lines(layout: Columns | Stacked, cells: Iterable[Sequence[str]]) -> str:
    return "".join([layout.line(each) + "\n" for each in cells])
