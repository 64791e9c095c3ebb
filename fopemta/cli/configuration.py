"""Find a command's configuration, and report its errors."""

from __future__ import annotations

import os
import socket
import sys
from typing import NoReturn

import click

from fopemta.config.model import Configuration
from fopemta.settings.errors import ConfigurationErrors


def _or_the_groups(context: click.Context, _: click.Parameter, given: str | None) -> str | None:
    """`fopemta --config FILE queue list` is the same as `fopemta queue list --config FILE`."""
    outer: str | None = context.find_root().params.get("config")
    return given or outer


config_option = click.option(
    "--config",
    "config",
    metavar="PATH",
    callback=_or_the_groups,
    help="The configuration file; else $FOPEMTA_CONFIG, ./etc/fopemta.toml, /etc/fopemta/fopemta.toml.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object per line, for programs.")


def configuration_of(given: str | None) -> Configuration:
    """The command's configuration; ends the command with status 2 if there is none or it is invalid."""
    # No Twisted at module level: `fopemta --help` answers at once.
    from fopemta.server import configuration_file

    try:
        return configuration_file.read(configuration_file.find(given, os.environ))
    except ConfigurationErrors as wrong:
        refuse(wrong)


def configuration_or_defaults(given: str | None) -> Configuration:
    """The same, but the defaults if none is named or found: commands that only ask other servers need none."""
    from fopemta.config.load import load
    from fopemta.server import configuration_file

    try:
        path = configuration_file.find(given, os.environ)
    except ConfigurationErrors:
        if given is None and not os.environ.get("FOPEMTA_CONFIG"):
            return load(_LEAST.format(socket.getfqdn() or "localhost"), os.getcwd())
        return configuration_of(given)
    return configuration_of(path)


_LEAST = """
[node]
hostname = "{0}"
postmaster = "postmaster@{0}"
[[listener]]
endpoint = "tcp:25"
[[route]]
domain = "{0}"
via = "maildir:mail/{{local_part}}"
"""


def refuse(wrong: ConfigurationErrors) -> NoReturn:
    """Print every error and exit."""
    for error in wrong.errors:
        click.echo(f"fopemta: {error}", err=True)
    sys.exit(2)
