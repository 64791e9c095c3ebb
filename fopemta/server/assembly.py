"""The parts of a server, put together (composition): everything between its listeners and its couriers.

One process has them once; each of several workers has its own.  What they have together is handed in (`Kept`).
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.config.checks import cautions, revocation_matters
from fopemta.config.endpoints import listening_address
from fopemta.config.model import Configuration, Listener, ListenerTls
from fopemta.few_at_once import FewAtOnce, InThread
from fopemta.inbound.clients import Clients
from fopemta.inbound.factory import InboundFactory
from fopemta.interfaces import (
    ICourier,
    IHostMemory,
    ILogins,
    IMailReactor,
    IQueue,
    IResolver,
    IRuleCounts,
    ISpool,
)
from fopemta.local.maildir import MaildirCourier
from fopemta.lookup.blocklists import Blocklists
from fopemta.lookup.fetch import Fetcher
from fopemta.lookup.revocation.list_shelf import BorrowedShelf, ListShelf
from fopemta.lookup.revocation.lists import Elsewhere, RevocationLists
from fopemta.lookup.revocation.revocations import Revocations
from fopemta.lookup.revocation.staples import Staples
from fopemta.lookup.revocation.upkeep import RevocationUpkeep
from fopemta.lookup.router import Router
from fopemta.mail.identifiers import message_id
from fopemta.outbound.callout import Callout, CalloutDemands, hurried
from fopemta.outbound.connections import Connections
from fopemta.outbound.context import OutboundContext
from fopemta.outbound.delivery_manager import DeliveryManager
from fopemta.outbound.host_memory import HostMemory
from fopemta.queue.demanding import Demanding
from fopemta.queue.dispatcher import Dispatcher
from fopemta.queue.rule_counts import RuleCounts
from fopemta.recipients.calls import AnyCalloutMemory, Calls
from fopemta.recipients.memory import CalloutMemory
from fopemta.recipients.recipients import Recipients
from fopemta.retry.standings import AnyStandings
from fopemta.routing.hosts import OwnAddresses
from fopemta.routing.public_address import Reach
from fopemta.routing.route import Via
from fopemta.routing.values import NextHop
from fopemta.server.following import Following, Reconfigured, roots_of, shown_certificates
from fopemta.server.machine import THIS_MACHINE, Machine
from fopemta.server.mail_service import Attendant
from fopemta.server.preflight import readable_keys
from fopemta.settings.errors import ConfigurationError, ConfigurationErrors
from fopemta.spool.adopting import AdoptingSpool
from fopemta.spool.limits import SpoolLimits
from fopemta.spool.store import Spool
from fopemta.tls.client import ClientTls
from fopemta.tls.credentials import Credentials, CredentialsError, self_signed
from fopemta.tls.credentials import load as load_credentials
from fopemta.tls.root_watch import RootsWatch
from fopemta.tls.roots import RootsError
from fopemta.tls.server import ServerSettings, ServerTls
from fopemta.tls.watch import CertificateWatch
from fopemta.trust.plan import CertificateFiles
from fopemta.users.logins import logins_of
from fopemta.users.secret import SecretUnusable, kept_secret
from fopemta.users.slowdown import AnySlowdown
from fopemta.users.user_file import UserFile

# Messages that are read for rules, or put into seven bits, in threads at once: others have work for the threads, too.
_READ_AT_ONCE = 2


@attrs.frozen(eq=False)
class Kept:
    """What is found out and kept, whatever becomes of a message: what hosts can do, how often rules matched, which
    recipients exist (asked by `callouts_in`).  What comes after `keepers` is for one worker of several.
    """

    memory: IHostMemory
    counts: IRuleCounts
    callouts: AnyCalloutMemory
    callouts_in: Callable[..., Deferred[Any]]
    keepers: Sequence[Attendant]
    worker: int | None = None
    standings: AnyStandings[NextHop] | None = None
    connections: Connections | None = None
    elsewhere: Elsewhere | None = None
    shared: Callable[[IQueue], IQueue] = lambda queue: queue
    slowdown: AnySlowdown | None = None
    machine: Machine = THIS_MACHINE

    @classmethod
    def here(cls, configuration: Configuration, reactor: IMailReactor, machine: Machine = THIS_MACHINE) -> Kept:
        """In the state folder, which is this process's alone."""
        state, in_thread = configuration.node.state, machine.in_threads(reactor)
        memory = HostMemory(state, reactor, machine.now, in_thread)
        counts = RuleCounts(state, reactor, in_thread)
        callouts = CalloutMemory.in_folder(state)
        return cls(memory, counts, callouts, in_thread, (counts, memory), machine=machine)


@attrs.frozen(eq=False)
class Lookups:
    """What asks the network, other than by SMTP."""

    resolver: IResolver
    fetcher: Fetcher
    lists: RevocationLists
    revocations: Revocations
    upkeep: RevocationUpkeep

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        reactor: IMailReactor,
        elsewhere: Elsewhere | None = None,
        machine: Machine = THIS_MACHINE,
    ) -> Lookups:
        """As the configuration has it; `elsewhere` fetches CRLs where that is another process's work."""
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
    """The way out: the queue and who carries its mail."""

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
        kept: Kept,
        reading: InThread,
    ) -> Delivering:
        """`reading` runs what strangers' messages may make long.  Raises ConfigurationErrors."""
        machine = kept.machine
        in_thread, client_tls = machine.in_threads(reactor), _client_tls(configuration)
        router, caller = _router(configuration, lookups.resolver, machine), machine.caller(reactor)
        revocations = lookups.revocations
        demanding = Demanding(spool, configuration, machine.now, reading)
        on_callout = CalloutDemands(configuration, machine.now)

        context = OutboundContext(
            reactor=caller,
            router=router,
            tls=client_tls,
            spool=spool,
            config=configuration,
            now=machine.now,
            demands=demanding,
            in_thread=reading,
            revocations=revocations,
            memory=kept.memory,
            connections=kept.connections,
            pressed=lambda hop: queue.pressed(hop),
        )
        manager = DeliveryManager(context)
        # A callout is no delivery: it takes nobody's place.
        calling = DeliveryManager(context.on_its_own(hurried(configuration), on_callout))
        couriers: dict[Via, ICourier] = {
            Via.MX: manager,
            Via.SMTP: manager,
            Via.MAILDIR: MaildirCourier(spool, machine.now, in_thread),
        }
        queue = Dispatcher(
            spool, couriers, configuration, reactor, machine.now, machine.noise, reading, kept.counts, kept.standings,
            demanding,
        )  # fmt: skip
        return cls(queue, manager, Callout(calling, on_callout), client_tls, router)


@attrs.frozen(eq=False)
class Server:
    """All of it: `factories` of the listeners in order, who is `following` the configuration, and who has something to
    do beside the mail.
    """

    queue: Dispatcher
    manager: DeliveryManager
    clients: Clients
    factories: Sequence[InboundFactory]
    following: Following
    attendants: Sequence[Attendant]

    @classmethod
    def of(cls, configuration: Configuration, reactor: IMailReactor, spool: ISpool, kept: Kept) -> Server:
        """Reads certificates, and makes the self-signed one where it is needed; opens nothing.

        Raises ConfigurationErrors.
        """
        now = kept.machine.now
        server_tls = _server_tls(configuration, now)
        lookups = Lookups.of(configuration, reactor, kept.elsewhere, kept.machine)
        reading = FewAtOnce(kept.machine.in_threads(reactor), _READ_AT_ONCE)
        out = Delivering.of(configuration, reactor, spool, lookups, kept, reading)
        recipients = _recipients(configuration, reactor, out.callout, kept)
        out.queue.made_here.aliases = recipients
        clients = Clients(configuration, reactor)
        queue = kept.shared(out.queue)
        entrance = _Entrance(configuration, reactor, spool, queue, recipients, clients, kept, lookups, reading)
        factories = [entrance.factory(*each) for each in zip(configuration.listeners, server_tls, strict=True)]
        serving = [each for each in server_tls if each is not None]
        targets: list[Reconfigured] = [out.queue, out.router, out.manager, out.callout, recipients, clients, *factories]
        following = Following(configuration, targets, server_tls, credentials, out.queue, out.client_tls)
        staples = Staples(reactor, lookups.fetcher, now, lambda: serving[0].chains if serving else ())
        for each in serving:
            each.staple(staples.staple)
        watches = (
            _watch(following, reactor, now, serving),
            _watch_of_routes(following, reactor, now, out.client_tls),
            _watch_of_roots(following, reactor, [out.client_tls, *serving], [out.manager, out.callout, *factories]),
        )
        attendants: tuple[Attendant, ...] = (*watches, staples, lookups.upkeep, recipients)
        return cls(out.queue, out.manager, clients, factories, following, attendants)


def spool_of(
    configuration: Configuration,
    reactor: IMailReactor,
    partitions: Sequence[tuple[str, int | None]],
    machine: Machine = THIS_MACHINE,
) -> Spool | AdoptingSpool:
    """The first of `partitions`, with the others beside it; each with the descriptor of its lock where it has been
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


def tell_cautions(configuration: Configuration, machine: Machine = THIS_MACHINE) -> None:
    """What it permits that is probably not meant."""
    for caution in (*cautions(configuration, machine.now()), *readable_keys(configuration)):
        maillog.caution(caution.key, caution.message)


def try_files(configuration: Configuration, reactor: IMailReactor) -> None:
    """Make what is made at a first start, and read what a server reads.  Raises ConfigurationErrors."""
    _server_tls(configuration, THIS_MACHINE.now)
    _client_tls(configuration)
    _logins(configuration, THIS_MACHINE.in_threads(reactor), reactor)


class _Entrance:
    """What the listeners have together."""

    def __init__(
        self,
        configuration: Configuration,
        reactor: IMailReactor,
        spool: ISpool,
        queue: IQueue,
        recipients: Recipients,
        clients: Clients,
        kept: Kept,
        lookups: Lookups,
        reading: InThread,
    ) -> None:
        self._configuration = configuration
        self._reactor = reactor
        self._spool = spool
        self._queue = queue
        self._recipients = recipients
        self._clients = clients
        self._kept = kept
        self._reading = reading
        self._resolver = lookups.resolver
        self._logins = _logins(configuration, kept.machine.in_threads(reactor), reactor, kept.slowdown)

    def factory(self, listener: Listener, tls: ServerTls | None) -> InboundFactory:
        """Of one of them."""
        configuration, reactor = self._configuration, self._reactor
        blocklists = Blocklists(self._resolver, listener.blocklists, reactor) if listener.blocklists else None
        machine = self._kept.machine
        ids = new_ids(self._kept.worker, machine)
        return InboundFactory(
            listener, configuration, self._spool, self._queue, tls, reactor, ids, machine.now,
            logins=self._logins, blocklists=blocklists, recipients=self._recipients, aliases=self._recipients,
            clients=self._clients, rule_counts=self._kept.counts, reading=self._reading,
        )  # fmt: skip


def new_ids(worker: int | None = None, machine: Machine = THIS_MACHINE) -> Callable[[], str]:
    """What gives a new queue id at each call; no two of 64 workers ever give the same."""
    bits, now = machine.noise.getrandbits, machine.now
    if worker is None:
        return lambda: message_id(int(now() * 1_000_000), bits(20))
    return lambda: message_id(int(now() * 1_000_000), (worker - 1) << 14 | bits(14))


def _recipients(configuration: Configuration, reactor: IMailReactor, callout: Callout, kept: Kept) -> Recipients:
    machine = kept.machine
    calls = Calls(callout, kept.callouts, reactor, kept.callouts_in, machine.now)
    return Recipients(configuration, calls, machine.in_threads(reactor), machine.now)


def _router(configuration: Configuration, resolver: IResolver, machine: Machine) -> Router:
    addresses = [listening_address(listener.endpoint) for listener in configuration.listeners]
    local = machine.addresses()
    own = OwnAddresses(frozenset(each for each in addresses if each is not None), local)
    names, reach = frozenset({configuration.node.hostname}), Reach(configuration.delivery.private, local)
    return Router(resolver, names, own, configuration.delivery.port, machine.noise.random, reach)


def _client_tls(configuration: Configuration) -> ClientTls:
    try:
        return ClientTls(configuration.tls_client.roots, shown_certificates(configuration))
    except RootsError as error:
        raise ConfigurationErrors([ConfigurationError("tls.client.roots", str(error))]) from error
    except CredentialsError as error:
        raise ConfigurationErrors([ConfigurationError("route.certificate", str(error))]) from error


def _server_tls(configuration: Configuration, now: Callable[[], float]) -> list[ServerTls | None]:
    """One for each listener, with sessions and tickets of its own; None for one without TLS."""
    server, listeners = configuration.tls_server, configuration.listeners
    try:
        served = credentials(configuration) if any(each.tls is not ListenerTls.OFF for each in listeners) else []
        return [
            None if each.tls is ListenerTls.OFF else ServerTls(served, ServerSettings.of(server, each), now)
            for each in listeners
        ]
    except CredentialsError as error:
        key = "tls.server.certificates" if server.certificates else "node.state"
        raise ConfigurationErrors([ConfigurationError(key, str(error))]) from error
    except RootsError as error:
        raise ConfigurationErrors([ConfigurationError("tls.server.client_roots", str(error))]) from error


def _logins(
    configuration: Configuration,
    in_thread: Callable[..., Deferred[Any]],
    reactor: IMailReactor,
    slowdown: AnySlowdown | None = None,
) -> ILogins | None:
    """None where nobody can log in."""
    users = configuration.users
    if users.file == "off":
        return None
    try:
        secret = kept_secret(configuration.node.state) if users.scram else None
    except SecretUnusable as error:
        raise ConfigurationErrors([ConfigurationError("node.state", str(error))]) from error
    file = UserFile(users.file, in_thread)
    for caution in file.cautions(users.scram):
        maillog.caution("users.file", caution)
    return logins_of(file, reactor, in_thread, secret, slowdown)


def _watch(
    following: Following, reactor: IMailReactor, now: Callable[[], float], serving: Sequence[ServerTls]
) -> CertificateWatch:
    """Looks after the files of certificates, as the configuration names them at that time."""

    def serve(found: Sequence[Credentials]) -> None:
        for each in serving:
            each.replace(found)

    return CertificateWatch(
        reactor,
        now,
        following.current.node.hostname,
        lambda: following.current.tls_server.certificates if serving else (),
        lambda: credentials(following.current) if serving else [],
        serve,
    )


def _watch_of_routes(
    following: Following, reactor: IMailReactor, now: Callable[[], float], client_tls: ClientTls
) -> CertificateWatch:
    """Looks after the files of the certificates that routes show."""

    def shown() -> list[CertificateFiles]:
        return shown_certificates(following.current)

    return CertificateWatch(
        reactor,
        now,
        None,
        shown,
        lambda: [load_credentials(each) for each in shown()],
        lambda _: client_tls.show(shown()),
        "route.certificate",
    )


class _ReadsRoots(Protocol):
    def read_roots(self) -> None:
        """Read them anew.  Raises RootsError."""


class _RestsOnRoots(Protocol):
    def distrust(self) -> None:
        """End what rests on the roots that were read before."""


def _watch_of_roots(
    following: Following, reactor: IMailReactor, readers: Sequence[_ReadsRoots], resting: Sequence[_RestsOnRoots]
) -> RootsWatch:
    """Looks after the files of whom we trust."""

    def read() -> None:
        errors = []
        for each in readers:
            try:
                each.read_roots()
            except RootsError as error:
                errors.append(str(error))
        for one in resting:
            one.distrust()
        if errors:
            raise RootsError("; ".join(dict.fromkeys(errors)))

    return RootsWatch(reactor, lambda: roots_of(following.current), read)


def credentials(configuration: Configuration) -> list[Credentials]:
    """Our certificates: the configured ones, else self-signed ones, made if they are not there yet.

    Raises CredentialsError.
    """
    files = configuration.tls_server.certificates
    if files:
        return [load_credentials(each) for each in files]
    now = datetime.datetime.now(datetime.UTC)
    kept, made = self_signed(configuration.node.state, configuration.node.hostname, now)
    for each in made:
        maillog.certificate_made(each)
    return kept
