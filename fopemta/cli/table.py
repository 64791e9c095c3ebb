"""Tables and values for a terminal."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator, Sequence
from typing import TextIO

# A column is as wide as its longest entry, up to this; the last one is never cut.
_WIDEST = 40


def lines_of(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table with aligned columns, safe for a terminal."""
    table = [cells_of(row) for row in (headings, *rows)]
    yield from map(Columns(table).line, table)


def cells_of(row: Sequence[str]) -> tuple[str, ...]:
    """The cells of a row, made safe."""
    *narrow, last = row if "".join(row).isprintable() else map(escaped, row)
    return (*[cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 3]}..." for cell in narrow], last)


class Columns:
    """Column widths for `rows`, which may be only the first of many."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
        self._form = "  ".join([*(f"%-{width}s" for width in widths), "%s"])
        # The offset of the last column.
        self.indent = sum(widths) + 2 * len(widths)

    def line(self, cells: Sequence[str]) -> str:
        """The text of a row."""
        return (self._form % tuple(cells)).rstrip()


def terminal_width(output: TextIO | None) -> int | None:
    """The number of columns of `output`; None if it is not a terminal, or closed."""
    return shutil.get_terminal_size().columns if output is not None and output.isatty() else None


def escaped(text: str) -> str:
    """`text` with every control character made visible."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def age(seconds: float) -> str:
    """How long ago, in its two largest units at most: "45s", "12m", "3h 5m", "4d 2h"."""
    whole = max(0, int(seconds))
    return _age(whole if whole < 60 else whole - whole % 60)


@functools.cache
def _age(whole: int) -> str:
    for unit, length, below, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60)):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length}{unit}" + (f" {rest}{below}" if rest else "")
    return f"{whole // 60}m" if whole >= 60 else f"{whole}s"


def until(moment: float | None, now: float) -> str:
    """When something is due: "now", "in 5m"."""
    return "now" if moment is None or moment <= now else f"in {age(moment - now)}"


@functools.lru_cache(maxsize=4096)
def size_words(octets: int) -> str:
    """A size: "312 B", "4.2 kB", "17 MB"."""
    number, units = float(octets), ["B", "kB", "MB", "GB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.1f} {units[0]}" if number < 10 and units[0] != "B" else f"{number:.0f} {units[0]}"
