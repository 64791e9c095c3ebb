"""How long `fopemta queue list` and `queue summary` take; part of `benchmarks.deferred`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import ROOT

COMMANDS = {
    "`queue list`": ("list",),
    "`queue list --json`": ("list", "--json"),
    "`queue summary`": ("summary",),
}
_RUNS = 3


@dataclass(frozen=True)
class Timed:
    """Seconds from the start of the command to its first line and to its end; how many lines there were."""

    first: float
    whole: float
    lines: int


def timings(config: Path) -> dict[str, list[Timed]]:
    """Every command, some times, in turn."""
    found: dict[str, list[Timed]] = {name: [] for name in COMMANDS}
    for _ in range(_RUNS):
        for name, words in COMMANDS.items():
            found[name].append(timed(["queue", *words, "--config", str(config)]))
    return found


def timed(words: Sequence[str]) -> Timed:
    """Run `fopemta WORDS` with its output in a pipe; CalledProcessError when it fails."""
    command = [str(Path(sys.executable).with_name("fopemta")), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, bufsize=0) as process:
        assert process.stdout is not None
        lines = process.stdout.read(65536).count(b"\n")
        first = time.perf_counter() - began
        while some := process.stdout.read(65536):
            lines += some.count(b"\n")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Timed(first, time.perf_counter() - began, lines)


def table(messages: int, up: dict[str, list[Timed]], down: dict[str, list[Timed]]) -> str:
    """Medians and ranges, with the server and without it."""
    lines = [
        f"| {messages:,} messages (median of {_RUNS}) | up: first line, s | all, s | down: first line, s | all, s |",
        "|---|---|---|---|---|",
    ]
    for name in COMMANDS:
        cells = [cell for runs in (up[name], down[name]) for cell in _cells(runs)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def check(messages: int, found: dict[str, list[Timed]]) -> None:
    """That each list had all of them, a line each.  Raises RuntimeError."""
    for name in COMMANDS:
        for each in found[name]:
            if "list" in name and each.lines < messages:
                raise RuntimeError(f"{name}: {each.lines} lines of {messages}")


def _cells(runs: Sequence[Timed]) -> tuple[str, str]:
    firsts, wholes = [each.first for each in runs], [each.whole for each in runs]
    ends = f"{statistics.median(wholes):.1f} ({min(wholes):.1f}-{max(wholes):.1f})"
    return f"{statistics.median(firsts):.2f}", ends
