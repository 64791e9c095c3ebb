"""Put the parts of a server together (composition): everything between its listeners and its couriers.

A single process has them once; each of several workers has its own.  What they share is passed in (`SharedState`).
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta import maillog
from fopemta.config.checks import cautions
from fopemta.config.model import Configuration
from fopemta.few_at_once import FewAtOnce
from fopemta.inbound.clients import Clients
from fopemta.inbound.factory import InboundFactory
from fopemta.interfaces import (
    IMailReactor,
    ISpool,
)
from fopemta.lookup.revocation.staples import Staples
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.queue.dispatcher import Dispatcher
from fopemta.server.certificates import (
    client_tls,
    credentials,
    server_tls,
    watch_of_listeners,
    watch_of_roots,
    watch_of_routes,
)
from fopemta.server.changeable import changeable
from fopemta.server.collecting import Collecting
from fopemta.server.delivering import Delivering, Lookups
from fopemta.server.following import Following, Reconfigured
from fopemta.server.kept import SharedState
from fopemta.server.machine import THIS_MACHINE, Machine
from fopemta.server.mail_service import Attendant, DescriptorShares
from fopemta.server.preflight import readable_keys
from fopemta.server.receiving import factory_of, logins_for, recipients_of, services_of
from fopemta.spool.adopting import AdoptingSpool
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool

# Messages parsed for rules, or converted to seven bits, in threads at once: the other threads are for other work.
_READ_AT_ONCE = 2


@attrs.frozen(eq=False)
class Server:
    """All parts: `factories` of the listeners in order, what is `following` the configuration, and attendants with work
    beside the mail.
    """

    queue: Dispatcher
    manager: DeliveryManager
    clients: Clients
    factories: Sequence[InboundFactory]
    following: Following
    attendants: Sequence[Attendant]

    def allow(self, shares: DescriptorShares) -> None:
        """Apply the limits that the system's descriptors allow."""
        context = self.manager.context
        self.queue.allow(shares.deliveries)
        context.connections.most = shares.deliveries + shares.idle
        # The rest are for sessions that are ending.
        context.pool.most = shares.idle - shares.idle // 4

    @classmethod
    def of(cls, configuration: Configuration, reactor: IMailReactor, spool: ISpool, kept: SharedState) -> Server:
        """Reads certificates, and makes the self-signed one if needed; opens nothing.

        Raises ConfigurationErrors.
        """
        now = kept.machine.now
        tls = server_tls(configuration, now)
        lookups = Lookups.of(configuration, reactor, kept)
        reading = FewAtOnce(kept.machine.in_threads(reactor), _READ_AT_ONCE)
        out = Delivering.of(configuration, reactor, spool, lookups, kept, reading)
        recipients = recipients_of(configuration, reactor, out.callout, kept)
        out.queue.made_here.aliases = recipients
        services = services_of(configuration, reactor, spool, out.queue, recipients, kept, reading)
        factories = [
            factory_of(listener, configuration, services, its_tls, lookups.resolver)
            for listener, its_tls in zip(configuration.listeners, tls, strict=True)
        ]
        serving, clients = [each for each in tls if each is not None], services.clients
        collecting = Collecting.of(configuration, reactor, services, out.queue.made_here, kept)
        targets: list[Reconfigured] = [
            out.queue, out.router, out.manager, out.callout, recipients, clients, *factories, *collecting.targets,
        ]  # fmt: skip
        following = Following(configuration, targets, tls, credentials, out.queue, out.client_tls)
        staples = Staples(reactor, lookups.fetcher, now, lambda: serving[0].chains if serving else ())
        for each in serving:
            each.staple(staples.staple)
        watches = (
            watch_of_listeners(following, reactor, now, serving),
            watch_of_routes(following, reactor, now, out.client_tls),
            watch_of_roots(
                following,
                reactor,
                [out.client_tls, *serving],
                [out.manager, out.callout, *factories],
                out.client_tls,
                kept.machine.in_threads(reactor),
            ),
        )
        attendants: tuple[Attendant, ...] = (*watches, staples, lookups.upkeep, recipients, *collecting.attendants)
        return cls(out.queue, out.manager, clients, factories, following, attendants)


def spool_of(
    configuration: Configuration,
    reactor: IMailReactor,
    partitions: Sequence[tuple[str, int | None]],
    machine: Machine = THIS_MACHINE,
) -> ISpool:
    """The spool in the first of `partitions`, with the others beside it; each with the descriptor of its lock if it was
    taken.
    """
    limits = SpoolLimits(spool_free=configuration.limits.spool_free, message_size=configuration.limits.message_size)
    own, *adopted = (
        Spool(
            folder,
            limits,
            reactor,
            machine.spool_threads(reactor),
            machine.disk(),
            machine.segment_size,
            machine.now,
            lock,
        )
        for folder, lock in partitions
    )
    return AdoptingSpool(own, adopted) if adopted else own


def tell_cautions(path: str, configuration: Configuration, machine: Machine = THIS_MACHINE) -> None:
    """What the file `path` permits that is probably not meant."""
    found = (*cautions(configuration, machine.now()), *readable_keys(configuration), *changeable(path, configuration))
    for caution in found:
        maillog.caution(caution.key, caution.message)


def try_files(configuration: Configuration, reactor: IMailReactor) -> None:
    """Make the files of a first start, and read those of a server.  Raises ConfigurationErrors."""
    server_tls(configuration, THIS_MACHINE.now)
    client_tls(configuration)
    logins_for(configuration, THIS_MACHINE.in_threads(reactor), reactor)
