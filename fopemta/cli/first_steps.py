"""`fopemta first-steps`: what `make run` prints before the server starts: where it listens, how to send a message."""

from __future__ import annotations

from collections.abc import Iterator

import click

from fopemta.cli.configuration import config_option, configuration_of
from fopemta.config.endpoints import listening_address
from fopemta.config.model import Configuration, Listener, ListenerTls
from fopemta.routing.route import Route


@click.command("first-steps", hidden=True)
@config_option
def first_steps(config: str | None) -> None:
    """Show where the server listens and how to send a message."""
    for line in lines(configuration_of(config)):
        click.echo(line)


def lines(configuration: Configuration) -> Iterator[str]:
    """The lines to print."""
    yield f"fopemta {configuration.node.hostname}"
    for listener in configuration.listeners:
        yield f"  listens at {_where(listener)} for {_FOR[listener.kind.value]}, TLS {listener.tls.value}"
    yield f"  keeps its queue in {configuration.node.spool}"
    open_to = next((each for each in configuration.listeners if each.tls is not ListenerTls.IMPLICIT), None)
    route = next((each for each in configuration.routes if _is_plain_local(each)), None)
    address = listening_address(open_to.endpoint) if open_to is not None else None
    if open_to is None or route is None or address is None:
        return
    # Exists at each domain, whatever other mailboxes there are.
    recipient = f"postmaster@{route.domain}"
    host = "127.0.0.1" if address[0] == "*" else address[0]
    yield ""
    yield "A first message, from another terminal:"
    yield "  " + _command(host, address[1], open_to.tls, recipient)
    yield "It arrives here, with the TLS of its path in the Received line:"
    yield f"  {_maildir(route)}/new/"
    yield "Ctrl-C ends fopemta; accepted mail stays in the queue."
    yield ""


_FOR = {"mx": "other mail servers", "submission": "mail programs"}


def _where(listener: Listener) -> str:
    address = listening_address(listener.endpoint)
    if address is None:
        return listener.endpoint
    host, port = address
    return f"{'every address' if host == '*' else host} port {port}"


def _is_plain_local(route: Route) -> bool:
    return route.is_local and route.names_one_domain


def _maildir(route: Route) -> str:
    assert route.maildir is not None
    return route.maildir.format(local_part="postmaster", domain=route.domain)


def _command(host: str, port: int, tls: ListenerTls, recipient: str) -> str:
    """One line for any shell; Python is available, since we run on it."""
    starttls = "" if tls is ListenerTls.OFF else "s.starttls(); "
    program = (
        f"import smtplib; s = smtplib.SMTP('{host}', {port}); {starttls}"
        f"s.sendmail('alice@example.org', ['{recipient}'], 'Subject: hello\\n\\nIt works.')"
    )
    return f'python3 -c "{program}"'
