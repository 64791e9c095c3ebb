"""`fopemta` and its commands.  Exit status: 0 success, 1 a negative answer, 2 usage or configuration error."""

from __future__ import annotations

import io
import sys

import click

from fopemta import __version__
from fopemta.cli.command_table import CommandTable, Entry

COMMANDS = {
    "check-config": Entry(
        "fopemta.cli.check_config:check_config",
        "Check the configuration and report every error.",
    ),
    "config": Entry(
        "fopemta.cli.config:config",
        "Show the active configuration, or the defaults.",
    ),
    "demo": Entry(
        "fopemta.cli.demo:demo",
        "Send mail over good, missing and broken TLS, on loopback.",
    ),
    "explain": Entry(
        "fopemta.cli.explain:explain",
        "Explain what would happen to a message, and why.",
    ),
    "first-steps": Entry(
        "fopemta.cli.first_steps:first_steps",
        "Show where the server listens and how to send a message.",
        hidden=True,
    ),
    "flush": Entry(
        "fopemta.cli.flush:flush",
        "Try at once what waits for DOMAIN.",
    ),
    "headers": Entry(
        "fopemta.cli.headers:headers",
        "Read a message's Received headers.",
    ),
    "hosts": Entry(
        "fopemta.cli.hosts:hosts",
        "List or clear what is remembered about hosts' TLS.",
    ),
    "queue": Entry(
        "fopemta.cli.queue:queue",
        "List, show, hold, release, retry or remove messages.",
    ),
    "reload": Entry(
        "fopemta.cli.reload:reload",
        "Reload configuration, rules and certificates.",
    ),
    "roots": Entry(
        "fopemta.cli.roots:roots",
        "List and check the trusted certificate authorities.",
    ),
    "rules": Entry(
        "fopemta.cli.rules:rules",
        "Report how often rules match.",
    ),
    "tlstest": Entry(
        "fopemta.cli.tlstest:tlstest",
        "Test the TLS of mail servers without sending mail.",
    ),
    "users": Entry(
        "fopemta.cli.users:users",
        "Manage the users that may log in.",
    ),
}


@click.group(cls=CommandTable, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fopemta")
@click.option("--config", metavar="PATH", help="The configuration file; may also follow the command.")
def main(config: str | None) -> None:
    """A mail transfer agent that proves and explains the TLS of every message.

    The server itself is `twistd fopemta`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An address with letters that the terminal lacks must not abort a listing.
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main(prog_name="fopemta")
