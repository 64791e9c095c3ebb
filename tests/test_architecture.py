"""The import law, checked on the source: pure rooms stay pure, shell rooms meet only in the composition root."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent / "fopemta"

PURE = {
    "address", "answer", "attempt", "config", "dns", "formats", "mail", "mime", "policy", "report", "retry", "routing",
    "scheduling", "sendmail", "settings", "smtp", "trust",
}  # fmt: skip
SHELL = {
    "control", "inbound", "local", "lookup", "outbound", "pickup", "queue", "recipients", "spool", "tls", "users",
    "web", "wire", "workers",
}  # fmt: skip
# Modules at the top that every shell room may use, beside the standard library.
SEAMS = {"interfaces", "maillog", "background", "deadline", "plain_file", "few_at_once", "private_folder"}
# These put concrete objects together or stand in for them.
COMPOSITION = {"cli", "server", "testing"}

PURE_MAY_NOT_IMPORT = {
    "asyncio", "dns", "logging", "OpenSSL", "os", "pathlib", "random", "secrets", "select", "selectors", "shutil",
    "socket", "ssl", "subprocess", "tempfile", "threading", "time", "twisted", "uuid", "zope",
}  # fmt: skip
# What one pure room may import although the others may not.
ALONE = {"trust": {"cryptography", "service_identity"}, "dns": {"dns"}}
PURE_MAY_NOT_CALL = {"now", "utcnow", "today", "open", "localtime", "make_msgid", "input", "print"}


@functools.cache
def modules() -> list[tuple[str, Path, ast.Module]]:
    """(room, path, syntax tree) of every module of the program."""
    return [
        (path.relative_to(ROOT).parts[0].removesuffix(".py"), path, ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(ROOT.rglob("*.py"))
    ]


def imports(tree: ast.Module) -> Iterator[str]:
    """The dotted name of everything imported, however deep the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.Module) -> Iterator[tuple[int, str, int]]:
    """(line, last word of the called name, number of arguments) of every call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield node.lineno, name, len(node.args) + len(node.keywords)


def ring(graph: Mapping[str, set[str]], start: str) -> frozenset[str]:
    """What `start` leads to that leads back to it; empty where nothing does."""

    def reached(neighbours: Mapping[str, set[str]]) -> set[str]:
        found: set[str] = set()
        ahead = [start]
        while ahead:
            new = neighbours.get(ahead.pop(), set()) - found
            found |= new
            ahead += new
        return found

    backwards: dict[str, set[str]] = {}
    for name, others in graph.items():
        for other in others:
            backwards.setdefault(other, set()).add(name)
    return frozenset(reached(graph) & reached(backwards))


def module_graph() -> dict[str, set[str]]:
    """Of each module the modules that it imports, however deep the import stands."""
    named = {
        ".".join(("fopemta", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): tree
        for _, path, tree in modules()
    }
    graph: dict[str, set[str]] = {}
    for module, tree in named.items():
        # "from fopemta.smtp import sasl_lines" names a module, "from fopemta.smtp.sasl import Plain" what is in one.
        graph[module] = {
            found
            for name in imports(tree)
            if (found := name if name in named else name.rpartition(".")[0]) in named and found != module
        }
    return graph


def room_graph() -> dict[str, set[str]]:
    """The same of the rooms, and of the modules beside them."""
    graph: dict[str, set[str]] = {}
    for module, others in module_graph().items():
        rooms = {other.split(".")[1] for other in others if other != "fopemta"}
        if module != "fopemta":
            graph.setdefault(module.split(".")[1], set()).update(rooms - {module.split(".")[1]})
    return graph


class CircleTests(SynchronousTestCase):
    """Whoever reads a module has read beforehand what it stands on, so that nothing stands on itself."""

    def test_no_rooms_import_each_other_in_a_circle(self) -> None:
        graph = room_graph()
        self.assertEqual({each for room in graph if (each := ring(graph, room))}, set())

    def test_no_modules_import_each_other_in_a_circle(self) -> None:
        graph = module_graph()
        self.assertEqual({each for module in graph if (each := ring(graph, module))}, set())

    def test_a_circle_would_be_found(self) -> None:
        graph = {"a": {"b", "d"}, "b": {"c"}, "c": {"a"}, "d": {"e"}, "e": set[str]()}
        found = {name: ring(graph, name) for name in graph}
        circle = frozenset("abc")
        self.assertEqual(found, {"a": circle, "b": circle, "c": circle, "d": frozenset(), "e": frozenset()})
        self.assertIn("fopemta.routing.route", module_graph()["fopemta.routing.routes"])
        self.assertIn("fopemta.smtp.sasl_lines", module_graph()["fopemta.smtp.server_session"])
        self.assertLessEqual({"trust", "mail", "address"}, room_graph()["routing"])


class SeamTests(SynchronousTestCase):
    def test_kinds_of_way_are_asked_of_the_route(self) -> None:
        # Whoever adds one is led by the types: everything that differs between them is in the class Route.
        named = {
            path.relative_to(ROOT).as_posix()
            for _, path, tree in modules()
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Via"
        }
        # Routes that no file names, and who carries each kind.
        self.assertEqual(named, {"routing/route.py", "routing/routes.py", "cli/tlstest.py", "server/delivering.py"})


class NameTests(SynchronousTestCase):
    def test_each_public_class_has_a_name_of_its_own(self) -> None:
        """A name that means two things sends the reader to the wrong file."""
        named: dict[str, list[str]] = {}
        for _, path, tree in modules():
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    named.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
        self.assertEqual({name: places for name, places in named.items() if len(places) > 1}, {})
        self.assertIn("Route", named)


class ImportLawTests(SynchronousTestCase):
    def test_every_room_is_known_as_pure_or_shell(self) -> None:
        rooms = {room for room, _, _ in modules()}
        self.assertEqual(rooms - PURE - SHELL - SEAMS - COMPOSITION - {"__init__"}, set())

    def test_room_docstring_says_pure_or_shell(self) -> None:
        for room in sorted(PURE | SHELL):
            for path in (ROOT / room / "__init__.py", ROOT / f"{room}.py"):
                if path.exists():
                    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
                    word = "pure" if room in PURE else "shell"
                    self.assertRegex(docstring, re.compile(rf"\({word}\)"), str(path))

    def test_room_init_is_one_docstring(self) -> None:
        for path in ROOT.rglob("*/__init__.py"):
            body = ast.parse(path.read_text(encoding="utf-8")).body
            self.assertEqual(len(body), 1, f"{path} holds more than its docstring")

    def test_pure_rooms_import_nothing_that_does_io(self) -> None:
        forbidden = PURE_MAY_NOT_IMPORT.union(*ALONE.values())
        found = [
            f"{path.relative_to(ROOT)}: {name}"
            for room, path, tree in modules()
            if room in PURE
            for name in imports(tree)
            if name.split(".")[0] in forbidden - ALONE.get(room, set())
        ]
        self.assertEqual(found, [])

    def test_pure_rooms_import_only_pure_rooms(self) -> None:
        found = [
            f"{path.relative_to(ROOT)}: {name}"
            for room, path, tree in modules()
            if room in PURE
            for name in imports(tree)
            if name.startswith("fopemta.") and name.split(".")[1] not in PURE
        ]
        self.assertEqual(found, [])

    def test_pure_rooms_ask_no_clock_and_open_nothing(self) -> None:
        found = [
            f"{path.relative_to(ROOT)}:{line}: {name}()"
            for room, path, tree in modules()
            if room in PURE
            for line, name, arguments in calls(tree)
            if name in PURE_MAY_NOT_CALL or (name == "formatdate" and arguments == 0)
        ]
        self.assertEqual(found, [])

    def test_shell_rooms_do_not_import_each_other(self) -> None:
        found = [
            f"{path.relative_to(ROOT)}: {name}"
            for room, path, tree in modules()
            if room in SHELL
            for name in imports(tree)
            if name.startswith("fopemta.") and name.split(".")[1] in (SHELL | COMPOSITION) - {room}
        ]
        self.assertEqual(found, [])

    def test_C187_certificates_are_read_by_cryptography_alone(self) -> None:
        # pyOpenSSL's own X509 objects are going away.  Nothing else verifies a chain outside of a handshake as in one.
        found = [
            f"{path.relative_to(ROOT)}: {name}"
            for _, path, tree in modules()
            for name in imports(tree)
            if name.startswith("OpenSSL.crypto") and path.relative_to(ROOT) != Path("tls/against.py")
        ]
        self.assertEqual(found, [])

    def test_only_the_composition_root_imports_the_global_reactor(self) -> None:
        found = [
            f"{path.relative_to(ROOT)}: {name}"
            for room, path, tree in modules()
            if room not in {"server", "cli"}
            for name in imports(tree)
            if name == "twisted.internet.reactor" or name.startswith("twisted.internet.reactor.")
        ]
        self.assertEqual(found, [])


class DecisionTests(SynchronousTestCase):
    def test_each_page_has_its_line_in_the_list(self) -> None:
        folder = ROOT.parent / "docs" / "decisions"
        listed = set(re.findall(r"\((\d{4}-[^)]*\.md)\)", (folder / "README.md").read_text(encoding="utf-8")))
        self.assertEqual(listed, {each.name for each in folder.glob("[0-9]*.md")})
