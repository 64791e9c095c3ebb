"""`fopemta queue`: what waits, for whom and why; read from the spool itself, whether the server runs or not."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from fopemta.cli.configuration import config_option, configuration_of, json_option
from fopemta.cli.table import age, escaped, lines_of, size_words, until
from fopemta.mail.address import path_text
from fopemta.mail.queued import QueuedMessage, RecipientStatus
from fopemta.trust.verdict import VerdictRecord, rfc3339

_HEADINGS = ("ID", "AGE", "SIZE", "SENDER", "RECIPIENT", "STATE", "NEXT TRY", "LAST ANSWER")


@click.group()
def queue() -> None:
    """Look at the queue."""


@queue.command("list")
@config_option
@json_option
def list_(config: str | None, as_json: bool) -> None:
    """List the messages that are not finished, oldest first."""
    messages = sorted(_survey(config), key=lambda message: (message.arrived, message.id))
    if as_json:
        for message in messages:
            click.echo(json.dumps(message_json(message)))
        return
    if not messages:
        click.echo("The queue is empty.")
        return
    now = time.time()
    for line in lines_of(_HEADINGS, [row for message in messages for row in _rows(message, now)]):
        click.echo(line)
    waiting = sum(len(message.pending) for message in messages)
    click.echo(f"{_count(len(messages), 'message')}, {_count(waiting, 'recipient')} waiting")


@queue.command("show")
@click.argument("message_id", metavar="ID")
@config_option
@json_option
def show(message_id: str, config: str | None, as_json: bool) -> None:
    """Show one message: its envelope, its recipients and what their last attempts found."""
    found = next((message for message in _survey(config) if message.id == message_id), None)
    if found is None:
        click.echo(f"fopemta: {escaped(message_id)} is not in the queue (any more)", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(message_json(found)))
        return
    for line in _portrait(found, time.time()):
        click.echo(line)


def message_json(message: QueuedMessage) -> dict[str, Any]:
    """A message under the names that programs rely on (DESIGN 8)."""
    return {
        "id": message.id,
        "arrived": rfc3339(message.arrived),
        "size": message.size,
        "sender": path_text(message.envelope.sender),
        "recipients": [_recipient_json(each) for each in message.recipients],
    }


def _recipient_json(status: RecipientStatus) -> dict[str, Any]:
    last = status.last
    return {
        "address": str(status.address),
        "state": status.state.value,
        "attempts": status.attempts,
        "next_try": None if status.next_try is None else rfc3339(status.next_try),
        # The clock of Force TLS (RULINGS 6); no rule of this version starts it.
        "tls_deadline": None,
        "level": last.level if last else None,
        "rules": last.rules if last else (),
        "last": last.to_json() if last else None,
    }


def _survey(config: str | None) -> Iterator[QueuedMessage]:
    from fopemta.spool.ownership import SpoolUnusable
    from fopemta.spool.survey import survey

    directory = configuration_of(config).node.spool
    try:
        yield from survey(directory)
    except FileNotFoundError:
        click.echo(f"fopemta: there is no spool at {directory} (node.spool): has fopemta run here yet?", err=True)
        sys.exit(2)
    except (OSError, SpoolUnusable) as error:
        click.echo(f"fopemta: the spool cannot be read: {error}", err=True)
        sys.exit(2)


def _rows(message: QueuedMessage, now: float) -> Iterator[Sequence[str]]:
    first = (message.id, age(now - message.arrived), size_words(message.size))
    sender = f"<{path_text(message.envelope.sender)}>"
    for index, status in enumerate(message.recipients):
        head = (*first, sender) if index == 0 else ("", "", "", "")
        next_try = until(status.next_try, now) if status.open else "-"
        yield (*head, f"<{status.address}>", status.state.value, next_try, _answer(status.last))


def _answer(last: VerdictRecord | None) -> str:
    if last is None:
        return "-"
    diagnosis = f"{last.diagnosis}: " if last.diagnosis else ""
    return f"{diagnosis}{last.code} {last.enhanced} {last.text}"


def _portrait(message: QueuedMessage, now: float) -> Iterator[str]:
    arrival = message.envelope.arrival
    yield f"message   {message.id}"
    yield f"arrived   {rfc3339(message.arrived)} ({age(now - message.arrived)} ago)"
    yield f"size      {message.size} octets"
    yield f"sender    <{escaped(path_text(message.envelope.sender))}>"
    if arrival is None:
        yield "from      fopemta itself"
    else:
        tls = f", {arrival.tls.protocol} {arrival.tls.cipher} ({arrival.tls.bits} bits)" if arrival.tls else ""
        yield f"from      {arrival.client_address} ({escaped(arrival.helo)}) by {arrival.protocol}{tls}"
    for status in message.recipients:
        yield ""
        yield f"<{escaped(str(status.address))}>"
        yield f"  state       {status.state.value}, {_count(status.attempts, 'attempt')}"
        if status.open:
            yield f"  next try    {until(status.next_try, now)}"
        if status.last is not None:
            yield from _verdict_lines(status.last)


def _verdict_lines(last: VerdictRecord) -> Iterator[str]:
    yield f"  last try    {rfc3339(last.time)}: {last.result.value}"
    yield f"  answer      {last.code} {last.enhanced} {escaped(last.text)}"
    if last.diagnosis is not None:
        yield f"  diagnosis   {last.diagnosis}"
        yield from _explanation(last.diagnosis)
    if last.host is not None or last.address is not None:
        yield f"  host        {escaped(last.host or '-')} [{last.address}]:{last.port}"
    if last.level is not None:
        yield f"  TLS wanted  {last.level} ({', '.join(last.sources)})"
    if last.protocol is not None:
        group = f", {last.group}" if last.group else ""
        yield f"  TLS had     {last.rung}: {last.protocol} {last.cipher} ({last.bits} bits{group})"
        yield f"  certificate {'proven' if last.authenticated else 'not proven'} for {', '.join(last.names) or '-'}"
    for certificate in last.chain:
        subject, issuer = escaped(certificate.subject), escaped(certificate.issuer)
        yield f"              {subject}, until {certificate.not_after}, issued by {issuer}"


def _explanation(word: str) -> Iterator[str]:
    from fopemta.trust.diagnosis import Diagnosis, explain

    try:
        row = explain(Diagnosis(word))
    except ValueError:  # a word of another version
        return
    yield f"  cause       {row.cause}"
    yield f"  remedy      {row.remedy}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
