"""`fopemta explain`: what would become of a message, and why."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from fopemta.cli.configuration import config_option, configuration_of, json_option
from fopemta.cli.explain_views import lines_of_explained, to_json
from fopemta.config.model import Configuration

if TYPE_CHECKING:
    from fopemta.mail.address import Mailbox
    from fopemta.policy.facts import ContentFacts
    from fopemta.routing.values import Host, NextHop, RoutingFailure
    from fopemta.trust.verdict import VerdictRecord

_PATIENCE = 10.0


@click.command()
@click.option("--from", "sender", required=True, metavar="ADDRESS", help='The envelope sender; "" for the null sender.')
@click.option(
    "--to", "recipients", required=True, multiple=True, metavar="ADDRESS", help="A recipient; may be repeated."
)
@click.option("--client", metavar="IP", help="The client's address.")
@click.option("--user", metavar="NAME", help="The login.")
@click.option("--tls/--no-tls", "over_tls", default=True, help="Whether the client comes over TLS (it does).")
@click.option("--message", type=click.File("rb"), metavar="FILE", help="The message; - for standard input.")
@click.option("--offline", is_flag=True, help="Ask no DNS.")
@config_option
@json_option
def explain(
    sender: str,
    recipients: tuple[str, ...],
    client: str | None,
    user: str | None,
    over_tls: bool,
    message: Any,
    offline: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Say what would become of a message: which rules match and why, which do not and why not, how it is split, and for
    each recipient what TLS is demanded, by whom, and what is tried.  It is the code of the server, so its answer cannot
    differ.  Status 1 when the message would be refused, or not be sent to somebody.
    """
    from fopemta.policy.admission import in_networks
    from fopemta.policy.content import MOST_READ, content_facts
    from fopemta.policy.explanation import explained
    from fopemta.policy.facts import Direction, MessageFacts, Stage

    configuration = configuration_of(config)
    octets = b"" if message is None else message.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    content = _no_content() if message is None else content_facts(octets[:MOST_READ], len(octets) <= MOST_READ)
    trusted = client is not None and in_networks(client, configuration.relay.networks)
    facts = MessageFacts(
        stage=Stage.CONTENT,
        direction=Direction.OUTBOUND if trusted or user is not None else Direction.INBOUND,
        client=client,
        login=user,
        tls=_some_tls() if over_tls else None,
        sender=None if sender in ("", "<>") else _mailbox("--from", sender),
        recipients=tuple(dict.fromkeys(_mailbox("--to", each) for each in recipients)),
        size=len(octets),
        content=content,
    )
    may_relay = trusted or (user is not None and configuration.relay.authenticated_users)
    found = explained(configuration, facts, may_relay, time.time())
    hosts = {} if offline else _hosts(configuration, [way.hop for way in found.ways if way.plan is not None])
    last = _last_known(configuration, [way.recipient.domain for way in found.ways])
    if as_json:
        click.echo(json.dumps(to_json(found, facts, hosts, last)))
    else:
        for line in lines_of_explained(found, facts, hosts, last):
            click.echo(line)
    unsure = any(way.found.unsure is not None for way in found.ways)
    sys.exit(1 if found.refusals or found.acceptance.refusal is not None or unsure else 0)


def _mailbox(option: str, text: str) -> Mailbox:
    from fopemta.mail.written import NotWritten, written_address

    try:
        return written_address(text)
    except NotWritten as flaw:
        raise click.UsageError(f"{option}: {text!r} {flaw}") from flaw


def _no_content() -> ContentFacts:
    """Rules that look into the message cannot tell without one."""
    from fopemta.policy.facts import ContentFacts, Gap

    gap = Gap("no --message is given", for_good=True)
    return ContentFacts(headers_gap=gap, texts_gap=gap, attachments_gap=gap)


def _some_tls() -> Any:
    from fopemta.mail.envelope import TlsSession

    return TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


def _hosts(configuration: Configuration, hops: list[NextHop]) -> dict[NextHop, tuple[Host, ...] | RoutingFailure]:
    """What DNS says of each next hop now, as delivery would find it."""
    import random

    from twisted.internet.defer import gatherResults

    from fopemta.cli.ask import asked
    from fopemta.lookup.local_addresses import local_addresses
    from fopemta.lookup.nameservers import system_nameservers
    from fopemta.lookup.resolver import Resolver
    from fopemta.lookup.router import Router
    from fopemta.routing.hosts import OwnAddresses
    from fopemta.routing.public_address import Reach

    wanted = list(dict.fromkeys(hops))
    if not wanted:
        return {}
    dns = configuration.dns

    def looked_up(reactor: Any) -> Any:
        servers, patience = dns.nameservers or system_nameservers(), min(_PATIENCE, dns.timeout)
        resolver = Resolver(reactor, servers, patience, most_records=dns.records)
        names = frozenset({configuration.node.hostname})
        reach = Reach(configuration.delivery.private, local_addresses())
        router = Router(resolver, names, OwnAddresses(), configuration.delivery.port, random.random, reach)
        return gatherResults([router.hosts(each) for each in wanted])

    return dict(zip(wanted, asked(looked_up) or [], strict=False))


def _last_known(configuration: Configuration, domains: list[str]) -> dict[str, VerdictRecord]:
    """The newest verdict on each domain that stands in the queue."""
    from fopemta.spool.ownership import SpoolUnusable
    from fopemta.spool.whole import WholeSpool
    from fopemta.trust.verdict import VerdictRecord

    newest: dict[str, dict[str, Any]] = {}
    try:
        for row in WholeSpool(configuration.node.spool).listing().rows():
            for recipient in row["recipients"]:
                domain, last = recipient["address"].rpartition("@")[2], recipient["last"]
                if last is None or last["host"] is None or domain not in domains:
                    continue
                # RFC 3339 in UTC: the order of the text is that of time.
                if domain not in newest or newest[domain]["time"] < last["time"]:
                    newest[domain] = last
    except (OSError, SpoolUnusable):
        pass  # there is no spool here, or it is not ours to read: then nothing is known
    return {domain: VerdictRecord.from_json(last) for domain, last in newest.items()}
