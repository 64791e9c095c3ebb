"""`fopemta queue`: what waits, for which recipients and why, from the running server or else from the spool; and orders
to the running server.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from fopemta.cli.command_table import CommandEntry, CommandTable
from fopemta.cli.configuration import config_option, json_option
from fopemta.cli.queue_filter import Filter, filter_options
from fopemta.cli.queue_list import write_json, write_table
from fopemta.cli.queue_source import queue_source
from fopemta.cli.queue_summary import Summary
from fopemta.cli.queue_views import count, portrait
from fopemta.cli.spool_view import spool_reader
from fopemta.cli.table import escaped, terminal_width
from fopemta.mail.header import HeaderEnd
from fopemta.mail.identifiers import is_message_id
from fopemta.mail.listed import brief, listed

if TYPE_CHECKING:
    from fopemta.spool.looking.reader import SpoolReader

_LONGEST_HEADER = 262_144


ORDERS = {
    "hold": CommandEntry("fopemta.cli.queue_orders:hold", "Hold messages until they are released."),
    "release": CommandEntry(
        "fopemta.cli.queue_orders:release",
        "Release held messages; they are tried at once.",
    ),
    "retry": CommandEntry("fopemta.cli.queue_orders:retry", "Try deferred messages at once."),
    "remove": CommandEntry(
        "fopemta.cli.queue_orders:remove",
        "Remove messages from the queue for good.",
    ),
}


@click.group(cls=CommandTable, table=ORDERS)
def queue() -> None:
    """List, show, hold, release, retry or remove messages."""


@queue.command("list")
@filter_options
@config_option
@json_option
def list_(config: str | None, as_json: bool, **wanted: Any) -> None:
    """List the unfinished messages that match, oldest first."""
    chosen = Filter(**wanted)
    with queue_source(config) as source:
        if as_json:
            write_json(source, chosen, lambda lines: click.echo(lines, nl=False))
            return
        width = terminal_width(sys.stdout)
        found = write_table(source, chosen, lambda lines: click.echo(lines, nl=False), width)
    if not found.messages:
        click.echo("The queue is empty." if chosen.empty else "No message in the queue matches.")
    else:
        click.echo(f"{count(found.messages, 'message')}, {count(found.waiting, 'recipient')} waiting")


@queue.command("show")
@click.argument("message_id", metavar="ID")
@click.option("--message", "whole", is_flag=True, help="Write only the message itself, header and body.")
@config_option
@json_option
def show(message_id: str, whole: bool, config: str | None, as_json: bool) -> None:
    """Show a message, its recipients and all attempts."""
    if not is_message_id(message_id):
        raise click.UsageError(f"{escaped(repr(message_id))} is no queue id.")
    with spool_reader(config) as reader:
        found = reader.find(message_id)
        if found is None:
            click.echo(f"fopemta: {escaped(message_id)} is not in the queue (any more)", err=True)
            sys.exit(1)
        if whole:
            for piece in reader.content(message_id):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        elif as_json:
            history = [each.to_json() for each in found.history]
            header = _header_of(reader, message_id)
            click.echo(json.dumps(listed(brief(found.message)) | {"history": history, "header": header}))
        else:
            for line in portrait(found.message, found.history, time.time()):
                click.echo(line)
            click.echo("\nheader")
            for line in _header_of(reader, message_id).splitlines():
                click.echo(f"  {escaped(line.expandtabs())}")


@queue.command("summary")
@click.option("--senders", is_flag=True, help="By the senders' domains instead of the recipients'.")
@config_option
@json_option
def summary(senders: bool, config: str | None, as_json: bool) -> None:
    """Count waiting recipients by destination and age."""
    now = time.time()
    found = Summary(now, senders)
    with queue_source(config) as source:
        for part in source.portions(lambda rows: Summary(now, senders).counted(rows)):
            found.add_all(part)
    with spool_reader(config) as reader:
        damaged = reader.damaged()
    if as_json:
        click.echo(json.dumps(found.to_json() | {"damaged": damaged}))
        return
    for line in found.lines():
        click.echo(line)
    if damaged:
        click.echo(f"{count(damaged, 'damaged file')} in corrupt/ of the spool, each with a .reason")


def _header_of(reader: SpoolReader, message_id: str) -> str:
    """The header of a message as text, up to the empty line."""
    end, header = HeaderEnd(), b""
    for piece in reader.content(message_id):
        header += end.feed(piece)
        if end.ended or len(header) > _LONGEST_HEADER:
            break
    header = header[:-2] if end.ended else header[:_LONGEST_HEADER]
    return header.decode("utf-8", "replace")
