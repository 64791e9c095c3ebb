"""A key of the configuration file as a field of an attrs class (pure): everything about it is declared in that one
place.

    connections: int = key(whole(1, MANY), 200, "Outgoing connections at a time.", start=True)

The default is written as in the file and read by the key's own reader, so that there is only one.  Reading the file,
its example, the page of all keys, and `fopemta config` all use the declarations through `section_of`.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import attrs

from fopemta.settings.place import WRONG, Place, Reader
from fopemta.settings.section import ExampleTable, Key, KeyDescription, Section, Tables

# In place of a default.
REQUIRED: Final = attrs.NOTHING
# The field metadata that holds the declaration.
_KEY: Final = "fopemta.settings.key"


@attrs.frozen(kw_only=True)
class About:
    """The attribute `about` of a class of keys: the comment `above` them in the example, whether they have blank lines
    between them (`airy`), and the names of keys planned for `later`.
    """

    above: str = ""
    airy: bool = False
    later: frozenset[str] = frozenset()


def key(
    read: Reader, written: object, meaning: str, *, name: str = "", spread: bool = False, default: object = None,
    **told: Any,
) -> Any:  # fmt: skip
    """A field of an attrs class that is a key of the file.

    `written` is the default as in the file: REQUIRED, or None for none.  `name` in the file if it differs from the
    attribute's; a `spread` key (see `Key`) has its `default` as a value; `told` as in `KeyDescription`.  Raises
    ValueError if the default is invalid.
    """
    required = written is REQUIRED
    made = Key("", read, required, None if required else written, spread, KeyDescription(meaning=meaning, **told))
    if spread or written is None:
        return attrs.field(default=default, metadata={_KEY: (name, made)})
    return attrs.field(default=REQUIRED if required else _read(made), metadata={_KEY: (name, made)})


def table(model: type, *, name: str = "", required: bool = False, **told: Any) -> Any:
    """A field that is a table of its own; if it is missing in the file, its keys have their defaults."""
    made = Key("", section_of(model), required, None if required else {}, told=KeyDescription(**told))
    if required:
        return attrs.field(metadata={_KEY: (name, made)})
    return attrs.field(factory=model, metadata={_KEY: (name, made)})


def tables(model: type, *entries: ExampleTable, name: str, required: bool = False, **told: Any) -> Any:
    """A field that is an array of tables; `entries` are shown in the example."""
    made = Key("", Tables(section_of(model)), required, told=KeyDescription(entries=entries, **told))
    return attrs.field(default=REQUIRED if required else (), metadata={_KEY: (name, made)})


def _read(made: Key) -> Any:
    place = Place("", "", [])
    found = made.read(made.absent, place)
    if found is WRONG or place.errors:
        raise ValueError(f"a default is not valid: {made.absent!r}: {place.errors}")
    return found


@functools.cache
def section_of(model: type) -> Section:
    """The keys of a class, in order, as a reader of a table."""
    keys = {}
    for field in attrs.fields(model):
        if _KEY in field.metadata:
            name, made = field.metadata[_KEY]
            keys[name or field.name] = attrs.evolve(made, attribute=field.name)
    return Section(model, keys, about(model).later)


def about(model: Any) -> About:
    """The declarations about a class of keys as a whole."""
    found = getattr(model, "about", None)
    return found if isinstance(found, About) else About()
