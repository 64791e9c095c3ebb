"""The example configuration, etc/fopemta.toml, made from the keys (pure): every key, and what it means above it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from fopemta.config.load import FILE
from fopemta.config.reference import default_of, meaning, toml
from fopemta.settings.key import about
from fopemta.settings.section import ExampleTable, Key, Section

_WIDTH = 120


def example() -> str:
    """The text of the file."""
    lines = [*_comment(about(FILE.make).above)]
    for name, key in FILE.keys.items():
        lines += _top(name, key)
    return "\n".join(lines) + "\n"


def shown(key: Key) -> object:
    """What stands behind a key that the example does not set."""
    default = default_of(key)
    return key.told.shown if default is None else default


def _top(name: str, key: Key) -> Iterator[str]:
    """A key of the file itself, mostly a table with all that is in it."""
    if key.told.part:
        heading = f"# --- {key.told.part} "
        yield from ("", "", heading + "-" * (_WIDTH - len(heading)))
    section = key.table
    if section is None:
        yield ""
        yield from _key(name, key, None)
    elif key.several:
        for entry in key.told.entries:
            yield from _entry(name, section, entry)
    else:
        yield from _table(name, section)


def _table(name: str, section: Section) -> Iterator[str]:
    """A table, then the tables in it."""
    airy = about(section.make).airy
    yield ""
    yield f"[{name}]"
    keys = [(word, key) for word, key in section.keys.items() if key.table is None]
    for place, (word, key) in enumerate(keys):
        if airy and place:
            yield ""
        yield from _key(word, key, key.told.given)
    for word, key in section.keys.items():
        if key.table is not None:
            yield from _table(f"{name}.{word}", key.table)


def _entry(name: str, section: Section, entry: ExampleTable) -> Iterator[str]:
    """One table of an array."""
    yield ""
    yield from _comment(entry.above)
    yield f"# [[{name}]]" if entry.asleep else f"[[{name}]]"
    for word, key in section.keys.items():
        given = entry.values.get(word)
        if entry.whole:
            yield from _key(word, key, None if entry.asleep else given, asleep=given)
        elif given is not None:
            yield f"{word} = {toml(given)}"


def _key(name: str, key: Key, given: object, asleep: object = None) -> Iterator[str]:
    """Its comment, then its line: `given` as the example sets it, else what it is without, behind a "#"."""
    yield from _comment(meaning(key) if key.told.above is None else key.told.above)
    if given is None or not key.required:
        value = shown(key) if asleep is None else asleep
        yield f"# {name} = {toml(value)}"
    if given is not None:
        yield f"{name} = {toml(given)}"


def _comment(text: str) -> Iterator[str]:
    """Each line of it filled by itself; one that begins with a blank, and an empty one, as they are."""
    for line in text.split("\n") if text else ():
        if not line or line.startswith(" "):
            yield f"# {line}".rstrip()
        else:
            yield from (f"# {each}" for each in textwrap.wrap(line, _WIDTH - 2, break_on_hyphens=False))
