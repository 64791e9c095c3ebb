"""From the text of fopemta.toml to a Configuration, or every reason why not (pure)."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from fopemta.config.checks import check_together
from fopemta.config.model import Configuration
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors
from fopemta.settings.key import section_of
from fopemta.settings.place import Place

FILE = section_of(Configuration)

_LONGEST_EXCERPT = 80
_POSITION = re.compile(r"(?P<what>.*?) \(at line (?P<line>[0-9]+), column (?P<column>[0-9]+)\)", re.DOTALL)


def load(text: str, folder: str) -> Configuration:
    """Read the text of a file that stands in `folder` (an absolute path).

    Raises ConfigurationErrors with everything that is wrong, at once.
    """
    table = parsed(text)
    errors: list[ConfigurationError] = []
    place = Place("", folder, errors)
    facts = FILE.facts(table, place)
    check_together(facts, place)
    if errors:
        raise ConfigurationErrors(errors)
    return Configuration(**facts)


def parsed(text: str) -> dict[str, Any]:
    """The TOML in `text`.  Raises ConfigurationErrors."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _no_toml("brackets are nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and int() on thousands of digits
        raise _no_toml(_words(str(error), text)) from None


def _words(message: str, text: str) -> str:
    """The parser's words with the position in front, where editors look for it, and the line behind."""
    match = _POSITION.fullmatch(message)
    if match is None:
        return message
    lines, number = text.split("\n"), int(match["line"])
    excerpt = lines[number - 1].strip()[:_LONGEST_EXCERPT] if number <= len(lines) else ""
    shown = "".join(each if each.isprintable() else "?" for each in excerpt)
    return f"line {match['line']}, column {match['column']}: {match['what']}" + (f": {shown}" if shown else "")


def _no_toml(words: str) -> ConfigurationErrors:
    return ConfigurationErrors([ConfigurationError("", f"not TOML: {words}")])
