"""A plot as SVG: lines over logarithmic axes, as growth is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 40, 50
_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df", "#9a6700")


def plot(title: str, across: str, up: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """`lines` by name: points (x, y), all greater than zero; the axes are labelled `across` and `up`."""
    points = [point for line in lines.values() for point in line]
    horizontal = _Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    vertical = _Axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 22, title, "start", 'font-size="15"'),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, across),
        _text(16, (_TOP + _HEIGHT - _BOTTOM) / 2, up, turn=True),
        *_grid(horizontal, vertical),
    ]
    for number, (name, line) in enumerate(lines.items()):
        parts += _line(name, line, horizontal, vertical, _COLOURS[number % len(_COLOURS)], 18 * number)
    return "\n".join([*parts, "</svg>\n"])


class _Axis:
    """From whole decades to places in the picture."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self.first = math.floor(math.log10(min(values)))
        self.last = max(math.ceil(math.log10(max(values))), self.first + 1)
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        share = (math.log10(value) - self.first) / (self.last - self.first)
        return self._begin + share * (self._end - self._begin)

    @property
    def decades(self) -> list[float]:
        return [10.0**each for each in range(self.first, self.last + 1)]


def _grid(horizontal: _Axis, vertical: _Axis) -> Iterable[str]:
    for value in horizontal.decades:
        x = horizontal.place(value)
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}" stroke="#ddd"/>'
        yield _text(x, _HEIGHT - _BOTTOM + 16, f"{value:,g}")
    for value in vertical.decades:
        y = vertical.place(value)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
        yield _text(_LEFT - 6, y + 4, f"{value:,g}", "end")


def _line(
    name: str, line: Sequence[tuple[float, float]], horizontal: _Axis, vertical: _Axis, colour: str, down: float
) -> Iterable[str]:
    places = [(horizontal.place(x), vertical.place(y)) for x, y in line]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    yield _text(_WIDTH - _RIGHT + 12, _TOP + 12 + down, name, "start", f'fill="{colour}"')


def _text(x: float, y: float, text: str, anchor: str = "middle", more: str = "", turn: bool = False) -> str:
    turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turned} {more}>{escaped}</text>'
