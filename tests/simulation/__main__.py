"""`python -m tests.simulation --seeds 1000 --first 0`: runs seeds and tells what is wrong with each."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.simulation.run import OPEN, run


def main() -> int:
    """The exit status: 1 where a seed fails."""
    options = _options()
    without = frozenset(options.without) if options.without is not None else OPEN
    failing = []
    if options.broken:
        from tests.simulation.breaks import BREAKS  # knows the inside of the product, of today's alone

        BREAKS[options.broken]()
    begun = time.perf_counter()
    for seed in range(options.first, options.first + options.seeds):
        complaints = _complaints(seed, without)
        if complaints:
            failing.append(seed)
            print(f"seed {seed}:", *complaints[: options.most], sep="\n    ", flush=True)  # noqa: T201
    seconds = time.perf_counter() - begun
    print(f"{options.seeds} seeds in {seconds:.0f} s, {len(failing)} failing: {failing}")  # noqa: T201
    return 1 if failing else 0


def _complaints(seed: int, without: frozenset[str]) -> tuple[str, ...]:
    folder = Path(tempfile.mkdtemp(prefix="simulation-"))
    try:
        return run(seed, folder, without).complaints
    except Exception:  # noqa: BLE001  told like any other complaint
        return ("a run that broke off:\n" + traceback.format_exc(),)
    finally:
        shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--most", type=int, default=5, help="complaints that are told of a seed")
    parser.add_argument("--break", dest="broken", help="break the product in this way first: see breaks.py")
    parser.add_argument("--without", nargs="*", default=None, help="families of events to be left out")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
