"""Two builds of fopemta in turn: what a message costs the one and the other.

    python -m benchmarks.builds BEFORE AFTER [--pairs 100] [--window 0.2] [WORK ...]

BEFORE and AFTER are git revisions, or folders with a checkout; WORK: intake, intake-many, intake-tls, relay, relay-tls
as in `benchmarks`, the first four without any.  Both servers are up at the same time and take short bursts in turn, so
that what else the machine does concerns both.  What counts is CPU time of the server a message: other work changes it
less than the rate.  Prints medians with quartiles, and those of the ratios of the pairs.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ground import Ground, processor
from benchmarks.servers import ROOT, Fopemta
from tests.processes import free_port

# What smtpload is told.
_INTAKES: dict[str, tuple[object, ...]] = {
    "intake": ("-s", 20, "-r", 1),
    "intake-many": ("-s", 100, "-r", 50),
    "intake-tls": ("-s", 20, "-r", 1, "-t"),
}
# Has Twisted find the plugin of that build, and not the one of the build that is installed here.
_LAUNCH = """
import sys
import twisted.plugins
twisted.plugins.__path__.insert(0, sys.argv.pop(1))
from twisted.scripts.twistd import run
run()
"""
_RELAYS = {"relay": False, "relay-tls": True}
_WORKS = (*_INTAKES, "relay")
# Messages of a burst that is relayed.
_RELAYED = 200
# Pairs until both are started anew: mail that has come in and waits is moved in the spool after 20 seconds, and that
# would be counted with what comes in then.
_PAIRS = 10
# Seconds after a burst in which the server comes to rest.
_REST = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.builds", description=__doc__.split("\n")[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("work", nargs="*", choices=[[], *_INTAKES, *_RELAYS], default=[])
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--window", type=float, default=0.2, help="seconds of a burst")
    options = parser.parse_intermixed_args()
    # Servers, sinks and the file system are ended also when we are.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="fopemta-builds-"))
    try:
        with checkout(options.before) as before, checkout(options.after) as after, Ground(folder) as ground:
            print(f"{processor()}; file system: {ground.words}; Python {platform.python_version()};", end=" ")
            print(f"{options.pairs} pairs; CPU ms a message: median (quartiles)\n")
            print(f"| work | {options.before} | {options.after} | ratio |\n|---|---|---|---|", flush=True)
            for work in options.work or _WORKS:
                found: list[tuple[float, float]] = []
                while len(found) < options.pairs:
                    with up(ground, before, work) as one, up(ground, after, work) as two:
                        some = range(1 + min(_PAIRS, options.pairs - len(found)))
                        # The first one warms up.
                        found += [pair(one, two, work, options.window, number % 2 == 1) for number in some][1:]
                print(line(work, found), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def checkout(build: str) -> Iterator[Path]:
    """The folder where a build is; of a revision for as long as it is needed.  Raises CalledProcessError."""
    if Path(build).is_dir():
        yield Path(build).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="fopemta-build-") as folder:
        archive = ["git", "-C", str(ROOT), "archive", "--format=tar", build, "fopemta", "twisted"]
        packed = subprocess.run(archive, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        yield Path(folder)


class Build(Fopemta):
    """fopemta as it is at `root`."""

    def command(self, folder: Path, mode: str, tls: bool) -> list[str]:
        _, *arguments = super().command(folder, mode, tls)
        return [sys.executable, "-c", _LAUNCH, str(self.root / "twisted" / "plugins"), *arguments]


@contextlib.contextmanager
def up(ground: Ground, root: Path, work: str) -> Iterator[Fopemta]:
    """The build at `root`, greeting, with a spool of its own."""
    own = copy.copy(ground)
    own.spools = ground.spools / free_name(root)
    own.spools.mkdir()
    server = Build(own)
    server.root, server.port, server.sink = root, free_port(), free_port()
    try:
        server.start("relay" if work in _RELAYS else "hold", "tls" in work)
        yield server
    finally:
        if server.process is not None:
            # Most of its mail may be on the way to a server that never greets: there is nothing to wait for.
            server.process.kill()
            server.process.wait()
        server.stop()
        shutil.rmtree(own.spools)


def free_name(root: Path) -> str:
    """Of a folder, another one for each server."""
    return f"{root.name}-{time.monotonic_ns()}"


def pair(one: Fopemta, two: Fopemta, work: str, window: float, turned: bool) -> tuple[float, float]:
    """What a message costs the one and the other, measured one after the other, or `turned`."""
    if turned:
        second = cost(two, work, window)
        return cost(one, work, window), second
    return cost(one, work, window), cost(two, work, window)


def cost(server: Fopemta, work: str, window: float) -> float:
    """CPU milliseconds a message, of one burst; RuntimeError when a message fails."""
    before = spent(server.pid)
    found = relayed(server, _RELAYS[work]) if work in _RELAYS else taken(server, work, window)
    if found["fail"]:
        raise RuntimeError(f"{server.root}: {found['fail']} messages failed: {found['err']}")
    # What is left to record belongs to the price.
    time.sleep(_REST)
    return (spent(server.pid) - before) * 1000 / int(found["ok"])


def spent(pid: int) -> float:
    """CPU seconds of the threads that a process has now; as exact as the kernel's scheduler, for short bursts."""
    times = [path.read_text().split()[0] for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(map(int, times)) / 1e9


def taken(server: Fopemta, work: str, window: float) -> dict[str, Any]:
    """A burst that comes in."""
    return load(server, *_INTAKES[work], "-m", 10**6, "-w", window, "-T", window + 30)


def relayed(server: Fopemta, tls: bool) -> dict[str, Any]:
    """A burst that goes through."""
    certificate = ["-c", str(server.ground.folder / "both.pem")] if tls else []
    command = [server.ground.tool("tlssink"), "-n", str(_RELAYED), "-T", "60", *certificate, str(server.sink)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sink:
        time.sleep(0.1)
        found = load(server, "-s", 20, "-r", 10, "-m", _RELAYED, "-T", 60)
        came = json.loads(sink.communicate(timeout=70)[0])["msgs"]
    return found | {"fail": found["fail"] + _RELAYED - came, "err": found["err"] or "not relayed"}


def load(server: Fopemta, *arguments: object) -> dict[str, Any]:
    """What clients have found; 4 KiB a message."""
    command = [server.ground.tool("smtpload"), "-q", "-l", "4096", *map(str, arguments), "127.0.0.1", str(server.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def line(work: str, found: Sequence[tuple[float, float]]) -> str:
    """Of the table, from what the one and the other took in each pair."""
    before, after = ([pair[place] for pair in found] for place in (0, 1))
    ratios = [second / first for first, second in found]
    return f"| {work} | {spread(before)} | {spread(after)} | {spread(ratios)} |"


def spread(found: Sequence[float]) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive") if len(found) > 1 else [found[0]] * 3
    return f"{middle:.3f} ({low:.3f}-{high:.3f})"


if __name__ == "__main__":
    sys.exit(main())
