"""Facts as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

# A column is as wide as its longest entry, and no wider than this; the last one is cut at nothing.
_WIDEST = 40
_MEASURED = 100


def lines_of(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, columns aligned, nothing in it that could disturb a terminal."""
    table = [[_narrow(escaped(cell)) for cell in row[:-1]] + [escaped(row[-1])] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings) - 1)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()


class StreamedTable:
    """Rows written by `write` as they come, many of them perhaps: the first hundred decide how wide the columns are."""

    def __init__(self, headings: Sequence[str], write: Callable[[str], object]) -> None:
        self._write = write
        self._first: list[Sequence[str]] | None = [headings]
        self._widths: list[int] = []

    def add(self, row: Sequence[str]) -> None:
        """One more row."""
        if self._first is None:
            self._put(row)
            return
        self._first.append(row)
        if len(self._first) > _MEASURED:
            self._begin()

    def end(self) -> None:
        """No more rows; without any, nothing is written."""
        if self._first is not None and len(self._first) > 1:
            self._begin()

    def _begin(self) -> None:
        rows, self._first = self._first or [], None
        self._widths = [max(len(_narrow(escaped(row[column]))) for row in rows) for column in range(len(rows[0]) - 1)]
        for row in rows:
            self._put(row)

    def _put(self, row: Sequence[str]) -> None:
        cells = [_narrow(escaped(cell)).ljust(width) for cell, width in zip(row, self._widths, strict=False)]
        self._write("  ".join([*cells, escaped(row[-1])]).rstrip())


def _narrow(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def escaped(text: str) -> str:
    """`text` with every control character made visible."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def age(seconds: float) -> str:
    """How long ago, in its two largest units at most: "45s", "12m", "3h 5m", "4d 2h"."""
    whole = max(0, int(seconds))
    for unit, length, below, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60)):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length}{unit}" + (f" {rest}{below}" if rest else "")
    return f"{whole // 60}m" if whole >= 60 else f"{whole}s"


def until(moment: float | None, now: float) -> str:
    """When something is due: "now", "in 5m"."""
    return "now" if moment is None or moment <= now else f"in {age(moment - now)}"


def size_words(octets: int) -> str:
    """A size: "312 B", "4.2 kB", "17 MB"."""
    number, units = float(octets), ["B", "kB", "MB", "GB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.1f} {units[0]}" if number < 10 and units[0] != "B" else f"{number:.0f} {units[0]}"
