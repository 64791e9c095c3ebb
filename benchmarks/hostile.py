"""What strangers' octets cost, by their size: whatever grows faster than its size is flagged.

    python -m benchmarks.hostile [--largest 1048576] [--patience 2] [NAME ...]

NAME: a room as "headers" or a family as "headers.words" (all of them without any; `--list` shows them).  Each family is
one kind of hostile input that can be doubled, and the parser that meets it; see `benchmarks.families`.  Doubling stops
at `--largest` octets, or where one reading takes longer than `--patience` seconds.  Prints milliseconds of CPU by size,
the exponent of the growth, and a flag where it is above 1; the status is 1 when there is one.
"""

from __future__ import annotations

import argparse
import fnmatch
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType

from benchmarks.families.family import Family, all_families
from benchmarks.growth_rate import FLAG, exponent

_SMALLEST = 1024
# A reading that a doubling of its input makes slower than this many times its patience is ended.
_ENDLESS = 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.hostile", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--largest", type=int, default=1 << 20, help="octets")
    parser.add_argument("--patience", type=float, default=2.0, help="seconds for one reading")
    parser.add_argument("--list", action="store_true", help="only name the families")
    options = parser.parse_args()
    chosen = list(_chosen(options.names))
    if options.list:
        print("\n".join(each.name for each in chosen))
        return 0
    signal.signal(signal.SIGALRM, _too_long)
    print(f"{'family':40} {'growth':>7}  milliseconds at KiB")
    flagged = [each.name for each in chosen if _shown(each, options)]
    print(f"\n{len(chosen)} families, {len(flagged)} grow faster than their size", *flagged, sep="\n  ")
    return 1 if flagged else 0


def _chosen(names: list[str]) -> Iterator[Family]:
    for each in all_families():
        if not names or any(each.name == name or fnmatch.fnmatch(each.name, f"{name}.*") for name in names):
            yield each


def _shown(family: Family, options: argparse.Namespace) -> bool:
    """Measure it, print its line; whether it is flagged."""
    found, ended = measured(family, min(options.largest, family.largest), options.patience)
    grown = exponent(found)
    flagged = ended or grown > FLAG
    costs = " ".join(f"{size / 1024:g}:{seconds * 1000:.1f}" for size, seconds in found[-6:])
    words = "  NO END" if ended else "  FASTER THAN ITS SIZE" if flagged else ""
    print(f"{family.name:40} {grown:7.2f}  {costs}{words}", flush=True)
    return flagged


def measured(family: Family, largest: int, patience: float) -> tuple[list[tuple[int, float]], bool]:
    """CPU seconds by size, and whether the last reading had to be ended."""
    found: list[tuple[int, float]] = []
    size = min(_SMALLEST, largest)
    while size <= largest:
        octets = family.make(size)
        signal.alarm(max(int(patience * _ENDLESS), 1))
        try:
            seconds = min(_seconds(family, octets) for _ in range(1 if found and found[-1][1] > 0.2 else 3))
        except TimeoutError:
            return found, True
        finally:
            signal.alarm(0)
        found.append((size, seconds))
        if seconds > patience:
            break
        size *= 2
    return found, False


def _seconds(family: Family, octets: bytes) -> float:
    before = time.process_time()
    family.read(octets)
    return time.process_time() - before


def _too_long(_: int, __: FrameType | None) -> None:
    raise TimeoutError


if __name__ == "__main__":
    sys.exit(main())
