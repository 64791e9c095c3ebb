"""A key of a file as a field of an attrs class (pure): all that there is to say of it stands in that one place.

    connections: int = key(whole(1, MANY), 200, "Outgoing connections at a time.", start=True)

The default is written as in the file and read by the key's own reader, so that there is one of it.  The reading of the
file, its example, the page that lists all keys, and `fopemta config` are made from the classes by `section_of`.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import attrs

from fopemta.settings.place import WRONG, Place, Reader
from fopemta.settings.section import Entry, Key, Section, Tables, Told

# Instead of a default.
REQUIRED: Final = attrs.NOTHING
# Where a field keeps what is known of its key.
_KEY: Final = "fopemta.settings.key"


@attrs.frozen(kw_only=True)
class About:
    """Of a class of keys, as its attribute `about`: what stands `above` them in the example, with blank lines between
    them where it is `airy`; the names of keys that come `later`.
    """

    above: str = ""
    airy: bool = False
    later: frozenset[str] = frozenset()


def key(
    read: Reader, written: object, meaning: str, *, name: str = "", spread: bool = False, default: object = None,
    **told: Any,
) -> Any:  # fmt: skip
    """A field of an attrs class that is a key of the file.

    `written` is the default as it would stand there: REQUIRED, or None where without it there is none.  `name` in the
    file where it is not the attribute's; of a `spread` one (see `Key`) the default is named; `told` as in `Told`.
    Raises ValueError where the default is no good.
    """
    required = written is REQUIRED
    made = Key("", read, required, None if required else written, spread, Told(meaning=meaning, **told))
    if spread or written is None:
        return attrs.field(default=default, metadata={_KEY: (name, made)})
    return attrs.field(default=REQUIRED if required else _read(made), metadata={_KEY: (name, made)})


def table(model: type, *, name: str = "", required: bool = False, **told: Any) -> Any:
    """A field that is a table of its own; without one in the file its keys have their defaults."""
    made = Key("", section_of(model), required, None if required else {}, told=Told(**told))
    if required:
        return attrs.field(metadata={_KEY: (name, made)})
    return attrs.field(factory=model, metadata={_KEY: (name, made)})


def tables(model: type, *entries: Entry, name: str, required: bool = False, **told: Any) -> Any:
    """A field that is an array of tables; `entries` are those that the example shows."""
    made = Key("", Tables(section_of(model)), required, told=Told(entries=entries, **told))
    return attrs.field(default=REQUIRED if required else (), metadata={_KEY: (name, made)})


def _read(made: Key) -> Any:
    place = Place("", "", [])
    found = made.read(made.absent, place)
    if found is WRONG or place.errors:
        raise ValueError(f"a default is not valid: {made.absent!r}: {place.errors}")
    return found


@functools.cache
def section_of(model: type) -> Section:
    """The keys of a class, in its order, for reading a table into it."""
    keys = {}
    for field in attrs.fields(model):
        if _KEY in field.metadata:
            name, made = field.metadata[_KEY]
            keys[name or field.name] = attrs.evolve(made, attribute=field.name)
    return Section(model, keys, about(model).later)


def about(model: Any) -> About:
    """What is said of a class of keys as a whole."""
    found = getattr(model, "about", None)
    return found if isinstance(found, About) else About()
