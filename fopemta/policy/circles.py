"""Cycles in a graph (pure): of aliases, and of rules that redirect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

K = TypeVar("K")


def circles(starts: Iterable[K], following: Callable[[K], Iterable[K]]) -> Iterator[tuple[K, ...]]:
    """Each cycle found, from its first member back to it; every edge is followed once."""
    done: set[K] = set()
    for start in starts:
        if start in done:
            continue
        # Depth first without recursion, since a chain may be long.  `way` holds each node's position, in order.
        way: dict[K, int] = {start: 0}
        stack = [iter(following(start))]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                done.add(way.popitem()[0])
            elif step in way:
                yield (*list(way)[way[step] :], step)
            elif step not in done:
                way[step] = len(way)
                stack.append(iter(following(step)))
