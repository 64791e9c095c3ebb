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
        "Read the configuration and say everything that is wrong with it.",
    ),
    "config": Entry(
        "fopemta.cli.config:config",
        "Show the configuration in force, and the defaults.",
    ),
    "demo": Entry(
        "fopemta.cli.demo:demo",
        "Show in a minute what it is about: mail to servers with good, no and broken TLS, on loopback.",
    ),
    "explain": Entry(
        "fopemta.cli.explain:explain",
        "Say what would become of a message: which rules match and why, which do not and why not, how it is split, "
        "and for each recipient what TLS is demanded, by whom, and what is tried.",
    ),
    "first-steps": Entry(
        "fopemta.cli.first_steps:first_steps",
        "Say where the server listens and how to send a first message.",
        hidden=True,
    ),
    "flush": Entry(
        "fopemta.cli.flush:flush",
        'Try at once what waits for DOMAIN, with "@" before it for its sub-domains, too.',
    ),
    "headers": Entry(
        "fopemta.cli.headers:headers",
        "Read the Received headers of a message (FILE, - for standard input), oldest hop first: whether each hop was "
        "encrypted and with what, and how long it took.",
    ),
    "hosts": Entry(
        "fopemta.cli.hosts:hosts",
        "Look at what is remembered of hosts' TLS, and forget it.",
    ),
    "queue": Entry(
        "fopemta.cli.queue:queue",
        "Look at the queue, and act on it.",
    ),
    "reload": Entry(
        "fopemta.cli.reload:reload",
        "Have the running server use what the files say now: configuration, rules, certificates.",
    ),
    "roots": Entry(
        "fopemta.cli.roots:roots",
        "Look at the certificate authorities that are trusted.",
    ),
    "rules": Entry(
        "fopemta.cli.rules:rules",
        "Look at what rules do.",
    ),
    "tlstest": Entry(
        "fopemta.cli.tlstest:tlstest",
        "Test the TLS of a domain's mail servers, or of one host (with a port, or as an address), without sending "
        "mail.",
    ),
    "users": Entry(
        "fopemta.cli.users:users",
        "Say who may log in, and as whom they may write.",
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
