"""The running server (composition): the order in which things are opened and closed."""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorFDSet
from twisted.python.failure import Failure

import fopemta
from fopemta import maillog
from fopemta.background import supervise
from fopemta.config.model import Configuration, Listener
from fopemta.inbound.factory import InboundFactory
from fopemta.inbound.proxied import ProxiedFactory
from fopemta.interfaces import IMailReactor, ISpool, SpoolStopped, SpoolTrouble, SpoolUnusable
from fopemta.queue.dispatcher import Dispatcher
from fopemta.server.log_file import LineFile
from fopemta.server.reload import Reload
from fopemta.server.signals import Signals
from fopemta.wire.clients import use_lines
from fopemta.wire.only_ipv6 import OnlyIPv6

# Seconds for clients to finish their messages, and for deliveries to end, at shutdown.
SESSIONS_DEADLINE = 20.0
DELIVERIES_DEADLINE = 10.0
# Seconds that clients wait in the kernel's queue while the spool is being read.
STARTING_PATIENCE = 2.0
# Clients that may wait to be accepted, unless the endpoint sets it: in a burst none needs a second SYN.
BACKLOG = 1024
# Descriptors for other uses than clients and deliveries: spool, DNS, callouts, logs.
_OTHER_DESCRIPTORS = 150


class CannotStart(Exception):
    """The service cannot run; the text says why."""


def bound(reactor: IMailReactor, key: str, listener: Listener, factory: Any) -> Any:
    """The port of a listener; clients wait in the kernel's queue.  Raises CannotStart."""
    found: list[IListeningPort | Failure] = []
    endpoint = with_backlog(listener.own_endpoint)
    six = endpoint.startswith("tcp6:") and IReactorFDSet.providedBy(reactor)
    serverFromString(OnlyIPv6(reactor) if six else reactor, endpoint).listen(factory).addBoth(found.append)
    # Every endpoint that the configuration permits binds at once.
    [outcome] = found
    if isinstance(outcome, Failure):
        raise CannotStart(f"{key}: {_why(outcome)}: {listener.endpoint}")
    port: Any = outcome
    port.stopReading()
    return port


def with_backlog(endpoint: str) -> str:
    """An endpoint with our backlog, if it can have one and sets none; systemd's sockets have their unit's."""
    return endpoint if ":backlog=" in endpoint or endpoint.startswith("systemd:") else f"{endpoint}:backlog={BACKLOG}"


class Listening:
    """One listener: its endpoint, its factory and, once bound, its port."""

    def __init__(self, key: str, factory: InboundFactory) -> None:
        self.key = key
        self.factory = factory
        self.port: Any = None

    def bind(self, reactor: IMailReactor) -> None:
        """Bind the port; clients wait in the kernel's queue until `accept`.  Raises CannotStart."""
        self.port = bound(reactor, self.key, self.factory.context.listener, self.outermost())
        use_lines(self.port, reactor)

    def outermost(self) -> Any:
        """The factory of the port: the listener's, or a wrapper of it."""
        factory, listener = self.factory, self.factory.context.listener
        if not listener.proxied:
            return factory
        timeout = factory.context.config.limits.timeouts.handshake
        return ProxiedFactory(factory, lambda: listener.proxies, factory.context.services.clock, timeout)

    def turn_away(self) -> None:
        """Until `accept`, ask clients to come again later."""
        self.factory.sessions.starting = True
        self.port.startReading()

    def accept(self) -> None:
        """Accept clients."""
        self.factory.sessions.starting = False
        listener = self.factory.context.listener
        self.port.startReading()
        maillog.listening(listener.endpoint, listener.kind.value, listener.tls.value)

    def close(self) -> Deferred[Any] | None:
        """Accept no more clients; connected ones stay."""
        port, self.port = self.port, None
        return None if port is None else port.stopListening()


def _why(failure: Failure) -> str:
    """A short reason, since a daemon's parent prints at most 100 octets: "Address already in use"."""
    error = failure.value
    cause = error.socketError if isinstance(error, CannotListenError) else error
    return getattr(cause, "strerror", None) or str(cause)


def tell_not_started(configuration: Configuration, why: str) -> None:
    """Log the failure; also print it, for a server started in the foreground with its log elsewhere."""
    maillog.not_started(why)
    if configuration.log.text != "stdout" and sys.__stderr__ is not None:
        print(f"fopemta: not started: {why}", file=sys.__stderr__)


def reopen(log_files: Sequence[LineFile]) -> None:
    """Open the log files again: they may have been rotated."""
    for file in log_files:
        try:
            file.reopen()
        except OSError as error:
            maillog.reload_failed([f"log: {error}"])


def _keep_from_collector() -> None:
    """Exempt what was loaded from garbage collection (55 ms for 100,000 messages)."""
    gc.collect()
    gc.freeze()


class Attendant(Protocol):
    """A component with work beside the mail while the service runs."""

    def start(self) -> None:
        """Called when clients are accepted."""

    def stop(self) -> None:
        """Stop; harmless without `start`."""


@attrs.frozen(kw_only=True)
class DescriptorShares:
    """The shares of a process's descriptors: sessions of each listener, deliveries, and outgoing connections that are
    `idle`: waiting for more mail, or after QUIT.
    """

    sessions: int
    deliveries: int
    idle: int

    @classmethod
    def of(cls, descriptors: int, listeners: int, deliveries: int) -> DescriptorShares:
        """Spool, DNS, callouts and commands get their share whatever clients and servers do.

        A session uses two, its connection and the file of a large message; so does a delivery.  Deliveries have at most
        half of all.
        """
        left = descriptors - min(_OTHER_DESCRIPTORS, descriptors // 4)
        out = max(1, min(deliveries, left // 6))
        idle = max(out, left // 8)
        sessions = max(1, (left - 2 * out - idle) // (2 * max(1, listeners)))
        return cls(sessions=sessions, deliveries=out, idle=idle)


class MailService(Service):
    """Everything, in order: the spool is locked and ports are bound while privileged; then the spool is recovered, the
    queue started, clients accepted.  Clients that connect in between wait in the kernel's queue, for two seconds at
    most; later ones are asked to come again.

    `early` are started first.  `attendants` are stopped first, `keepers` last: they store what the last deliveries have
    shown.  Without `reload` it is one of several workers: the supervisor handles signals, logs for all, and turns
    clients away while no worker is ready.
    """

    name = "fopemta"

    def __init__(
        self,
        configuration: Configuration,
        reactor: IMailReactor,
        spool: ISpool,
        dispatcher: Dispatcher,
        listening: Sequence[Listening],
        reload: Reload | None,
        log_files: Sequence[LineFile],
        attendants: Sequence[Attendant] = (),
        keepers: Sequence[Attendant] = (),
        early: Sequence[Attendant] = (),
    ) -> None:
        self._configuration = configuration
        self._reactor = reactor
        self._spool = spool
        self._dispatcher = dispatcher
        self._listening = listening
        self._reload = reload
        self._log_files = log_files
        self._attendants = attendants
        self._keepers = keepers
        self._early = early
        self._starting: Deferred[None] | None = None
        self._turning_away: IDelayedCall | None = None
        self.is_ready = False
        self._signals = Signals(reactor)
        # Called first, in the process that will run; and when the spool has been read.
        self.prepare: Callable[[], None] = lambda: None
        self.recovered: Callable[[], None] = _keep_from_collector
        # Called with the limits that the system's descriptors allow.
        self.allow: Callable[[DescriptorShares], None] = lambda _: None

    # --- start -----------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Lock the spool and bind every port.  Raises CannotStart, which ends twistd, daemonised or not."""
        self.prepare()
        try:
            self._spool.lock()
            for each in self._listening:
                each.bind(self._reactor)
        except (CannotStart, SpoolUnusable, SpoolTrouble) as error:
            tell_not_started(self._configuration, str(error))
            raise CannotStart(str(error)) from None
        Service.privilegedStartService(self)

    def startService(self) -> None:
        """Recover the spool, then start; returns before that is done."""
        Service.startService(self)
        for file in self._log_files:
            file.begin(self._reactor)
        self._raise_descriptor_limit()
        if self._reload is not None:
            self._signals.while_it_runs(self.reload)
            self._turning_away = self._reactor.callLater(STARTING_PATIENCE, self._turn_away)
        for attendant in self._early:
            attendant.start()
        self._starting = supervise(self._start(), "starting")

    def _turn_away(self) -> None:
        """Reading the spool takes long: answer clients instead of leaving the port silent."""
        for each in self._listening:
            each.turn_away()

    async def _start(self) -> None:
        try:
            messages = await self._spool.start()
        except SpoolStopped:
            return
        except (SpoolUnusable, SpoolTrouble) as error:
            tell_not_started(self._configuration, f"node.spool: {error}")
            self._end_in_failure()
            return
        self.recovered()
        if not self.running:
            return
        self._dispatcher.start(messages)
        self.is_ready = True
        self._turn_nobody_away()
        for each in self._listening:
            each.accept()
        for attendant in (*self._attendants, *self._keepers):
            attendant.start()
        if self._reload is not None:
            maillog.started(self._configuration.node.hostname, fopemta.__version__)
        supervise(self._read_waiting(), "reading what waits")

    async def _read_waiting(self) -> None:
        """Read the waiting messages of the spool, while mail comes in and goes out."""
        try:
            await self._spool.waiting(self._dispatcher.found)
        except SpoolStopped:
            return
        self.recovered()

    def _turn_nobody_away(self) -> None:
        if self._turning_away is not None and self._turning_away.active():
            self._turning_away.cancel()

    def _end_in_failure(self) -> None:
        """Stop with an exit status that shows the failure to systemd; twistd itself cannot do that once it runs."""
        self._reactor.addSystemEventTrigger("after", "shutdown", self._exit, 1)
        if self.running:  # else it is stopping already, and stop() would raise
            self._reactor.stop()

    def _exit(self, status: int) -> None:
        for file in self._log_files:
            file.end()
        os._exit(status)

    def _raise_descriptor_limit(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        limits, delivery = self._configuration.limits, self._configuration.delivery
        sessions = 2 * limits.connections * len(self._listening) + 3 * delivery.connections
        wanted = self._configuration.workers.share(sessions) + _OTHER_DESCRIPTORS
        if hard == resource.RLIM_INFINITY:
            return
        if hard < wanted:
            maillog.caution("limits.connections", f"{wanted} open files may be needed, the system allows {hard}")
        deliveries = self._configuration.workers.share(delivery.connections)
        shares = DescriptorShares.of(hard, len(self._listening), deliveries)
        self.allow(shares)
        for each in self._listening:
            each.factory.sessions.most = shares.sessions

    # --- while it runs ---------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Handle SIGHUP: open the logs again (they may have been rotated), then reload configuration and
        certificates.
        """
        reopen(self._log_files)
        # Queued mail keeps its demands.
        if self._reload is not None:
            supervise(self._reload.run(), "reloading")

    # --- stop ------------------------------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Accept no more clients, let messages being received complete, then deliveries, then close the spool."""
        Service.stopService(self)
        self._signals.while_it_stops(self._tell_of_stopping)
        return supervise(self._stop(), "stopping")

    def _tell_of_stopping(self) -> None:
        maillog.stopping(sum(len(each.factory.sessions.present) for each in self._listening))

    async def _stop(self) -> None:
        for attendant in (*self._early, *self._attendants):
            attendant.stop()
        self._turn_nobody_away()
        self._tell_of_stopping()
        closing = [each.close() for each in self._listening]
        await DeferredList([each for each in closing if each is not None])
        if self._starting is not None:
            if not self.is_ready:
                await self._spool.stop()  # reading it can be interrupted
            await self._starting
        await DeferredList([each.factory.sessions.shut_down(SESSIONS_DEADLINE) for each in self._listening])
        if self.is_ready:
            await self._dispatcher.stop(DELIVERIES_DEADLINE)
        await self._spool.stop()
        for keeper in self._keepers:
            keeper.stop()
        if self._reload is not None:
            maillog.stopped()
        for file in self._log_files:
            file.end()
        self._signals.end()
