# ruff: noqa: T201  what it finds is printed
"""Coverage-guided fuzzing of the parsers of strangers' octets, by atheris.

    python -m tests.fuzz [--seconds 20] [--keep FOLDER] [TARGET ...]
    python -m tests.fuzz TARGET --replay FILE

All targets without any (`--list` names them), a process each, one after the other.  They begin with the inputs in
`tests/fuzz/corpus/TARGET/`; what leads to new branches goes to FOLDER/TARGET/, else it is forgotten.  An input that
breaks a target is kept, and how to see it again is printed; the status is 1 then.  Replaying needs no atheris.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets.target import Target, all_targets

CORPUS = Path(__file__).parent / "corpus"
_REQUIREMENTS = "requirements-fuzz.txt"
# A reading that takes so many seconds, or so many MiB, is a finding, too.
_SLOW, _LARGE = 10, 2048
_EXECUTIONS = re.compile(r"stat::number_of_executed_units: +([0-9]+)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="new inputs and findings go there")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="have the target read FILE, once")
    parser.add_argument("--list", action="store_true", help="only name the targets")
    options = parser.parse_args()
    targets = all_targets()
    unknown = [each for each in options.names if each not in targets]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}")
    chosen = [targets[name] for name in options.names or targets]
    if options.list:
        print("\n".join(each.name for each in chosen))
        return 0
    if options.replay is not None:
        if len(chosen) != 1:
            parser.error("--replay needs one target")
        chosen[0].read(options.replay.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        print(f"atheris is not installed: pip install --require-hashes --requirement {_REQUIREMENTS}", file=sys.stderr)
        return 2
    return _fuzz(chosen, options.seconds, options.keep or Path(tempfile.mkdtemp(prefix="fopemta-fuzz-")), options.keep)


def _fuzz(targets: list[Target], seconds: int, folder: Path, keep: Path | None) -> int:
    broken = [each.name for each in targets if not _is_sound(each, seconds, folder)]
    print(f"\n{len(targets)} targets, {len(broken)} broken", *broken, sep="\n  ")
    if not broken and keep is None:
        shutil.rmtree(folder)
    return 1 if broken else 0


def _is_sound(target: Target, seconds: int, folder: Path) -> bool:
    """Run it, print its line; whether nothing was found."""
    found, new = folder / "found", folder / target.name
    for each in (found, new):
        each.mkdir(parents=True, exist_ok=True)
    prefix = f"{found}/{target.name}-"
    run = subprocess.run(
        [
            sys.executable, "-m", "tests.fuzz.engine", target.read.__module__, target.name,
            f"-max_total_time={seconds}", f"-timeout={_SLOW}", f"-rss_limit_mb={_LARGE}",
            f"-artifact_prefix={prefix}", "-print_final_stats=1", str(new), str(CORPUS / target.name),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    said = run.stdout.decode("utf-8", "backslashreplace")
    executions = _EXECUTIONS.search(said)
    count = f"{int(executions[1]):,}" if executions else "?"
    print(f"{target.name:20} {count:>12} readings, {len(list(new.iterdir())):>5} new inputs", flush=True)
    if run.returncode == 0:
        return True
    print("\n".join(said.splitlines()[-40:]))
    for path in sorted(found.glob(f"{target.name}-*")):
        print(f"see it again: python -m tests.fuzz {target.name} --replay {path}", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
