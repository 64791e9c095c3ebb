"""Find and read the configuration (composition): the file and the rules it names, as one value.

Needs neither Twisted nor OpenSSL, so commands that only read files start quickly; `preflight` checks the rest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs

from fopemta.config.checks import rule_errors
from fopemta.config.load import load
from fopemta.config.model import Configuration
from fopemta.config.rules import load_rules
from fopemta.plain_file import read_plain
from fopemta.policy.rulebook import Rulebook
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors

VARIABLE = "FOPEMTA_CONFIG"
PLACES = ("etc/fopemta.toml", "/etc/fopemta/fopemta.toml")


def find(given: str | None, environment: Mapping[str, str]) -> str:
    """The absolute path of the configuration: as given, else $FOPEMTA_CONFIG, else the first existing one of PLACES.

    Raises ConfigurationErrors if there is none.
    """
    chosen = given or environment.get(VARIABLE)
    if chosen:
        return os.path.abspath(chosen)
    for place in PLACES:
        if os.path.exists(place):
            return os.path.abspath(place)
    tried = ", ".join(f"./{place}" if not place.startswith("/") else place for place in PLACES)
    raise ConfigurationErrors(
        [ConfigurationError("", f"no configuration: give --config or ${VARIABLE}; there is none at {tried}")]
    )


def read(path: str) -> Configuration:
    """The configuration in the file `path` (absolute).  Raises ConfigurationErrors."""
    try:
        text = text_of(path)
    except OSError as error:
        raise ConfigurationErrors([ConfigurationError("", f"{path}: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationErrors([ConfigurationError("", f"{path}: not UTF-8 at octet {error.start}")]) from error
    configuration = _loaded(text, path)
    if configuration.rules is None:
        return configuration
    book, text = _rulebook(configuration.rules)
    configuration = attrs.evolve(configuration, rulebook=book, rules_text=text)
    if errors := rule_errors(configuration):
        raise ConfigurationErrors(errors)
    return configuration


def _loaded(text: str, path: str) -> Configuration:
    """Errors about the file as a whole include its name.  Raises ConfigurationErrors."""
    try:
        return load(text, os.path.dirname(path))
    except ConfigurationErrors as found:
        named = [each if each.key else ConfigurationError("", f"{path}: {each.message}") for each in found.errors]
        raise ConfigurationErrors(named) from None


def text_of(path: str) -> str:
    """The text of a file.  Raises OSError, UnicodeDecodeError."""
    # In text mode, which accepts any line ends.  Some editors write a byte order mark.
    return read_plain(path)[0].decode("utf-8-sig").replace("\r\n", "\n")


def _rulebook(path: str) -> tuple[Rulebook, str]:
    """The rules in the file `path`, and its text.  Raises ConfigurationErrors; their keys name the file."""
    try:
        text = text_of(path)
        return load_rules(text, os.path.dirname(path)), text
    except OSError as error:
        raise ConfigurationErrors([ConfigurationError("rules", f"{path}: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationErrors([ConfigurationError("rules", f"{path}: not UTF-8 at octet {error.start}")]) from error
    except ConfigurationErrors as found:
        name = os.path.basename(path)
        errors = [
            ConfigurationError(f"{name}: {each.key}" if each.key else name, each.message) for each in found.errors
        ]
        raise ConfigurationErrors(errors) from None
