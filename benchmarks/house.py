"""How the program is cut: files, lines, functions, circles of imports, class names that mean several things.

    python -m benchmarks.house [REVISION ...]

A column for each git revision, the last one for the tree as it lies here; without a revision that one alone.  Tests are
not looked at.  A function is as long as its lines from `def` to its end; of one statement is what holds no second one
beside its docstring.  Rooms are the folders below `fopemta/` and the modules beside them.  A circle is everything that
leads back to itself by imports, wherever they stand; its members are named below.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PROGRAM = "fopemta"

Graph = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class House:
    """Lines of each file and of each function; circles by their members; names of public classes with their number."""

    files: list[int]
    functions: list[int]
    of_one_statement: int
    room_circles: list[list[str]]
    module_circles: list[list[str]]
    classes: Counter[str]

    def rows(self) -> list[tuple[str, str]]:
        """What each line of the table says, and its figure."""
        share = self.of_one_statement / max(len(self.functions), 1)
        return [
            ("files", str(len(self.files))),
            ("lines", f"{sum(self.files):,}"),
            ("lines of a file: median / p90 / longest", spread(self.files)),
            ("functions", f"{len(self.functions):,}"),
            ("lines of a function: median / p90 / longest", spread(self.functions)),
            ("functions of one statement", f"{share:.0%}"),
            ("circles of rooms", str(len(self.room_circles))),
            ("circles of modules", str(len(self.module_circles))),
            ("public class names used more than once", str(len(self.repeated))),
        ]

    @property
    def repeated(self) -> list[str]:
        """Names of public classes that more than one class has."""
        return sorted(name for name, number in self.classes.items() if number > 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.house", description=__doc__.split("\n")[0])
    parser.add_argument("revisions", nargs="*", metavar="REVISION")
    revisions = parser.parse_args().revisions
    houses = {revision: house(sources_of(revision)) for revision in revisions} | {"the tree": house(sources())}
    print(f"| {_PROGRAM}/ | {' | '.join(houses)} |\n|{'---|' * (len(houses) + 1)}")
    for lines in zip(*(each.rows() for each in houses.values()), strict=True):
        print(f"| {lines[0][0]} | {' | '.join(figure for _, figure in lines)} |")
    for name, each in houses.items():
        circles = [" <> ".join(circle) for circle in (*each.room_circles, *each.module_circles)]
        print(f"\n{name}\n  circles: {'; '.join(circles) or 'none'}\n  names: {', '.join(each.repeated) or 'none'}")


def sources() -> dict[str, str]:
    """The text of each module of the tree, by its path."""
    paths = sorted((_ROOT / _PROGRAM).rglob("*.py"))
    return {str(path.relative_to(_ROOT)): path.read_text(encoding="utf-8") for path in paths}


def sources_of(revision: str) -> dict[str, str]:
    """The same of a git revision; CalledProcessError where there is none."""
    archive = ["git", "-C", str(_ROOT), "archive", "--format=tar", revision, _PROGRAM]
    packed = subprocess.run(archive, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        return {
            each.name: taken.read().decode()
            for each in files
            if each.name.endswith(".py") and (taken := files.extractfile(each)) is not None
        }


def house(texts: Mapping[str, str]) -> House:
    """What is to be said of modules by their paths."""
    trees = {_module(path): ast.parse(text) for path, text in texts.items()}
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    classes = [node.name for node in nodes if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    modules = {name: set(_imported(name, tree, trees)) for name, tree in trees.items()}
    return House(
        [len(text.splitlines()) for text in texts.values()],
        [(each.end_lineno or each.lineno) - each.lineno + 1 for each in functions],
        sum(len(each.body) - (ast.get_docstring(each) is not None) <= 1 for each in functions),
        circles(_of_rooms(modules)),
        circles(modules),
        Counter(classes),
    )


def spread(found: Sequence[int]) -> str:
    """Median, nine tenths and the largest."""
    ordered = sorted(found) or [0]
    return f"{ordered[len(ordered) // 2]} / {ordered[len(ordered) * 9 // 10]} / {ordered[-1]}"


def circles(graph: Graph) -> list[list[str]]:
    """The members of each circle, in order."""
    reached = {name: _reached(graph, name) for name in graph}
    rings = {tuple(sorted(other for other in reached[name] if name in reached[other])) for name in graph}
    return [list(ring) for ring in sorted(rings) if ring]


def _reached(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = set(graph.get(ahead.pop(), ())) - found
        found |= new
        ahead += new
    return found


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _imported(module: str, tree: ast.Module, modules: Collection[str]) -> Iterator[str]:
    """What of `modules` it imports; of "from a.b import c" that is "a.b.c", if there is one, else "a.b"."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        for name in names:
            found = name if name in modules else name.rpartition(".")[0]
            if found in modules and found != module:
                yield found


def _of_rooms(modules: Graph) -> Graph:
    rooms: defaultdict[str, set[str]] = defaultdict(set)
    for module, others in modules.items():
        rooms[_room(module)] |= {_room(other) for other in others} - {_room(module), _PROGRAM}
    return rooms


def _room(module: str) -> str:
    return ".".join(module.split(".")[1:2]) or module


if __name__ == "__main__":
    sys.exit(main())
