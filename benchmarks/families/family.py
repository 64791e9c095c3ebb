"""One family of hostile inputs, and where all of them are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import benchmarks.families


@dataclass(frozen=True)
class Family:
    """`name` is "room.kind".  `make` gives about so many octets of input, `read` has the parser read it and does not
    raise what the parser may raise.  `largest`: more octets than this never reach the parser.
    """

    name: str
    make: Callable[[int], bytes]
    read: Callable[[bytes], Any]
    largest: int = 1 << 20


def repeated(unit: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[int], bytes]:
    """Inputs that are `unit` again and again, as often as the size allows, once at least."""

    def make(size: int) -> bytes:
        return before + unit * max(1, (size - len(before) - len(after)) // len(unit)) + after

    return make


def tolerant(read: Callable[[bytes], Any], *errors: type[Exception]) -> Callable[[bytes], Any]:
    """`read`, whose `errors` are answers, too."""

    def answer(octets: bytes) -> Any:
        try:
            return read(octets)
        except errors:
            return None

    return answer


def all_families() -> Iterator[Family]:
    """Of every module in this package that has some."""
    for module in sorted(each.name for each in pkgutil.iter_modules(benchmarks.families.__path__)):
        yield from getattr(importlib.import_module(f"{benchmarks.families.__name__}.{module}"), "FAMILIES", ())
