"""Read one table of a file by its list of keys (pure)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from fopemta.settings.place import WRONG, Place, Reader, array, shown

# The first release with configuration keys.
FIRST = "0.1.0"


@attrs.frozen(kw_only=True)
class KeyDescription:
    """The facts about a key beside its reader, used by every page and command that shows keys.

    `meaning` in sentences, with code in backquotes.  `above`: the comment above it in the example if that is not its
    meaning, "" if another key's comment covers it.  `see` a page of docs/, `unit` if the reader has none, `since` the
    first release with it, `start`: a reload does not pick it up.  Without a default: `counts` is the value in effect
    without the key, as it would be written, `inherits` the key that provides it, and `shown` an example.  `given` is
    the value in the example.  `part` begins a part of the example.  `inline`: a table in braces.  `entries`: the
    example's tables of an array.  `decides`: the file it names controls what the server does, so nobody else should be
    able to write it.
    """

    meaning: str = ""
    above: str | None = None
    see: str = ""
    unit: str = ""
    since: str = FIRST
    start: bool = False
    shown: object = None
    given: object = None
    counts: object = None
    inherits: str = ""
    part: str = ""
    inline: bool = False
    entries: tuple[ExampleTable, ...] = ()
    decides: bool = False


@attrs.frozen(kw_only=True)
class ExampleTable:
    """A table of an array in the example: its `values`, below a comment; `whole`: with all other keys commented out;
    `asleep`: completely commented out.
    """

    above: str
    values: Mapping[str, object]
    whole: bool = False
    asleep: bool = False


@attrs.frozen
class Key:
    """One key: the model's attribute for it, its reader, and whether it is required.

    `absent` is read when the key is missing; None means the model's default.  `spread`: the reader returns an attrs
    value whose attributes go into the model's (`via` becomes via, host, port and maildir).
    """

    attribute: str
    read: Reader
    required: bool = False
    absent: object = None
    spread: bool = False
    told: KeyDescription = attrs.field(factory=KeyDescription)

    @property
    def form(self) -> str:
        """The form of its value, in a few words; "" if only its meaning describes it."""
        return getattr(self.read, "form", "")

    @property
    def unit(self) -> str:
        """The unit of its number, or ""."""
        return self.told.unit or getattr(self.read, "unit", "")

    @property
    def reserved(self) -> tuple[str, ...]:
        """Words that mean something else where a path may stand."""
        return getattr(self.read, "reserved", ())

    @property
    def table(self) -> Section | None:
        """The section, if the key is a table; None for a key with a value, including a table in braces."""
        inner = self.read.section if isinstance(self.read, Tables) else self.read
        return inner if isinstance(inner, Section) and not self.told.inline else None

    @property
    def several(self) -> bool:
        """Whether it is an array of tables with headings."""
        return isinstance(self.read, Tables) and not self.told.inline


@attrs.frozen
class Section:
    """`make` is the model's class, `keys` the permitted keys, `later` those planned for a later version.

    A name with a dot, "tls.server", is a table within a table that has no other meaning.
    """

    make: Callable[..., Any]
    keys: Mapping[str, Key]
    later: frozenset[str] = frozenset()

    form = "table"

    def __call__(self, value: object, place: Place) -> Any:
        """Read a table (a Reader)."""
        if not isinstance(value, dict):
            return place.wrong(f"must be a table, not {shown(value)}")
        before = len(place.errors)
        facts = self.facts(value, place)
        return self.make(**facts) if len(place.errors) == before else WRONG

    def facts(self, table: Mapping[str, object], place: Place) -> dict[str, Any]:
        """The table's values by attribute; invalid ones are WRONG, missing ones are left to the default."""
        facts: dict[str, Any] = {}
        written = self._by_path(table, place)
        for name, key in self.keys.items():
            here = _at(place, tuple(name.split(".")))
            raw = written.pop(tuple(name.split(".")), key.absent)
            if raw is None:
                if key.required:
                    here.wrong("is missing")
                continue
            found = key.read(raw, here)
            if key.spread and found is not WRONG:
                facts.update({field.name: getattr(found, field.name) for field in attrs.fields(type(found))})
            else:
                facts[key.attribute] = found
        for path in written:
            _at(place, path).wrong(self._unknown(path))
        return facts

    def _by_path(self, table: Mapping[str, object], place: Place) -> dict[tuple[str, ...], object]:
        """The values in the table, and in tables that serve only to contain others."""
        holders = {name.partition(".")[0] for name in self.keys if "." in name}
        found: dict[tuple[str, ...], object] = {}
        for name, value in table.items():
            if name not in holders:
                found[(name,)] = value
            elif isinstance(value, dict):
                found.update({(name, inner): each for inner, each in value.items()})
            else:
                place.at(name).wrong(f"must be a table, not {shown(value)}")
        return found

    def _unknown(self, path: tuple[str, ...]) -> str:
        *before, name = path
        if ".".join(path) in self.later:
            return "is not supported by this version"
        paths = [known.split(".") for known in self.keys]
        beside = [known[-1] if known[:-1] == before else known[0] for known in paths if known[: len(before)] == before]
        near = difflib.get_close_matches(name, beside, 1)
        return f'is not known; did you mean "{near[0]}"?' if near else "is not known"


def _at(place: Place, path: tuple[str, ...]) -> Place:
    for name in path:
        place = place.at(name)
    return place


@attrs.frozen
class Tables:
    """A reader of arrays of tables, which returns a tuple; an invalid one becomes WRONG."""

    section: Section

    form = "list of tables"

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
