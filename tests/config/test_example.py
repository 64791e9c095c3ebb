"""etc/fopemta.toml: every key stands in it, and the defaults that it shows are the true ones."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.contract import FILE
from fopemta.config.load import load
from fopemta.config.place import Place
from fopemta.config.section import Key, Section, sections

FILE_PATH = Path(__file__).resolve().parents[2] / "etc" / "fopemta.toml"

_HEADING = re.compile(r"(?:# )?\[{1,2}([a-z_.]+)\]{1,2}")
_KEY = re.compile(r"(?:# )?([a-z_]+) = (.+)")

# What has no default of its own: left out, a route has the level that all have.
NO_DEFAULT = {"route.tls"}
# Written as examples inside a list.
IN_LISTS = {"tls.server.certificates"}


def shown_values() -> dict[str, list[str]]:
    """Every value that the file gives or shows, by dotted key, as TOML text."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in FILE_PATH.read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.fullmatch(line):
            section = heading[1]
        elif key := _KEY.fullmatch(line):
            found.setdefault(f"{section}.{key[1]}", []).append(key[2])
    return found


def leaves() -> Iterator[tuple[str, Section, Key]]:
    """(dotted key, its section, the key) of all that is no table."""
    tables = {name for name, _ in sections(FILE)}
    for name, section in sections(FILE):
        for word, key in section.keys.items():
            dotted = f"{name}.{word}" if name else word
            if dotted not in tables and name not in IN_LISTS:
                yield dotted, section, key


class ExampleTests(SynchronousTestCase):
    def test_is_good(self) -> None:
        load(FILE_PATH.read_text(encoding="utf-8"), str(FILE_PATH.parent))

    def test_every_key_stands_in_it(self) -> None:
        wanted = {dotted for dotted, _, _ in leaves()} | IN_LISTS
        self.assertEqual(wanted - set(shown_values()), set())

    def test_nothing_else_stands_in_it(self) -> None:
        known = {dotted for dotted, _, _ in leaves()} | IN_LISTS
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
