"""`fopemta flush`: try at once what waits for a domain."""

from __future__ import annotations

import json

import click

from fopemta.cli.configuration import config_option, json_option
from fopemta.cli.control import ControlClient
from fopemta.cli.queue_views import count


@click.command()
@click.argument("domain")
@config_option
@json_option
def flush(domain: str, config: str | None, as_json: bool) -> None:
    """Try at once what waits for DOMAIN.

    "@" before it includes its sub-domains.  Also ends the back-off for its servers.
    """
    answer = ControlClient(config).end_of({"command": "flush", "domain": domain})
    if as_json:
        click.echo(json.dumps({"domain": domain, "messages": answer["messages"]}))
    else:
        click.echo(f"{count(answer['messages'], 'message')} for {domain} {_are(answer['messages'])} tried now")


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
