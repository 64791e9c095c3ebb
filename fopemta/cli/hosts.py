"""`fopemta hosts`: hosts whose TLS was less than the best."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from fopemta.cli.configuration import config_option, configuration_of, json_option
from fopemta.cli.control import ControlClient
from fopemta.cli.queue_views import count
from fopemta.cli.table import age, lines_of

if TYPE_CHECKING:
    from fopemta.trust.host_memory import Known


@click.group()
def hosts() -> None:
    """List or clear what is remembered about hosts' TLS."""


@hosts.command("list")
@config_option
@json_option
def list_(config: str | None, as_json: bool) -> None:
    """List the hosts with less than the best TLS.

    Delivery begins with what they supported, and tries the best again after an hour, then two, finally once a day.  A
    running server writes the list twice a minute.
    """
    from fopemta.trust.verdict import rfc3339

    known = _known(_path(config))
    if as_json:
        for host, each in known.items():
            facts = {"host": host, "rung": each.rung.value, "hello": each.hello.value, "at": rfc3339(each.at)}
            click.echo(json.dumps(facts))
        return
    if not known:
        click.echo("No host is on record with less than the best TLS.")
        return
    now = time.time()
    rows = [(host, each.rung.value, each.hello.value, f"{age(now - each.at)} ago") for host, each in known.items()]
    for line in lines_of(("HOST", "RUNG", "HELLO", "FOUND"), rows):
        click.echo(line)


@hosts.command("clear")
@click.argument("names", metavar="[HOST[:PORT]]...", nargs=-1)
@config_option
@json_option
def clear(names: tuple[str, ...], config: str | None, as_json: bool) -> None:
    """Forget hosts, or all if none is named.

    The next delivery to them begins at the top of the ladder.
    """
    names = tuple(_as_kept(each) for each in names)
    control = ControlClient.if_running(config)
    if control is not None:
        forgotten = control.end_of({"command": "forget_hosts", "hosts": list(names)})["hosts"]
    else:
        forgotten = _forget(_path(config), names)
    click.echo(json.dumps({"hosts": forgotten}) if as_json else f"{count(forgotten, 'host')} forgotten")


def _as_kept(name: str) -> str:
    """A host in the spelling of the list: a domain in canonical form, an address unchanged."""
    from fopemta.address.written import NotWritten, written_domain

    host, colon, port = name.partition(":") if name.count(":") == 1 else (name, "", "")
    try:
        return f"{written_domain(host)}{colon}{port}"
    except NotWritten:
        return name.lower()


def _path(config: str | None) -> str:
    from fopemta.outbound.host_memory import FILE_NAME

    return os.path.join(configuration_of(config).node.state, FILE_NAME)


def _known(path: str) -> dict[str, Known]:
    from fopemta.outbound.host_memory import read

    try:
        return read(path)
    except (OSError, ValueError) as error:
        click.echo(f"fopemta: {path} cannot be read: {error}", err=True)
        sys.exit(2)


def _forget(path: str, names: tuple[str, ...]) -> int:
    """Edit the file of a server that is not running."""
    from fopemta.outbound.host_memory import write

    known = _known(path)
    wanted = set(names)
    gone = [each for each in known if not wanted or each in wanted or each.rpartition(":")[0] in wanted]
    if gone:
        write(path, {key: each for key, each in known.items() if key not in gone})
    return len(gone)
