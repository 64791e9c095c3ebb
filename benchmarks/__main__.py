"""`make bench`: intake and relay, fopemta and its peers in turn, each durable and with its own defaults.

    python -m benchmarks [--runs 3] [--window 4] [--messages 2000] [--servers NAMES] [WORK ...]

WORK: intake, intake-many, intake-tls, relay, relay-tls, relay-tls-500, large (all of them without any).  NAMES: of
fopemta, fopemta-2 (two workers), postfix, exim, aiosmtpd; the last two take part in intake alone.  Prints a table of
medians and the ratios.  As root the spools lie on a fresh journalled file system in a file; without root on whatever
is there, which the table says.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
from pathlib import Path

from benchmarks.ground import Ground, processor
from benchmarks.peers import Aiosmtpd, Exim
from benchmarks.servers import Fopemta, FopemtaOfTwo, Postfix, Server
from benchmarks.work import WORKS, Figures

SERVERS: dict[str, type[Server]] = {each.name: each for each in (Fopemta, FopemtaOfTwo, Postfix, Exim, Aiosmtpd)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("work", nargs="*", choices=[[], *WORKS], default=[])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--window", type=float, default=4.0, help="seconds of load for an intake")
    parser.add_argument("--messages", type=int, default=2000, help="messages for a relay")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/fopemta-bench"))
    options = parser.parse_args()
    wanted = options.servers.split(",")
    names = [name for name in wanted if SERVERS[name].installed()]
    for name in set(wanted) - set(names):
        print(f"{name} is not installed here, or needs root: left out")
    with Ground(options.folder) as ground:
        print(
            f"{processor()}; file system: {ground.words}; {sys.executable} {platform.python_version()}; "
            f"{options.runs} runs, in turn",
            flush=True,
        )
        for work in options.work or WORKS:
            able = [name for name in names if not SERVERS[name].works or work in SERVERS[name].works]
            found: dict[str, list[Figures]] = {name: [] for name in able}
            for _ in range(options.runs):
                for name in able:
                    found[name].append(measure(SERVERS[name](ground), work, options))
            table(work, found)


def measure(server: Server, work: str, options: argparse.Namespace) -> Figures:
    try:
        return WORKS[work](server, options)
    finally:
        server.stop()


def table(work: str, found: dict[str, list[Figures]]) -> None:
    print(f"\n{work}: {WORKS[work].__doc__}")
    print("| server | messages/s (range) | CPU ms/message | peak memory MiB | failed |")
    print("|---|---|---|---|---|")
    for name, runs in found.items():
        rates = [run.rate for run in runs]
        print(
            f"| {name} | {statistics.median(rates):.0f} ({min(rates):.0f}-{max(rates):.0f}) "
            f"| {cpu(runs):.3f} | {statistics.median(run.memory for run in runs) / 2**20:.0f} "
            f"| {sum(run.failed for run in runs)} |"
        )
    (one, ours), *others = found.items()
    for other, theirs in others:
        rate = statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))
        print(f"{one} / {other}: rate {rate:.2f}, CPU {cpu(ours) / cpu(theirs):.2f}", flush=True)


def cpu(runs: list[Figures]) -> float:
    """Milliseconds a message, all processes of the server."""
    return statistics.median(run.cpu * 1000 / max(run.messages, 1) for run in runs)


if __name__ == "__main__":
    sys.exit(main())
