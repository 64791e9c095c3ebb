"""`fopemta tlstest`: the TLS of a domain's mail servers, and how we would judge it."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any

import attrs
import click

from fopemta.cli.configuration import config_option, configuration_or_defaults, json_option
from fopemta.cli.tlstest_views import Report, lines_of_report, report_json
from fopemta.config.model import Configuration
from fopemta.routing.values import NextHop

_PATIENCE = 10.0


@click.command()
@click.argument("target", metavar="DOMAIN|HOST[:PORT]")
@click.option("--all", "all_", is_flag=True, help="Also test which other versions and suites each host accepts.")
@config_option
@json_option
def tlstest(target: str, all_: bool, config: str | None, as_json: bool) -> None:
    """Test the TLS of mail servers without sending mail.

    Tests all servers of a domain, or one host (with a port, or as an address), with the code of delivery, so the answer
    cannot differ.  The last line of each address is its grade: A authenticated, B authenticated with an older cipher, C
    and D encrypted, server identity not verified, E out of date, F no TLS, - not reached.  Status 0 if every host that
    answers is authenticated, else 1.
    """
    from fopemta.cli.ask import asked
    from fopemta.tls.roots import RootsError

    configuration = configuration_or_defaults(config)
    try:
        # A temporary cache: the server's own folder is not ours to write to.
        with tempfile.TemporaryDirectory(prefix="fopemta-tlstest-") as shelf:
            report = asked(lambda reactor: _looked(reactor, configuration, target, all_, shelf))
    except RootsError as error:
        click.echo(f"fopemta: tls.client.roots: {error}", err=True)
        sys.exit(2)
    except _NoTarget as wrong:
        raise click.UsageError(str(wrong)) from wrong
    if report is None:
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(report_json(report)))
    else:
        for line in lines_of_report(report):
            click.echo(line)
    sys.exit(0 if report.good else 1)


class _NoTarget(ValueError):
    """The target is no domain, host or address."""


def _looked(reactor: Any, configuration: Configuration, target: str, all_: bool, shelf: str) -> Any:
    from twisted.internet.defer import Deferred

    return Deferred.fromCoroutine(_look(reactor, configuration, target, all_, shelf))


async def _look(reactor: Any, configuration: Configuration, target: str, all_: bool, shelf: str) -> Report:
    import random

    from fopemta.lookup.dns.nameservers import system_nameservers
    from fopemta.lookup.dns.resolver import Resolver
    from fopemta.lookup.fetch import Fetcher
    from fopemta.lookup.local_addresses import local_addresses
    from fopemta.lookup.revocation.list_shelf import ListShelf
    from fopemta.lookup.revocation.lists import RevocationLists
    from fopemta.lookup.revocation.revocations import Revocations
    from fopemta.lookup.router import Router
    from fopemta.outbound.probing import Prober
    from fopemta.routing.public_address import Reach
    from fopemta.routing.values import RoutingFailure
    from fopemta.server.own_addresses import own_addresses
    from fopemta.tls.client import ClientTls
    from fopemta.wire.calls import on_lines

    dns, settings = configuration.dns, configuration.fetch
    resolver = Resolver(
        reactor, dns.nameservers or system_nameservers(), min(_PATIENCE, dns.timeout), records=dns.records
    )
    names = frozenset({configuration.node.hostname})
    local = local_addresses()
    own, reach = own_addresses(configuration, local), Reach(configuration.delivery.private, local)
    router = Router(resolver, names, own, configuration.delivery.port, random.random, reach)
    hop, domain = _hop(configuration, target)
    if hop.route.is_local:
        return Report(target=target, hop=hop, failure="its mail is kept on this machine: no server is asked")
    found = await router.hosts(hop)
    if isinstance(found, RoutingFailure):
        return Report(target=target, hop=hop, failure=found.text)

    def in_thread(call: Any, *arguments: Any) -> Any:
        from twisted.internet.threads import deferToThreadPool

        return deferToThreadPool(reactor, reactor.getThreadPool(), call, *arguments)

    fetcher = Fetcher(reactor, resolver, settings, configuration.tls_client.fetch_private)
    lists = RevocationLists(fetcher, ListShelf(shelf), settings.largest, time.time, in_thread)
    revocations = Revocations(reactor, fetcher, lists, time.time, in_thread)
    tls = ClientTls(configuration.tls_client.roots)
    prober = Prober(on_lines(reactor), tls, _hurried(configuration), revocations, time.time)
    report = Report(target=target, hop=hop, domain=domain, demands=_demands(configuration, domain))
    for host in found:
        for address in host.addresses:
            report.add(await prober.look(host, address), prober)
            if all_:
                await report.ask_families(prober, tls)
    return report


def _hurried(configuration: Configuration) -> Configuration:
    """A person at a terminal should wait half a minute at each step, not five."""
    timeouts = configuration.delivery.timeouts
    shorter = type(timeouts)(**{name: min(value, 30.0) for name, value in attrs.asdict(timeouts).items()})
    return attrs.evolve(configuration, delivery=attrs.evolve(configuration.delivery, timeouts=shorter))


def _hop(configuration: Configuration, target: str) -> tuple[NextHop, str]:
    """A domain is routed like its mail; a host with a port, or an address, is tested as itself, for no domain."""
    from fopemta.address.ip import is_ip_address
    from fopemta.address.written import NotWritten, written_domain
    from fopemta.routing.route import Route, Via
    from fopemta.routing.routes import next_hop
    from fopemta.settings.place import NotValid
    from fopemta.settings.words import split_port

    try:
        host, port = split_port(target)
        name = host if is_ip_address(host) else written_domain(host)
    except (NotValid, NotWritten) as wrong:
        raise _NoTarget(f"{target!r}: {wrong}") from wrong
    if port is None and not is_ip_address(name):
        return next_hop(name, configuration.routes), name
    return NextHop("", Route(domain=name, via=Via.SMTP, host=name, port=port)), ""


def _demands(configuration: Configuration, domain: str) -> tuple[Any, ...]:
    """The demands of rules that name any recipient at the domain; other conditions may still keep them from
    matching.
    """
    from fopemta.address.mailbox import Mailbox
    from fopemta.policy.action import ForceTls
    from fopemta.policy.demands import demand_of

    rules = configuration.rulebook.rules if configuration.rulebook is not None and domain else ()
    anybody = Mailbox("somebody", domain)
    return tuple(demand_of(rule) for rule in rules if isinstance(rule.then, ForceTls) and rule.names(anybody))
