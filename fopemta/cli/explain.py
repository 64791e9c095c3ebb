"""`fopemta explain`: what would happen to a message, and why."""

from __future__ import annotations

import ipaddress
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
import click

from fopemta.cli.as_received import A_STRANGER, Attempt, Received, received
from fopemta.cli.configuration import config_option, configuration_of, json_option
from fopemta.cli.explain_views import lines_of_explained, to_json
from fopemta.config.model import Configuration

if TYPE_CHECKING:
    from fopemta.address.mailbox import Mailbox
    from fopemta.mail.envelope import Envelope
    from fopemta.mail.queued import QueuedMessage
    from fopemta.routing.values import Host, NextHop, RoutingFailure
    from fopemta.trust.verdict import VerdictRecord

_PATIENCE = 10.0
_FROM_A_STRANGER = f"sent by a stranger, {A_STRANGER}; for one of your own, give --client IP or --user NAME"


@click.command()
@click.argument("message_id", metavar="[ID]", required=False)
@click.option("--from", "sender", metavar="ADDRESS", help='The envelope sender; "" for the null sender.')
@click.option("--to", "recipients", multiple=True, metavar="ADDRESS", help="A recipient; may be repeated.")
@click.option("--client", metavar="IP", help=f"The client's address; without it a stranger's, {A_STRANGER}.")
@click.option("--user", metavar="NAME", help="The login.")
@click.option("--tls/--no-tls", "over_tls", default=True, help="Whether the client uses TLS (the default).")
@click.option("--message", type=click.File("rb"), metavar="FILE", help="The message; - for standard input.")
@click.option("--offline", is_flag=True, help="Make no DNS queries.")
@config_option
@json_option
def explain(
    message_id: str | None,
    sender: str | None,
    recipients: tuple[str, ...],
    client: str | None,
    user: str | None,
    over_tls: bool,
    message: Any,
    offline: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Explain what would happen to a message, and why.

    Shows which rules match or do not match, and why; how the message is split; and for each recipient which TLS is
    demanded, by which rules or routes, and what would be tried.  With an ID: for that message in the queue.  Uses the
    server's own code, including aliases and redirects, so its answer cannot differ.  Status 1 if the message would be
    refused, or not sent to some recipient.
    """
    from fopemta.policy.explanation import Regime, explained
    from fopemta.policy.rulebook import NO_RULES
    from fopemta.policy.steps import House

    configuration = configuration_of(config)
    said = _queued(configuration, message_id) if message_id is not None else None
    if said is None:
        attempt = _attempt(sender, recipients, client, user, over_tls, message)
        said = received(configuration, attempt)
        if client is None and user is None:
            said = attrs.evolve(said, notes=(_FROM_A_STRANGER, *said.notes))
    elif sender is not None or recipients:
        raise click.UsageError("a message in the queue has its own sender and recipients: give only its ID")
    found = None
    if said.accepted is not None:
        house = House(configuration.routes, configuration.relay.domains)
        regime = Regime(configuration.rulebook or NO_RULES, house, configuration.tls_client)
        found = explained(regime, said.accepted, said.content, said.size, time.time(), said.waiting, said.lifted)
    ways = found.ways if found is not None else ()
    hosts = {} if offline else _hosts(configuration, [way.hop for way in ways if way.plan is not None])
    last = _last_known(configuration, [way.recipient.domain for way in ways])
    if as_json:
        click.echo(json.dumps(to_json(said, found, hosts, last)))
    else:
        for line in lines_of_explained(said, found, hosts, last):
            click.echo(line)
    unsure = any(way.found.unsure is not None for way in ways)
    refused = said.refusals or found is None or found.accepted.refusal is not None
    sys.exit(1 if refused or unsure else 0)


def _attempt(
    sender: str | None, recipients: tuple[str, ...], client: str | None, user: str | None, over_tls: bool, message: Any
) -> Attempt:
    if sender is None or not recipients:
        raise click.UsageError("give --from and --to, or the ID of a message in the queue")
    octets = None if message is None else message.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return Attempt(
        client=_address(client),
        user=user,
        tls=_some_tls() if over_tls else None,
        sender=None if sender in ("", "<>") else _mailbox("--from", sender),
        recipients=tuple(dict.fromkeys(_mailbox("--to", each) for each in recipients)),
        message=octets,
    )


def _address(client: str | None) -> str:
    if client is None:
        return A_STRANGER
    try:
        return str(ipaddress.ip_address(client))
    except ValueError as flaw:
        raise click.UsageError(f"--client: {client!r} is no IP address") from flaw


def _queued(configuration: Configuration, message_id: str) -> Received:
    """A message of the spool, as it was accepted, with the recipients that have not got it yet."""
    from fopemta.interfaces import SpoolUnusable
    from fopemta.mail.identifiers import is_message_id
    from fopemta.policy.acceptance import Acceptance
    from fopemta.policy.content import content_facts
    from fopemta.policy.rulebook import NO_RULES
    from fopemta.spool.looking.reader import SpoolReader

    if not is_message_id(message_id):
        raise click.UsageError(f"{message_id!r} is no queue id")
    try:
        spool = SpoolReader(configuration.node.spool)
        found = spool.find(message_id)
        octets = _beginning(spool.content(message_id), configuration.limits.content.looked_at) if found else b""
    except (OSError, SpoolUnusable) as trouble:
        raise click.ClickException(f"the spool cannot be read: {trouble}") from trouble
    if found is None:
        raise click.ClickException(f"{message_id} is not in the queue (any more)")
    message, book = found.message, configuration.rulebook or NO_RULES
    content = content_facts(octets, len(octets) == message.size, book.asked, configuration.limits.content)
    return Received(
        sender=message.envelope.sender,
        accepted=Acceptance(refusal=None, envelope=_as_stored(message)),
        content=content,
        size=message.size,
        waiting=tuple(each.address for each in message.pending),
        lifted=tuple(each.address for each in message.pending if each.overridden is not None),
        notes=tuple(
            f"TLS is lifted for <{each.address}>: {each.overridden}"
            for each in message.pending
            if each.overridden is not None
        ),
    )


def _beginning(pieces: Iterator[bytes], most: int) -> bytes:
    """As much as rules read, and perhaps a little more."""
    octets = b""
    while len(octets) <= most and (piece := next(pieces, b"")):
        octets += piece
    return octets


def _as_stored(message: QueuedMessage) -> Envelope:
    """The envelope with the demands stored by now, except those that an operator has lifted."""
    from fopemta.trust.demand import NOTHING_DEMANDED

    envelope = message.envelope
    options = tuple(
        (each.address, attrs.evolve(
            envelope.options_of(each.address),
            demanded=NOTHING_DEMANDED if each.overridden is not None else each.demanded(envelope),
        ))
        for each in message.recipients
    )  # fmt: skip
    return attrs.evolve(envelope, options=options)


def _mailbox(option: str, text: str) -> Mailbox:
    from fopemta.address.written import NotWritten, written_address

    try:
        return written_address(text)
    except NotWritten as flaw:
        raise click.UsageError(f"{option}: {text!r} {flaw}") from flaw


def _some_tls() -> Any:
    from fopemta.mail.envelope import TlsSession

    return TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


def _hosts(configuration: Configuration, hops: list[NextHop]) -> dict[NextHop, tuple[Host, ...] | RoutingFailure]:
    """Look up each next hop, as delivery would."""
    import random

    from twisted.internet.defer import gatherResults

    from fopemta.cli.ask import asked
    from fopemta.lookup.dns.nameservers import system_nameservers
    from fopemta.lookup.dns.resolver import Resolver
    from fopemta.lookup.local_addresses import local_addresses
    from fopemta.lookup.router import Router
    from fopemta.routing.public_address import Reach
    from fopemta.server.own_addresses import own_addresses

    wanted = list(dict.fromkeys(hops))
    if not wanted:
        return {}
    dns = configuration.dns

    def looked_up(reactor: Any) -> Any:
        servers, patience = dns.nameservers or system_nameservers(), min(_PATIENCE, dns.timeout)
        resolver = Resolver(reactor, servers, patience, records=dns.records)
        names = frozenset({configuration.node.hostname})
        local = local_addresses()
        own, reach = own_addresses(configuration, local), Reach(configuration.delivery.private, local)
        router = Router(resolver, names, own, configuration.delivery.port, random.random, reach)
        return gatherResults([router.hosts(each) for each in wanted])

    return dict(zip(wanted, asked(looked_up) or [], strict=False))


def _last_known(configuration: Configuration, domains: list[str]) -> dict[str, VerdictRecord]:
    """The newest verdict on each domain that is in the queue."""
    from fopemta.interfaces import SpoolUnusable
    from fopemta.spool.looking.reader import SpoolReader
    from fopemta.trust.verdict import VerdictRecord

    newest: dict[str, dict[str, Any]] = {}
    try:
        for row in SpoolReader(configuration.node.spool).listing().rows():
            for recipient in row["recipients"]:
                domain, last = recipient["address"].rpartition("@")[2], recipient["last"]
                if last is None or last["host"] is None or domain not in domains:
                    continue
                # RFC 3339 in UTC: text order is time order.
                if domain not in newest or newest[domain]["time"] < last["time"]:
                    newest[domain] = last
    except (OSError, SpoolUnusable):
        pass  # there is no spool here, or it is not readable: then nothing is known
    return {domain: VerdictRecord.from_json(last) for domain, last in newest.items()}
