"""What is measured of a situation, what is aimed at, and the lines of the table (pure)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf, nan


@dataclass(frozen=True)
class Aim:
    """At most (or, with `least`, at least) so many, or so many times what Postfix does."""

    bound: float
    times: bool = False
    least: bool = False

    def __str__(self) -> str:
        bound = f"{self.bound:,g}"
        return (
            f"{'≥' if self.least else '≤'} {bound} × Postfix" if self.times else f"{'≥' if self.least else '≤'} {bound}"
        )

    def met(self, ours: float, theirs: float) -> bool | None:
        """None where it cannot be said, since Postfix was not measured."""
        bound = self.bound * theirs if self.times else self.bound
        if bound != bound:
            return None
        return ours >= bound if self.least else ours <= bound


@dataclass(frozen=True)
class Measure:
    """One figure of a situation, with its unit; without an aim it only stands beside the others."""

    words: str
    aim: Aim | None = None


def line(situation: str, measure: Measure, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Of the table: medians with ranges, their ratio, and whether the aim is met."""
    mine, other = middle(ours), middle(theirs)
    ratio = mine / other if other and not isinf(other) else nan
    verdict = measure.aim.met(mine, other) if measure.aim is not None and ours else None
    cells = (
        f"{situation}: {measure.words}",
        shown(ours),
        shown(theirs),
        "-" if ratio != ratio else f"{ratio:.2f}",
        str(measure.aim or "-"),
        {True: "met", False: "missed", None: "-"}[verdict],
    )
    return f"| {' | '.join(cells)} |"


HEAD = "| situation | fopemta | Postfix | ratio | aim | |\n|---|---|---|---|---|---|"


def middle(found: Sequence[float]) -> float:
    """The median; not a number of nothing."""
    return statistics.median(found) if found else nan


def shown(found: Sequence[float]) -> str:
    """Median and range; "never" is what had not ended when patience did."""
    if not found:
        return "-"
    return f"{figure(middle(found))} ({figure(min(found))}-{figure(max(found))})"


def figure(value: float) -> str:
    """Three digits of it, or all before the point."""
    if value == inf:
        return "never"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
