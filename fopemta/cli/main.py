"""`fopemta`: its commands.  Exit status: 0 good, 1 the answer is bad, 2 usage or configuration."""

from __future__ import annotations

import click

from fopemta import __version__
from fopemta.cli.check_config import check_config
from fopemta.cli.explain import explain
from fopemta.cli.first_steps import first_steps
from fopemta.cli.flush import flush
from fopemta.cli.headers import headers
from fopemta.cli.hosts import hosts
from fopemta.cli.queue import queue
from fopemta.cli.reload import reload
from fopemta.cli.roots import roots
from fopemta.cli.rules import rules
from fopemta.cli.tlstest import tlstest
from fopemta.cli.users import users


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fopemta")
def main() -> None:
    """A mail transfer agent that proves and explains the TLS of every message.

    The server itself is `twistd fopemta`.
    """


@main.command()
def demo() -> None:
    """Show in a minute what it is about: mail to servers with good, no and broken TLS, on loopback."""
    from fopemta.cli.demo import run

    run()


main.add_command(check_config)
main.add_command(explain)
main.add_command(headers)
main.add_command(hosts)
main.add_command(queue)
main.add_command(flush)
main.add_command(reload)
main.add_command(roots)
main.add_command(rules)
main.add_command(tlstest)
main.add_command(users)
main.add_command(first_steps)

if __name__ == "__main__":
    main(prog_name="fopemta")
