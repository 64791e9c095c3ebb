"""etc/fopemta.toml and docs/configuration.md: every key stands in them, with its true default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.contract import FILE
from fopemta.config.load import load
from fopemta.config.section import Key, Section, sections
from fopemta.server.reload import AT_START
from fopemta.settings.place import Place

ROOT = Path(__file__).resolve().parents[2]
FILE_PATH = ROOT / "etc" / "fopemta.toml"
REFERENCE_PATH = ROOT / "docs" / "configuration.md"

_ROW = re.compile(r"\| `([a-z0-9_.\[\]]+)` \| (?:`(.+?)`|required|none) \| (start)? ?\| .+ \|")

_HEADING = re.compile(r"(?:# )?\[{1,2}([a-z_.]+)\]{1,2}")
_KEY = re.compile(r"(?:# )?([a-z0-9_]+) = (.+)")

# What has no default of its own: left out, a route has the level that all have.
NO_DEFAULT = {"route.tls", "route.roots", "listener.client_certificates", "listener.profile", "rules"}
# Written as examples, in braces.
IN_BRACES = {"tls.server.certificates", "route.certificate"}


def shown_values() -> dict[str, list[str]]:
    """Every value that the file gives or shows, by dotted key, as TOML text."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in FILE_PATH.read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.fullmatch(line):
            section = heading[1]
        elif key := _KEY.fullmatch(line):
            found.setdefault(f"{section}.{key[1]}" if section else key[1], []).append(key[2])
    return found


def leaves() -> Iterator[tuple[str, Section, Key]]:
    """(dotted key, its section, the key) of all that is no table."""
    tables = {name for name, _ in sections(FILE)}
    for name, section in sections(FILE):
        for word, key in section.keys.items():
            dotted = f"{name}.{word}" if name else word
            if dotted not in tables and name not in IN_BRACES:
                yield dotted, section, key


class ExampleTests(SynchronousTestCase):
    def test_is_good(self) -> None:
        load(FILE_PATH.read_text(encoding="utf-8"), str(FILE_PATH.parent))

    def test_every_key_stands_in_it(self) -> None:
        wanted = {dotted for dotted, _, _ in leaves()} | IN_BRACES
        self.assertEqual(wanted - set(shown_values()), set())

    def test_nothing_else_stands_in_it(self) -> None:
        known = {dotted for dotted, _, _ in leaves()} | IN_BRACES
        self.assertEqual(set(shown_values()) - known, set())

    def test_shown_defaults_are_true(self) -> None:
        wrong = {}
        compared = 0
        for dotted, section, key in leaves():
            if key.required or dotted in NO_DEFAULT:
                continue
            attribute = attrs.fields_dict(section.make)[key.attribute]
            shown = [self._read(key, text) for text in shown_values()[dotted]]
            default = key.absent if key.absent is not None else attribute.default
            compared += 1
            if self._read(key, f'"{default}"') not in shown if key.absent is not None else default not in shown:
                wrong[dotted] = (default, shown)
        self.assertEqual(wrong, {})
        self.assertGreater(compared, 40)

    def _read(self, key: Key, text: str) -> object:
        place = Place("", str(FILE_PATH.parent), [])
        value = key.read(tomllib.loads(f"value = {text}")["value"], place)
        self.assertEqual(place.errors, [], text)
        return getattr(value, key.attribute) if key.spread else value


class ReferenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        matches = [_ROW.fullmatch(line) for line in REFERENCE_PATH.read_text(encoding="utf-8").splitlines()]
        self.rows = {match[1].replace("[]", ""): match for match in matches if match is not None}

    def test_every_key_and_no_other_is_listed(self) -> None:
        self.assertEqual(set(self.rows), {dotted for dotted, _, _ in leaves()} | IN_BRACES)

    def test_defaults_are_those_of_the_example(self) -> None:
        shown = shown_values()
        for dotted, section, key in leaves():
            default = self.rows[dotted][2]
            if key.required or default is None:
                self.assertEqual(key.required, "| required |" in self.rows[dotted][0], dotted)
            else:
                self.assertIn(default, shown[dotted], (dotted, section))

    def test_keys_that_are_read_at_start_are_marked(self) -> None:
        at_start = tuple(name.replace("listeners", "listener").replace("tls_", "tls.") for name in AT_START)
        for dotted, row in self.rows.items():
            wanted = any(dotted == name or dotted.startswith(f"{name}.") for name in at_start)
            self.assertEqual(row[3] == "start", wanted, dotted)
