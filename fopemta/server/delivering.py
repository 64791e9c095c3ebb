"""Put outgoing mail together (composition): network lookups, the queue, and the couriers."""

from __future__ import annotations

import os

import attrs

from fopemta.config.checks import revocation_matters
from fopemta.config.model import Configuration
from fopemta.few_at_once import InThread
from fopemta.interfaces import (
    ICourier,
    IMailReactor,
    IResolver,
    ISpool,
)
from fopemta.local.maildir import MaildirCourier
from fopemta.lookup.fetch import Fetcher
from fopemta.lookup.revocation.list_shelf import BorrowedShelf, ListShelf
from fopemta.lookup.revocation.lists import RevocationLists
from fopemta.lookup.revocation.revocations import Revocations
from fopemta.lookup.revocation.upkeep import RevocationUpkeep
from fopemta.lookup.router import Router
from fopemta.outbound.callout import Callout, CalloutDemands, hurried
from fopemta.outbound.connections import Connections
from fopemta.outbound.context import OutboundContext
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.queue.demanding import Demanding
from fopemta.queue.dispatcher import Dispatcher
from fopemta.routing.public_address import Reach
from fopemta.routing.route import Via
from fopemta.server.certificates import client_tls
from fopemta.server.kept import SharedState
from fopemta.server.machine import Machine
from fopemta.server.own_addresses import own_addresses
from fopemta.tls.client import ClientTls


@attrs.frozen(eq=False)
class Lookups:
    """The network lookups other than SMTP."""

    resolver: IResolver
    fetcher: Fetcher
    lists: RevocationLists
    revocations: Revocations
    upkeep: RevocationUpkeep

    @classmethod
    def of(cls, configuration: Configuration, reactor: IMailReactor, kept: SharedState) -> Lookups:
        """Make them for a configuration; with several processes, one fetches CRLs for all."""
        machine, elsewhere = kept.machine, None if kept.partners is None else kept.partners.elsewhere
        fetch, in_thread = configuration.fetch, machine.in_threads(reactor)
        resolver = machine.resolver(configuration.dns, reactor)
        fetcher = Fetcher(reactor, resolver, fetch, configuration.tls_client.fetch_private, machine.addresses())
        folder = os.path.join(configuration.node.state, "revocation")
        shelf = ListShelf(folder) if elsewhere is None else BorrowedShelf(folder)
        lists = RevocationLists(fetcher, shelf, fetch.largest, machine.now, in_thread, elsewhere)
        revocations = Revocations(reactor, fetcher, lists, machine.now, in_thread)
        wanted = fetch.probe != "off" and elsewhere is None and revocation_matters(configuration)
        probe = fetch.probe if wanted else None
        return cls(resolver, fetcher, lists, revocations, RevocationUpkeep(reactor, revocations, lists, fetcher, probe))


@attrs.frozen(eq=False)
class Delivering:
    """The parts for outgoing mail: the queue and its couriers."""

    queue: Dispatcher
    manager: DeliveryManager
    callout: Callout
    client_tls: ClientTls
    router: Router

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        reactor: IMailReactor,
        spool: ISpool,
        lookups: Lookups,
        kept: SharedState,
        reading: InThread,
    ) -> Delivering:
        """Make them; `reading` runs parsing of strangers' messages, which may be slow.  Raises ConfigurationErrors."""
        machine = kept.machine
        trusted, router = client_tls(configuration), _router(configuration, lookups.resolver, machine)
        demanding = Demanding(spool, configuration, machine.now, reading)

        on_callout = CalloutDemands(configuration, machine.now)
        partners = kept.partners
        context = OutboundContext(
            reactor=machine.caller(reactor),
            router=router,
            tls=trusted,
            spool=spool,
            config=configuration,
            now=machine.now,
            demands=demanding,
            in_thread=reading,
            revocations=lookups.revocations,
            memory=kept.memory,
            connections=Connections() if partners is None else partners.connections,
            pressed=lambda hop: queue.pressed(hop),
            stalls=lambda consignment: queue.stalls(consignment),
        )
        manager = DeliveryManager(context)
        # A callout is no delivery: it occupies no delivery's place.
        calling = DeliveryManager(context.on_its_own(hurried(configuration), on_callout))
        couriers: dict[Via, ICourier] = {
            Via.MX: manager,
            Via.SMTP: manager,
            Via.MAILDIR: MaildirCourier(spool, machine.now, machine.in_threads(reactor)),
        }
        queue = Dispatcher(
            spool, couriers, configuration, reactor, machine.now, machine.noise, reading, kept.counts,
            None if partners is None else partners.standings, demanding,
        )  # fmt: skip
        return cls(queue, manager, Callout(calling, on_callout), trusted, router)


def _router(configuration: Configuration, resolver: IResolver, machine: Machine) -> Router:
    local = machine.addresses()
    own = own_addresses(configuration, local)
    names, reach = frozenset({configuration.node.hostname}), Reach(configuration.delivery.private, local)
    return Router(resolver, names, own, configuration.delivery.port, machine.noise.random, reach)
