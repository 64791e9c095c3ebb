"""One table of the file, read by its list of keys (pure)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from fopemta.settings.place import WRONG, Place, Reader, array, shown


@attrs.frozen
class Key:
    """One key: the attribute of the model it fills, its reader, whether it must be there.

    `absent` is read when the key is not there; None leaves it to the model's default.  `spread`: the reader returns an
    attrs value whose own attributes are the model's (`via` becomes via, host, port and maildir).
    """

    attribute: str
    read: Reader
    required: bool = False
    absent: object = None
    spread: bool = False


@attrs.frozen
class Section:
    """`make` is the model's class, `keys` what its table may hold, `later` keys of the contract that come later."""

    make: Callable[..., Any]
    keys: Mapping[str, Key]
    later: frozenset[str] = frozenset()

    def __call__(self, value: object, place: Place) -> Any:
        """Read a table (a Reader)."""
        if not isinstance(value, dict):
            return place.wrong(f"must be a table, not {shown(value)}")
        before = len(place.errors)
        facts = self.facts(value, place)
        return self.make(**facts) if len(place.errors) == before else WRONG

    def facts(self, table: Mapping[str, object], place: Place) -> dict[str, Any]:
        """What the table says, by attribute; what is wrong is WRONG, what is not there is left to the default."""
        facts: dict[str, Any] = {}
        for name, key in self.keys.items():
            raw = table.get(name, key.absent)
            if raw is None:
                if key.required:
                    place.at(name).wrong("is missing")
                continue
            found = key.read(raw, place.at(name))
            if key.spread and found is not WRONG:
                facts.update({field.name: getattr(found, field.name) for field in attrs.fields(type(found))})
            else:
                facts[key.attribute] = found
        for name in table:
            if name not in self.keys:
                place.at(name).wrong(self._unknown(name))
        return facts

    def _unknown(self, name: str) -> str:
        if name in self.later:
            return "is not supported by this version"
        near = difflib.get_close_matches(name, self.keys, 1)
        return f'is not known; did you mean "{near[0]}"?' if near else "is not known"


@attrs.frozen
class Tables:
    """An array of tables, into a tuple; one that is wrong stands in it as WRONG."""

    section: Section

    def __call__(self, value: object, place: Place) -> Any:
        """Read it (a Reader)."""
        if isinstance(value, dict):
            return place.wrong(f"must be written with two brackets, [[{place.key}]]")
        return array(self.section)(value, place)


def sections(section: Section, name: str = "") -> Iterator[tuple[str, Section]]:
    """`section` and every table in it, each with its dotted name: "", "node", "listener", "tls.server"."""
    yield name, section
    for word, key in section.keys.items():
        inner = key.read.section if isinstance(key.read, Tables) else key.read
        if isinstance(inner, Section):
            yield from sections(inner, f"{name}.{word}" if name else word)
