"""Read access to the spool for commands, whether the server is running or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from fopemta.cli.configuration import configuration_of

if TYPE_CHECKING:
    from fopemta.spool.looking.reader import SpoolReader


@contextmanager
def spool_reader(config: str | None) -> Iterator[SpoolReader]:
    """The configured spool; ends the command with status 2 if it cannot be read."""
    from fopemta.formats.waiting_file import Unsound
    from fopemta.interfaces import SpoolUnusable
    from fopemta.spool.looking.reader import SpoolReader

    directory = configuration_of(config).node.spool
    try:
        yield SpoolReader(directory)
    except FileNotFoundError:
        click.echo(f"fopemta: there is no spool at {directory} (node.spool): has fopemta run here yet?", err=True)
        sys.exit(2)
    except BrokenPipeError:
        raise  # the reader of our output has closed it
    except (OSError, SpoolUnusable, Unsound) as error:
        click.echo(f"fopemta: the spool cannot be read: {error}", err=True)
        sys.exit(2)
