"""`make bench`: situations that administrators remember, fopemta and Postfix in turn.

    python -m benchmarks.hurts [--runs 3] [--messages N] [--servers fopemta,postfix] [SITUATION ...]

SITUATION: outage, outage-100 (mail deferred for one destination or 100 that were down, they are back, flush), noticed
(no flush), recipients, recipients-100 (100 of each message, at one domain or 100), far, far-tls (40 ms each way), slow
(one destination beside 50 fast ones), burst (500 clients at once), laden (50,000 deferred: memory, start), maildir; all
of them without any.  `--messages 2000` makes any of them short.  Each server has its own defaults and durable intake,
an empty spool and ports that are free.  Prints a line for each figure as soon as there is one.  As root the spools lie
on a fresh journalled file system in a file.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.ground import Ground, processor
from benchmarks.hurts.aims import HEAD, line
from benchmarks.hurts.servers import Ours, Theirs, Tried
from benchmarks.hurts.situations import SITUATIONS, Situation, Trial

SERVERS: dict[str, type[Tried]] = {each.name: each for each in (Ours, Theirs)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.hurts", description=__doc__.split("\n")[0])
    parser.add_argument("situations", nargs="*", choices=[[], *SITUATIONS], default=[], metavar="SITUATION")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--messages", type=int, help="instead of each situation's own number")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--folder", type=Path, help="a new one, removed at the end, unless given")
    options = parser.parse_args()
    # Servers, sinks and the file system are ended also when we are.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = [name for name in options.servers.split(",") if SERVERS[name].installed()]
    folder = options.folder or Path(tempfile.mkdtemp(prefix="fopemta-hurts-"))
    folder.chmod(0o755)  # Postfix works there under its own name
    try:
        with Ground(folder) as ground:
            print(f"{processor()}; file system: {ground.words}; Python {platform.python_version()};", end=" ")
            print(f"medians of {options.runs}, in turn: {', '.join(names)}\n\n{HEAD}", flush=True)
            for name in options.situations or SITUATIONS:
                show(SITUATIONS[name], names, ground, options)
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


def show(situation: Situation, names: list[str], ground: Ground, options: argparse.Namespace) -> None:
    """Measure each server as often as wanted, in turn, and print the figures."""
    messages = options.messages or situation.messages
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in SERVERS}
    for run in range(options.runs):
        for name in names:
            try:
                found[name].append(measured(situation, Trial(SERVERS[name](ground), messages, run)))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                print(f"{name}, {situation.words.format(messages)}: {error}", file=sys.stderr, flush=True)
    for number, measure in enumerate(situation.measures):
        ours, theirs = ([each[number] for each in found[server.name]] for server in (Ours, Theirs))
        print(line(situation.words.format(messages), measure, ours, theirs), flush=True)


def measured(situation: Situation, trial: Trial) -> tuple[float, ...]:
    """One trial, and its end."""
    try:
        return situation.act(trial)
    finally:
        trial.server.stop()


if __name__ == "__main__":
    sys.exit(main())
