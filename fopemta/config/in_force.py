"""What a file sets and what it leaves to the defaults (pure): the value in force of each key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from fopemta.config.load import FILE
from fopemta.config.reference import default_of, toml
from fopemta.settings.place import Place
from fopemta.settings.section import Key, Section
from fopemta.settings.words import PathReader

_INDEX = re.compile(r"\[[0-9]*\]")


@attrs.frozen
class KeyInForce:
    """One key: by the dotted `name` that errors have, "listener[0].tls"; `value` as a file would
    have it, None where nothing is set and nothing counts; `is_set` by the file.
    """

    name: str
    key: Key
    value: Any
    is_set: bool

    @property
    def line(self) -> str:
        """As in a file, with all of its name."""
        return f"{self.name} = {toml(self.value)}" if self.value is not None else f"{self.name} is not set"

    def is_meant_by(self, wanted: str) -> bool:
        """`wanted` names the key or a table that it is in; without an index it names all of an array."""
        name, plain = self.name, _INDEX.sub("", self.name)
        return any(each == wanted or each.startswith((f"{wanted}.", f"{wanted}[")) for each in (name, plain))


def in_force(table: Mapping[str, Any], folder: str) -> tuple[KeyInForce, ...]:
    """Every key, by the `table` of a file in `folder` that is good; relative paths are made absolute."""
    found = tuple(_of(FILE, table, "", folder))
    values = {each.name: each.value for each in found}
    return tuple(
        attrs.evolve(each, value=values[each.key.told.inherits]) if _inherits(each) else each for each in found
    )


def _inherits(each: KeyInForce) -> bool:
    return bool(each.key.told.inherits) and not each.is_set


def _of(section: Section, table: Mapping[str, Any], before: str, folder: str) -> Iterator[KeyInForce]:
    for name, key in section.keys.items():
        raw = _at(table, name)
        if key.table is None:
            value = raw if raw is not None else default_of(key)
            yield KeyInForce(
                before + name, key, None if value is None else _written(key, value, folder), raw is not None
            )
        elif key.several:
            for index, each in enumerate(raw or ()):
                yield from _of(key.table, each, f"{before}{name}[{index}].", folder)
        else:
            yield from _of(key.table, raw or {}, f"{before}{name}.", folder)


def _at(table: Mapping[str, Any], dotted: str) -> Any:
    value: Any = table
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _written(key: Key, value: Any, folder: str) -> Any:
    return key.read(value, Place("", folder, [])) if isinstance(key.read, PathReader) else value
