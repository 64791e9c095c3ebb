"""What there is to say of each key, and docs/configuration.md, which says it of all (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from fopemta.config.load import FILE
from fopemta.config.model import Configuration
from fopemta.settings.section import FIRST, Key, Section, Tables

_CODE = re.compile(r"`([^`]*)`")
# Of code these alone keep their marks where there are no letters of another kind: commands, and lines of other files.
_KEPT = re.compile(r"[a-z-]+:? [^=]*")


def keys(section: Section = FILE, before: str = "") -> Iterator[tuple[str, Key]]:
    """Every key with a value, by its dotted name; "listener[].tls" in an array of tables."""
    for name, key in section.keys.items():
        if key.table is None:
            yield before + name, key
        else:
            yield from keys(key.table, f"{before}{name}{'[]' if key.several else ''}.")


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value)


def default_of(key: Key) -> object:
    """What counts without the key, as it would be written; None where nothing does."""
    if key.told.inherits:
        return default_of(dict(keys())[key.told.inherits])
    return key.told.counts if key.absent is None else key.absent


def plain_words(text: str) -> str:
    """Without the marks of code."""
    return _CODE.sub(lambda match: match[0] if _KEPT.fullmatch(match[1]) else match[1], text)


def meaning(key: Key) -> str:
    """What a key means, and where more stands, in plain words."""
    words = plain_words(key.told.meaning)
    return f"{words} See docs/{key.told.see}." if key.told.see else words


_HEAD = """# Configuration

`etc/fopemta.toml` is the commented example; this is the list of all keys. Both are made from the keys themselves, as
is what `fopemta config show` says of the values in force. `fopemta check-config` tells every error at once, each with
its dotted key; tables of an array count from 0 (`listener[0].endpoint`). Unknown keys are errors.

Durations `"90s"` `"5m"` `"24h"` `"5d"`; sizes `150000000` `"10MB"` (10^6) `"64KiB"` (2^10); relative paths count from
the file's folder. Domains may be written in any script; they are kept in their ASCII form (IDNA 2008).

SIGHUP reads the file and all certificates anew. With an error in either, everything stays as it was and the log says
why (`reload_failed`). Keys marked **start** are read at start only: when one of them has changed, the log says so
(`needs_restart`) and the old value stays in use.

| key | default | takes | start | meaning |
|---|---|---|---|---|
"""


def page() -> str:
    """The text of docs/configuration.md."""
    return _HEAD + "".join(f"{_row(name, key)}\n" for name, key in keys())


def _row(name: str, key: Key) -> str:
    default = default_of(key)
    shown = "required" if key.required else "none" if default is None else f"`{toml(default)}`"
    told = key.told
    words = told.meaning + (f" See [{told.see}]({told.see})." if told.see else "")
    if told.since != FIRST:
        words += f" Since {told.since}."
    return f"| `{name}` | {shown} | {key.form} | {'start' if told.start else ''} | {words} |"


def read_at_start(section: Section = FILE) -> Iterator[tuple[tuple[str, ...], str]]:
    """What a reload does not take up: attributes that lead to it from the model, and its dotted name in the file.  An
    array of tables is one.
    """
    for name, key in section.keys.items():
        if key.table is None or key.several:
            told = [key] if key.table is None else list(key.table.keys.values())
            if any(each.told.start for each in told):
                yield (key.attribute,), name
        else:
            yield from (((key.attribute, *path), f"{name}.{word}") for path, word in read_at_start(key.table))


def deciding_files(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """(dotted key, path) of each file or folder that says what the server does."""
    yield from _deciding(FILE, configuration, "")


def _deciding(section: Section, values: object, before: str) -> Iterator[tuple[str, str]]:
    for name, key in section.keys.items():
        value, here = getattr(values, key.attribute), f"{before}{name}"
        if key.told.decides and value is not None and value not in key.reserved:
            yield here, value
        elif isinstance(key.read, Tables):
            for index, each in enumerate(value):
                yield from _deciding(key.read.section, each, f"{here}[{index}].")
        elif isinstance(key.read, Section) and value is not None:
            yield from _deciding(key.read, value, f"{here}.")
