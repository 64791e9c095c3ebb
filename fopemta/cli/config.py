"""`fopemta config`: the values in force, and the configuration that has every default."""

from __future__ import annotations

import difflib
import json
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence

import click

from fopemta.cli.configuration import config_option, json_option, refuse
from fopemta.config.in_force import KeyInForce, in_force
from fopemta.config.reference import default_of, meaning, plain_words, toml
from fopemta.settings.errors import ConfigurationErrors

_WIDTH = 80


@click.group()
def config() -> None:
    """Show the active configuration, or the defaults."""


@config.command("show")
@click.argument("key", required=False)
@config_option
@json_option
def show(key: str | None, config: str | None, as_json: bool) -> None:
    """Show the active value of KEY, of all keys of a table, or of all keys.

    For a single key also its meaning, its accepted values, and whether a reload picks it up.  Keys are named as in
    error messages: limits.hops, listener[0].tls; listener.tls is that of every listener.
    """
    path, found = _in_force(config)
    chosen = [each for each in found if key is None or each.is_meant_by(key)]
    if key is not None and not chosen:
        raise click.UsageError(_unknown(key, found))
    if as_json:
        for each in chosen:
            click.echo(json.dumps(_facts(each)))
        return
    alone = key is not None and len({id(each.key) for each in chosen}) == 1
    for line in _alone(chosen) if alone else _listed(chosen, path):
        click.echo(line)


@config.command("default")
def default() -> None:
    """Print a configuration that shows every key with its default.

    It is etc/fopemta.toml: a good start, and valid as it is.
    """
    from fopemta.config.example import example

    click.echo(example(), nl=False)


def _in_force(given: str | None) -> tuple[str, tuple[KeyInForce, ...]]:
    from fopemta.config.load import parsed
    from fopemta.server import configuration_file

    try:
        path = configuration_file.find(given, os.environ)
        # Its errors are reported first: they leave no values to show.
        configuration_file.read(path)
        return path, in_force(parsed(configuration_file.text_of(path)), os.path.dirname(path))
    except ConfigurationErrors as wrong:
        refuse(wrong)
    except OSError as error:
        click.echo(f"fopemta: {error}", err=True)
        sys.exit(2)


def _unknown(wanted: str, found: Sequence[KeyInForce]) -> str:
    near = difflib.get_close_matches(wanted, [each.name for each in found], 1)
    return f"there is no key {wanted}" + (f"; did you mean {near[0]}?" if near else "")


def _facts(each: KeyInForce) -> dict[str, object]:
    key, default = each.key, default_of(each.key)
    return {
        "key": each.name,
        "value": each.value,
        "set": each.is_set,
        "default": default,
        "required": key.required,
        "takes": key.form,
        "unit": key.unit,
        "since": key.told.since,
        "reload": not key.told.start,
        "meaning": meaning(key),
    }


def _listed(chosen: Sequence[KeyInForce], path: str) -> Iterator[str]:
    for each in chosen:
        yield f"{'*' if each.is_set else ' '} {each.line}"
    yield ""
    yield f"* set in {path}; all others have their defaults"


def _alone(chosen: Sequence[KeyInForce]) -> Iterator[str]:
    """One key, which each table of an array may have."""
    for each in chosen:
        yield each.line
    key = chosen[0].key
    yield ""
    yield from textwrap.wrap(meaning(key), _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    yield ""
    for what, words in _about(chosen):
        yield from textwrap.wrap(f"  {what:<9}{words}", _WIDTH, subsequent_indent=" " * 11, break_on_hyphens=False)


def _about(chosen: Sequence[KeyInForce]) -> Iterator[tuple[str, str]]:
    key, default = chosen[0].key, default_of(chosen[0].key)
    sources = {"the file" if each.is_set else _unset(each) for each in chosen}
    yield "from", ", ".join(sorted(sources))
    yield "default", "none: it must be set" if key.required else "none" if default is None else toml(default)
    if key.form:
        yield "takes", plain_words(key.form)
    if key.unit:
        yield "unit", key.unit
    yield "since", key.told.since
    yield "reload", "no: it is read at start" if key.told.start else "picks it up"


def _unset(each: KeyInForce) -> str:
    return each.key.told.inherits or "the default"
