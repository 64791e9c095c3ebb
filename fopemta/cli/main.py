"""`fopemta` and its commands.  Exit status: 0 success, 1 a negative answer, 2 usage or configuration error."""

from __future__ import annotations

import io
import sys

import click

from fopemta import __version__
from fopemta.cli.command_table import CommandEntry, CommandTable

COMMANDS = {
    "check-config": CommandEntry(
        "fopemta.cli.check_config:check_config",
        "Check the configuration and report every error.",
    ),
    "config": CommandEntry(
        "fopemta.cli.config:config",
        "Show the active configuration, or the defaults.",
    ),
    "demo": CommandEntry(
        "fopemta.cli.demo:demo",
        "Send mail over good, missing and broken TLS, on loopback.",
    ),
    "explain": CommandEntry(
        "fopemta.cli.explain:explain",
        "Explain what would happen to a message, and why.",
    ),
    "first-steps": CommandEntry(
        "fopemta.cli.first_steps:first_steps",
        "Show where the server listens and how to send a message.",
        hidden=True,
    ),
    "flush": CommandEntry(
        "fopemta.cli.flush:flush",
        "Try at once what waits for DOMAIN.",
    ),
    "headers": CommandEntry(
        "fopemta.cli.headers:headers",
        "Read a message's Received headers.",
    ),
    "hosts": CommandEntry(
        "fopemta.cli.hosts:hosts",
        "List or clear what is remembered about hosts' TLS.",
    ),
    "queue": CommandEntry(
        "fopemta.cli.queue:queue",
        "List, show, hold, release, retry or remove messages.",
    ),
    "reload": CommandEntry(
        "fopemta.cli.reload:reload",
        "Reload configuration, rules and certificates.",
    ),
    "roots": CommandEntry(
        "fopemta.cli.roots:roots",
        "List and check the trusted certificate authorities.",
    ),
    "rules": CommandEntry(
        "fopemta.cli.rules:rules",
        "Report how often rules match.",
    ),
    "tlstest": CommandEntry(
        "fopemta.cli.tlstest:tlstest",
        "Test the TLS of mail servers without sending mail.",
    ),
    "users": CommandEntry(
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
