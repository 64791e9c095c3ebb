"""The loader's place in the file, and the errors found so far (pure)."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from fopemta.settings.errors import ConfigurationError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")


class _Wrong(enum.Enum):
    WRONG = enum.auto()


# Replaces an invalid value: the error is noted, and reading continues.
WRONG: Final = _Wrong.WRONG


class NotValid(Exception):
    """A value is invalid for its key; the message says what is expected."""


@attrs.frozen
class Place:
    """`key` dotted, `folder` of the file (base of relative paths), `errors` shared by all places."""

    key: str
    folder: str
    errors: list[ConfigurationError]

    def at(self, name: str) -> Place:
        """The place of a key in this table; a name that TOML must quote is quoted here too."""
        if not _BARE_KEY.fullmatch(name):
            name = shown(name)
        return attrs.evolve(self, key=f"{self.key}.{name}" if self.key else name)

    def item(self, index: int) -> Place:
        """The place of an entry of this array."""
        return attrs.evolve(self, key=f"{self.key}[{index}]")

    def wrong(self, message: str) -> Any:
        """Note an error; returns WRONG."""
        self.errors.append(ConfigurationError(self.key, message))
        return WRONG


# Converts a TOML value into ours; notes an error at the place and returns WRONG if it is invalid.
Reader: TypeAlias = Callable[[object, Place], Any]


@attrs.frozen
class Single:
    """A reader of single values from a function that raises NotValid.

    `form` describes the accepted values ("duration", "whole number from 1 to 64"), `unit` is that of a number.
    """

    read: Callable[[object], Any]
    form: str = ""
    unit: str = ""

    def __call__(self, value: object, place: Place) -> Any:
        """Read a value (a Reader)."""
        try:
            return self.read(value)
        except NotValid as error:
            return place.wrong(str(error))


@attrs.frozen
class Array:
    """A reader of arrays, which returns a tuple; an invalid entry becomes WRONG."""

    item: Reader

    def __call__(self, value: object, place: Place) -> Any:
        """Read an array (a Reader)."""
        if not isinstance(value, list):
            return place.wrong(f"must be a list in square brackets, not {shown(value)}")
        return tuple(self.item(item, place.item(index)) for index, item in enumerate(value))

    @property
    def form(self) -> str:
        """The form of the array, from that of its entries."""
        form = getattr(self.item, "form", "")
        if " or " in form or not form:
            return f"list: {form}" if form else "list"
        return f"list of {form}{'es' if form.endswith('s') else 's'}"


def plain(read: Callable[[object], Any], form: str = "", unit: str = "") -> Single:
    """Make a `Single`."""
    return Single(read, form, unit)


def array(read_item: Reader) -> Array:
    """Make an `Array`."""
    return Array(read_item)


def shown(value: object) -> str:
    """A value of the file as shown in an error message: short, and in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of that size"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = printable(text[:80])
    return text if len(text) < 80 else text[:76] + "..."


def printable(text: str) -> str:
    """Text from a file, made safe for any log or terminal."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
