"""One table of a file, read by its list of keys (pure)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from fopemta.settings.place import WRONG, Place, Reader, array, shown

# The release that had the first keys.
FIRST = "0.1.0"


@attrs.frozen(kw_only=True)
class Told:
    """What there is to say of a key besides how it is read; each page and command that names keys takes it from here.

    `meaning` in sentences, code in backquotes.  `above`: what stands above it in the example where that is not its
    meaning, "" where what stands above another key is about both.  `see` a page of docs/, `unit` where the reader has
    none, `since` the release that brought it, `start`: a reload does not take it up.  Where there is no default,
    `counts`, as it would be written, is what counts without the key, `inherits` the key that does, and `shown` an
    example.  `given` is what the example sets it to.  `part` begins a part of the example.  `inline`: a table in
    braces.  `entries`: the tables of an array that the example shows.
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
    entries: tuple[Entry, ...] = ()


@attrs.frozen(kw_only=True)
class Entry:
    """A table of an array as the example shows it: its `values`, below a comment; `whole` with all other keys behind a
    "#", `asleep` all of it.
    """

    above: str
    values: Mapping[str, object]
    whole: bool = False
    asleep: bool = False


@attrs.frozen
class Key:
    """One key: the attribute of the model that it fills, its reader, whether it must be there.

    `absent` is read when the key is not there; None leaves it to the model's default.  `spread`: the reader returns an
    attrs value whose own attributes are the model's (`via` becomes via, host, port and maildir).
    """

    attribute: str
    read: Reader
    required: bool = False
    absent: object = None
    spread: bool = False
    told: Told = attrs.field(factory=Told)

    @property
    def form(self) -> str:
        """What may be written, in a few words; "" where only its meaning says that."""
        return getattr(self.read, "form", "")

    @property
    def unit(self) -> str:
        """Of its number, or ""."""
        return self.told.unit or getattr(self.read, "unit", "")

    @property
    def table(self) -> Section | None:
        """The section that it is; None for a key with a value, also one in braces."""
        inner = self.read.section if isinstance(self.read, Tables) else self.read
        return inner if isinstance(inner, Section) and not self.told.inline else None

    @property
    def several(self) -> bool:
        """An array of tables with a heading each."""
        return isinstance(self.read, Tables) and not self.told.inline


@attrs.frozen
class Section:
    """`make` is the model's class, `keys` what its table may hold, `later` keys of the contract that come later.

    A name with a dot in it, "tls.server", is a table in a table that has no other meaning.
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
        """What the table says, by attribute; what is wrong is WRONG, what is not there is left to the default."""
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
        """What stands in the table, and in those in it that are only there to hold others."""
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
    """An array of tables, into a tuple; one that is wrong stands in it as WRONG."""

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
