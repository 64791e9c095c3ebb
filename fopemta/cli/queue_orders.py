"""`fopemta queue hold|release|retry|remove`: orders to the running server."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import attrs
import click

from fopemta.cli.configuration import config_option, json_option
from fopemta.cli.control import ControlClient, Refused
from fopemta.cli.queue_filter import Filter, filter_options
from fopemta.cli.queue_source import queue_source
from fopemta.cli.queue_views import count
from fopemta.mail.identifiers import is_message_id
from fopemta.mail.listed import is_open
from fopemta.mail.orders import Obeyed, Order, OrderKind
from fopemta.mail.requests import LONGEST_REASON, MOST_MESSAGES, OrdersRequest, orders_json

F = TypeVar("F", bound=Callable[..., Any])

_DONE = {
    OrderKind.HOLD: "held",
    OrderKind.RELEASE: "released",
    OrderKind.RETRY: "tried now",
    OrderKind.REMOVE: "removed",
}
_AFTERWARDS = {
    OrderKind.HOLD: "is held",
    OrderKind.RELEASE: "is released",
    OrderKind.RETRY: "is tried again",
    OrderKind.REMOVE: "is removed",
}
# The text for a message that was not changed.
_NOT_DONE = {
    Obeyed.UNKNOWN: "is not in the queue (any more)",
    Obeyed.UNREADABLE: "cannot be read from the spool now; see the log",
    Obeyed.AFTERWARDS: "is being delivered at this moment; what is left of it {then} afterwards",
}
_NOTHING = {
    OrderKind.HOLD: "is held already",
    OrderKind.RELEASE: "is not held",
    OrderKind.RETRY: "is held: release it first",
    OrderKind.REMOVE: "has no such recipient that waits",
}


def _about_messages(command: F) -> F:
    """Add the arguments that select messages, and the common options."""
    decorators = (
        click.argument("ids", metavar="[ID]...", nargs=-1),
        filter_options,
        click.option("--all", "all_", is_flag=True, help="All messages in the queue."),
        config_option,
        json_option,
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


_reason = click.option("--reason", default="", metavar="TEXT", help="The reason, for the record and the log.")


@click.command()
@_about_messages
@_reason
def hold(reason: str, **about: Any) -> None:
    """Hold messages until they are released."""
    _give(Order(kind=OrderKind.HOLD, reason=reason), **about)


@click.command()
@_about_messages
@_reason
@click.option("--override-tls", is_flag=True, help="Lift the TLS demands of rules, permanently; needs --reason.")
@click.option("--yes", is_flag=True, help="Do not ask before --override-tls lifts it for messages not named by id.")
def release(reason: str, override_tls: bool, yes: bool, **about: Any) -> None:
    """Release held messages; they are tried at once.

    The TLS demands of rules stay in force, unless --override-tls lifts them for these messages: then messages waiting
    for TLS are released too, and the record says why.
    """
    if override_tls and not reason:
        raise click.UsageError("--override-tls needs --reason: the record must say why.")
    if override_tls and not yes and not about["ids"]:
        which = "every message in the queue" if about["all_"] else "every message that the filters choose"
        # By stderr: what is said at stdout may be read by a program.
        click.confirm(f"Lift what rules demand of TLS for {which}, for good?", abort=True, err=True)
    _give(Order(kind=OrderKind.RELEASE, reason=reason, override_tls=override_tls), **about)


@click.command()
@_about_messages
@_reason
def retry(reason: str, **about: Any) -> None:
    """Try deferred messages at once."""
    _give(Order(kind=OrderKind.RETRY, reason=reason), **about)


@click.command()
@_about_messages
@_reason
@click.option("--report", is_flag=True, help="Send the sender a non-delivery report.")
def remove(reason: str, report: bool, **about: Any) -> None:
    """Remove messages from the queue for good.

    Silently, unless --report is given.
    """
    _give(Order(kind=OrderKind.REMOVE, reason=reason, report=report), **about)


def _give(order: Order, ids: tuple[str, ...], all_: bool, config: str | None, as_json: bool, **wanted: Any) -> None:
    """Give `order` for each selected message; status 1 unless it was carried out for all that are still there.

    A message that was listed and has left since is counted; one that was named by id alone is an error then.
    """
    chosen = Filter(**wanted)
    if all_ and (ids or not chosen.empty):
        raise click.UsageError("--all cannot be combined with ids or filters.")
    if not (ids or all_) and chosen.empty:
        raise click.UsageError("Name messages by id, by filter, or use --all.")
    if len(order.reason) > LONGEST_REASON or not (order.reason.isprintable() or not order.reason):
        raise click.UsageError(f"The reason must be one line of at most {LONGEST_REASON} characters.")
    control = ControlClient(config)
    named = bool(ids) and chosen.empty
    results: Counter[Obeyed] = Counter()
    given = ((message_id, _for(order, recipients)) for message_id, recipients in _chosen(config, ids, chosen))
    while batch := tuple(islice(given, MOST_MESSAGES)):
        for answer in _answers(control, batch):
            result = Obeyed(answer["result"])
            results[result] += 1
            if as_json:
                click.echo(json.dumps(answer))
            elif result is not Obeyed.UNKNOWN or named:
                click.echo(_line(order.kind, answer))
    if not as_json and (results.total() != 1 or (results[Obeyed.UNKNOWN] and not named)):
        left = "" if named or not results[Obeyed.UNKNOWN] else f"; {results[Obeyed.UNKNOWN]} had left meanwhile"
        click.echo(f"{count(results[Obeyed.DONE], 'message')} {_DONE[order.kind]}{left}")
    well = {Obeyed.DONE, Obeyed.AFTERWARDS} if named else {Obeyed.DONE, Obeyed.AFTERWARDS, Obeyed.UNKNOWN}
    sys.exit(0 if set(results) <= well else 1)


def _for(order: Order, recipients: frozenset[str] | None) -> Order:
    return attrs.evolve(order, recipients=recipients)


def _chosen(config: str | None, ids: Sequence[str], wanted: Filter) -> Iterator[tuple[str, frozenset[str] | None]]:
    """Each message with the recipients that the order is about, None for all."""
    for each in ids:
        if not is_message_id(each):
            raise click.UsageError(f"{each!r} is no queue id.")
    if ids and wanted.empty:
        yield from ((each, None) for each in ids)
        return
    with queue_source(config) as source:
        for message in source.messages():
            if ids and message["id"] not in ids:
                continue
            if recipients := [each["address"] for each in wanted.recipients(message) if is_open(each)]:
                yield message["id"], None if wanted.empty else frozenset(recipients)


def _answers(control: ControlClient, batch: tuple[tuple[str, Order], ...]) -> Iterator[dict[str, Any]]:
    try:
        for answer in control.ask(orders_json(OrdersRequest(batch))):
            if not answer.get("end"):
                yield answer
    except Refused as why:
        click.echo(f"fopemta: {why}", err=True)
        sys.exit(1)


def _line(kind: OrderKind, answer: dict[str, Any]) -> str:
    result = Obeyed(answer["result"])
    if result is Obeyed.DONE:
        return f"{answer['id']}: {_DONE[kind]} for {count(len(answer['recipients']), 'recipient')}"
    words = _NOTHING[kind] if result is Obeyed.NOTHING else _NOT_DONE[result].format(then=_AFTERWARDS[kind])
    return f"{answer['id']} {words}"
