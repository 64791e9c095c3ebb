"""One target, and where all of them are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator

import attrs

import tests.fuzz.targets


@attrs.frozen
class Target:
    """`read` has the parser read some octets.  It raises only where something is wrong with the parser: what the parser
    may raise is caught in it, what its answers promise is asserted.  `families` are the groups of families of hostile
    inputs (`benchmarks.families`) that the same parser meets; `longest` octets of input are tried.
    """

    name: str
    read: Callable[[bytes], None]
    families: tuple[str, ...] = ()
    longest: int = 4096


def all_targets() -> dict[str, Target]:
    """By name."""
    return {each.name: each for each in _targets()}


def _targets() -> Iterator[Target]:
    for module in sorted(each.name for each in pkgutil.iter_modules(tests.fuzz.targets.__path__)):
        yield from getattr(importlib.import_module(f"{tests.fuzz.targets.__name__}.{module}"), "TARGETS", ())


def in_pieces(octets: bytes, how: int) -> list[bytes]:
    """As one might come from a socket: all at once, a line each, or a few octets each."""
    if how % 3 == 0:
        return [octets]
    if how % 3 == 1:
        return octets.splitlines(keepends=True)
    size = 1 + how % 7
    return [octets[start : start + size] for start in range(0, len(octets), size)]
