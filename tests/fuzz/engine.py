"""One target under atheris, which never returns: `python -m tests.fuzz` starts this in a process of its own.

The only file that imports atheris.  Arguments: the target's module and its name, then those of libFuzzer.
"""

from __future__ import annotations

import importlib
import sys

import atheris


def main() -> None:
    program, module, name, *arguments = sys.argv
    # Branches are counted in what is imported here: ours, not the library's, and only what the target needs.
    with atheris.instrument_imports(include=["fopemta"]):
        targets = importlib.import_module(module).TARGETS
    target = next(each for each in targets if each.name == name)
    atheris.Setup([program, f"-max_len={target.longest}", *arguments], target.read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
