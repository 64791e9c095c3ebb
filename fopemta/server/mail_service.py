"""The running server (composition): what is opened when, and closed in which order."""

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
from fopemta.interfaces import IMailReactor, SpoolStopped, SpoolTrouble, SpoolUnusable
from fopemta.queue.dispatcher import Dispatcher
from fopemta.server.log_file import LineFile
from fopemta.server.reload import Reload
from fopemta.server.signals import Signals
from fopemta.spool.adopting import AdoptingSpool
from fopemta.spool.store import Spool
from fopemta.wire.clients import use_lines
from fopemta.wire.only_ipv6 import OnlyIPv6

# How long clients may take to finish their messages, and deliveries to end, once we are told to stop.
SESSIONS_DEADLINE = 20.0
DELIVERIES_DEADLINE = 10.0
# How long clients wait in the system's queue for a spool that is being read.
STARTING_PATIENCE = 2.0
# Clients that may wait to be let in, unless the endpoint says how many: of a burst none waits for a second SYN.
BACKLOG = 1024
# Descriptors beside those of clients and deliveries: spool, DNS, callouts, logs.
_OTHER_DESCRIPTORS = 150


class CannotStart(Exception):
    """The service cannot run; the text says why."""


def bound(reactor: IMailReactor, key: str, listener: Listener, factory: Any) -> Any:
    """The port of a listener, which lets clients wait in the system's queue.  Raises CannotStart."""
    found: list[IListeningPort | Failure] = []
    endpoint = with_backlog(listener.own_endpoint)
    six = endpoint.startswith("tcp6:") and IReactorFDSet.providedBy(reactor)
    serverFromString(OnlyIPv6(reactor) if six else reactor, endpoint).listen(factory).addBoth(found.append)
    # Every endpoint that the configuration lets pass binds at once.
    [outcome] = found
    if isinstance(outcome, Failure):
        raise CannotStart(f"{key}: {_why(outcome)}: {listener.endpoint}")
    port: Any = outcome
    port.stopReading()
    return port


def with_backlog(endpoint: str) -> str:
    """An endpoint with our backlog, where it may have one and says none; of systemd's sockets their unit says it."""
    return endpoint if ":backlog=" in endpoint or endpoint.startswith("systemd:") else f"{endpoint}:backlog={BACKLOG}"


class Listening:
    """One listener: its endpoint, its factory and, once it is bound, its port."""

    def __init__(self, key: str, factory: InboundFactory) -> None:
        self.key = key
        self.factory = factory
        self.port: Any = None

    def bind(self, reactor: IMailReactor) -> None:
        """Take the port, and let clients wait in the system's queue until `accept`.  Raises CannotStart."""
        self.port = bound(reactor, self.key, self.factory.context.listener, self.outermost())
        use_lines(self.port, reactor)

    def outermost(self) -> Any:
        """What the port calls: the listener's factory, or what stands in front of it."""
        factory, listener = self.factory, self.factory.context.listener
        if not listener.proxied:
            return factory
        timeout = factory.context.config.limits.timeouts.handshake
        return ProxiedFactory(factory, lambda: listener.proxies, factory.context.services.clock, timeout)

    def turn_away(self) -> None:
        """Tell clients, until `accept`, to come again later."""
        self.factory.sessions.starting = True
        self.port.startReading()

    def accept(self) -> None:
        """Let clients in."""
        self.factory.sessions.starting = False
        listener = self.factory.context.listener
        self.port.startReading()
        maillog.listening(listener.endpoint, listener.kind.value, listener.tls.value)

    def close(self) -> Deferred[Any] | None:
        """Take no more clients; those that are connected stay."""
        port, self.port = self.port, None
        return None if port is None else port.stopListening()


def _why(failure: Failure) -> str:
    """Short, since a daemon's parent tells no more than 100 octets: "Address already in use"."""
    error = failure.value
    cause = error.socketError if isinstance(error, CannotListenError) else error
    return getattr(cause, "strerror", None) or str(cause)


def tell_not_started(configuration: Configuration, why: str) -> None:
    """In the log; and who starts it in the foreground with a log elsewhere must not see nothing at all."""
    maillog.not_started(why)
    if configuration.log.text != "stdout" and sys.__stderr__ is not None:
        print(f"fopemta: not started: {why}", file=sys.__stderr__)


def reopen(log_files: Sequence[LineFile]) -> None:
    """Open them anew: they may have been rotated."""
    for file in log_files:
        try:
            file.reopen()
        except OSError as error:
            maillog.reload_failed([f"log: {error}"])


def _keep_from_collector() -> None:
    """What was read stays for long: the collector need not look at it again (55 ms for 100,000 messages)."""
    gc.collect()
    gc.freeze()


class Attendant(Protocol):
    """Whoever has something to do beside the mail while the service runs."""

    def start(self) -> None:
        """Clients are let in."""

    def stop(self) -> None:
        """Do nothing more; harmless without `start`."""


@attrs.frozen(kw_only=True)
class Shares:
    """Of a process's descriptors: sessions of each listener at a time, deliveries at a time, and connections of ours
    that are `idle`: they wait for more mail, or have said goodbye.
    """

    sessions: int
    deliveries: int
    idle: int

    @classmethod
    def of(cls, descriptors: int, listeners: int, deliveries: int) -> Shares:
        """Spool, DNS, callouts and commands must have some whatever clients and servers do.

        A session has two, its connection and the file of a large message; so has a delivery.  All ours have at most
        half of what there is.
        """
        left = descriptors - min(_OTHER_DESCRIPTORS, descriptors // 4)
        out = max(1, min(deliveries, left // 6))
        idle = max(out, left // 8)
        sessions = max(1, (left - 2 * out - idle) // (2 * max(1, listeners)))
        return cls(sessions=sessions, deliveries=out, idle=idle)


class MailService(Service):
    """Everything, in order: spool locked and ports bound while privileged; then the spool recovered, the queue
    started, clients let in.  A client that comes in between waits in the kernel's queue, for two seconds at most: who
    comes when that has not been enough is told at once to come again later.

    `early` have something to do from the first moment.  `attendants` are stopped first, `keepers` last: they write down
    what the last deliveries have shown.  Without `reload` it is one of several: a supervisor has the signals, tells of
    the whole, and sends clients away when none of them is ready.
    """

    name = "fopemta"

    def __init__(
        self,
        configuration: Configuration,
        reactor: IMailReactor,
        spool: Spool | AdoptingSpool,
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
        # Called first of all, in the process that will run; and when the spool has been read.
        self.prepare: Callable[[], None] = lambda: None
        self.recovered: Callable[[], None] = _keep_from_collector
        # Told for how much the system has descriptors.
        self.allow: Callable[[Shares], None] = lambda _: None

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
        """Recover the spool, then begin; returns before that is done."""
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
        """The spool takes its time: rather than a port that is silent, clients find one that says so."""
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
        """What waits from before, while mail comes in and goes out."""
        try:
            await self._spool.waiting(self._dispatcher.found)
        except SpoolStopped:
            return
        self.recovered()

    def _turn_nobody_away(self) -> None:
        if self._turning_away is not None and self._turning_away.active():
            self._turning_away.cancel()

    def _end_in_failure(self) -> None:
        """Stop, with an exit status that tells systemd so; twistd itself knows no such way once it runs."""
        self._reactor.addSystemEventTrigger("after", "shutdown", self._exit, 1)
        if self.running:  # else it is stopping already, and would raise
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
        shares = Shares.of(hard, len(self._listening), deliveries)
        self.allow(shares)
        for each in self._listening:
            each.factory.sessions.most = shares.sessions

    # --- while it runs ---------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """What SIGHUP does: logs opened anew (they may have been rotated), then configuration and certificates."""
        reopen(self._log_files)
        # Mail that is here keeps to what was demanded of it.
        if self._reload is not None:
            supervise(self._reload.run(), "reloading")

    # --- stop ------------------------------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Take no more clients, let messages under way end, then deliveries, then close the spool."""
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
                await self._spool.stop()  # it need not be read to its end
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
