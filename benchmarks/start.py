"""`make bench`: how soon a command answers, and how soon the server greets.

    python -m benchmarks.start [--runs 15]

Each is a process of its own; the least and the median of so many, in seconds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.ground import Ground
from benchmarks.servers import Fopemta


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.start", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/fopemta-bench"))
    options = parser.parse_args()
    print("| what | least, s | median, s |\n|---|---|---|")
    row("`fopemta --help`", options.runs, help_)
    with Ground(options.folder) as ground:
        row(
            "`twistd fopemta` until it greets, no mail in the spool",
            max(3, options.runs // 3),
            lambda: greeting(ground),
        )


def row(what: str, runs: int, seconds: Callable[[], float]) -> None:
    found = [seconds() for _ in range(runs)]
    print(f"| {what} | {min(found):.2f} | {statistics.median(found):.2f} |", flush=True)


def help_() -> float:
    command = Path(sys.executable).with_name("fopemta")
    began = time.perf_counter()
    subprocess.run([str(command), "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def greeting(ground: Ground) -> float:
    server = Fopemta(ground)
    began = time.perf_counter()
    try:
        server.start("hold")
        return time.perf_counter() - began
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
