"""`fopemta reload`: have the running server use what the files say now."""

from __future__ import annotations

import json
import sys

import click

from fopemta.cli.configuration import config_option, json_option
from fopemta.cli.control import ControlClient
from fopemta.cli.queue_views import count
from fopemta.cli.table import escaped


@click.command()
@config_option
@json_option
@click.option("--allow-lower", is_flag=True, help="Also if this lowers the TLS demands on queued mail.")
def reload(config: str | None, as_json: bool, allow_lower: bool) -> None:
    """Reload configuration, rules and certificates.

    No session is dropped; if anything is wrong, nothing changes.  SIGHUP does the same and reopens the log files; it
    never lowers the TLS demands on queued mail.
    """
    answer = ControlClient(config).end_of({"command": "reload", "allow_lower": allow_lower})
    errors = answer["errors"]
    if as_json:
        click.echo(json.dumps({key: answer[key] for key in ("errors", "cautions", "at_start", "freed")}))
        sys.exit(1 if errors else 0)
    if errors:
        click.echo("fopemta: nothing has changed:", err=True)
        for error in errors:
            click.echo(f"  {escaped(error)}", err=True)
        sys.exit(1)
    for caution in answer["cautions"]:
        click.echo(f"caution: {escaped(caution)}")
    for key in answer["at_start"]:
        click.echo(f"{escaped(key)} has changed: this takes effect at the next start")
    if answer["freed"]:
        click.echo(f"TLS demands were lowered for {count(answer['freed'], 'recipient')} of queued mail.")
    click.echo("The new configuration is active.")
