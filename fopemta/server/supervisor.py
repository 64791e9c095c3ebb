"""The supervisor of several workers (composition): owns what they share, and handles no mail itself."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, ServerFactory

import fopemta
from fopemta import maillog
from fopemta.background import supervise
from fopemta.config.model import Configuration, Listener, ListenerTls, Log
from fopemta.control.protocol import ControlledServer
from fopemta.control.socket import ControlSocket
from fopemta.inbound.protocol import STARTING
from fopemta.interfaces import IMailReactor, SpoolTrouble, SpoolUnusable
from fopemta.queue.rule_watch import RuleWatch
from fopemta.server import log_observers
from fopemta.server.assembly import tell_cautions, try_files
from fopemta.server.certificates import credentials
from fopemta.server.delivering import Lookups
from fopemta.server.kept import SharedState
from fopemta.server.kept_rules import KeptRules, RulesAtStart
from fopemta.server.log_file import LineFile
from fopemta.server.machine import in_threads
from fopemta.server.mail_service import (
    DELIVERIES_DEADLINE,
    SESSIONS_DEADLINE,
    STARTING_PATIENCE,
    Attendant,
    CannotStart,
    bound,
    reopen,
    tell_not_started,
)
from fopemta.server.reload import Reload
from fopemta.server.signals import Signals
from fopemta.spool import partitions
from fopemta.tls.credentials import CredentialsError
from fopemta.users.slowdown import Slowdown
from fopemta.workers import commands
from fopemta.workers.fleet import Fleet, FleetState
from fopemta.workers.one_listing import OneListing
from fopemta.workers.one_server import OneFollowing, OneQueue
from fopemta.workers.seat import Given

# Seconds in addition to the time that workers have for their own shutdown.
_GRACE = 10.0


def supervisor(path: str, configuration: Configuration, reactor: Any, log: Log) -> Supervisor:
    """For a configuration that has passed `preflight.check`; opens nothing.  Raises ConfigurationErrors."""
    try_files(configuration, reactor)
    tell_cautions(path, configuration)
    configuration = KeptRules(configuration.node.state, time.time).at_start(configuration)
    return Supervisor(path, configuration, reactor, log)


class Supervisor(Service):
    """Locks all partitions and binds all ports while privileged; then starts the workers, and restarts dead ones.

    `log` is the common log.
    """

    name = "fopemta"

    def __init__(self, path: str, configuration: Configuration, reactor: IMailReactor, log: Log) -> None:
        self._path = path
        self._configuration = configuration
        self._reactor: Any = reactor
        self._log = log
        self._ports: list[Any] = []
        self._locks: dict[str, int] = {}
        self._attendants: list[Attendant] = []
        self._fleet: Fleet | None = None
        self._reload: Reload | None = None
        self._turning_away: IDelayedCall | None = None
        # All workers accept clients.
        self._is_up = False
        self._signals = Signals(reactor)
        self.prepare: Any = lambda: None

    # --- start -----------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Lock and bind.  Raises CannotStart."""
        self.prepare()
        try:
            self._lock()
            for index, listener in enumerate(self._configuration.listeners):
                port = bound(self._reactor, f"listener[{index}].endpoint", listener, _TurningAway(listener))
                # On a blocking port, a worker would hang until the next client comes.
                os.set_blocking(port.fileno(), False)
                self._ports.append(port)
        except (CannotStart, SpoolUnusable, SpoolTrouble, OSError) as error:
            tell_not_started(self._configuration, str(error))
            raise CannotStart(str(error)) from None
        Service.privilegedStartService(self)

    def _lock(self) -> None:
        """Lock every partition, including those of former workers.  Raises SpoolUnusable or OSError."""
        root, count = self._configuration.node.spool, self._configuration.workers.count
        for number in sorted({*range(1, count + 1), *partitions.numbers_in(root)}):
            folder = partitions.folder_of(root, number)
            self._locks[folder] = partitions.lock(folder)

    def startService(self) -> None:
        """Start the workers once the reactor runs, so that their exits are noticed."""
        Service.startService(self)
        for file in self._log_files:
            file.begin(self._reactor)
        self._signals.while_it_runs(self.reload)
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        if not self.running:
            return
        try:
            self._begin_all()
        except Exception:  # noqa: BLE001  a bug of ours: ports that are bound and served by nobody are the worst of all
            maillog.failed_unexpectedly("starting")
            self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
            self._reactor.stop()

    def _begin_all(self) -> None:
        configuration, reactor = self._configuration, self._reactor
        kept = SharedState.here(configuration, reactor)
        lookups = Lookups.of(configuration, reactor, kept)
        noise = random.Random()  # noqa: S311  jitter
        fleet = self._fleet = Fleet(
            reactor, self._arguments(), self._given(), configuration, self._log, _state(kept, lookups, reactor), noise,
            self._ready,
        )  # fmt: skip
        kept.memory.learned = lambda host, known: fleet.tell(commands.TellHosts, known={host: known})  # type: ignore[attr-defined]
        queue = OneQueue(fleet)
        # The oldest mail of all workers is not determined: keeping rules longer than needed does no harm.
        rules = KeptRules(configuration.node.state, time.time)
        reload = self._reload = Reload(
            self._path, OneFollowing(fleet, queue, _errors_of_certificates), in_threads(reactor), rules
        )
        self._attendants = [
            RulesAtStart(reactor, rules, configuration, reload.tell_what_keeps),
            *kept.keepers,
            lookups.upkeep,
            RuleWatch(reactor, time.time, lambda: reload.current),
        ]
        if configuration.control.socket != "off":
            reach = ControlledServer(queue, reload, kept.memory, OneListing(fleet).portions)
            self._attendants.append(ControlSocket(configuration.control.socket, reactor, reach))
        for each in self._attendants:
            each.start()
        fleet.begin()
        self._turning_away = self._reactor.callLater(STARTING_PATIENCE, self._turn_away)

    def _turn_away(self) -> None:
        """All workers take long to start: answer clients instead of leaving the port silent."""
        for port in self._ports:
            port.startReading()

    def _turn_nobody_away(self) -> None:
        if self._turning_away is not None and self._turning_away.active():
            self._turning_away.cancel()
        for port in self._ports:
            port.stopReading()

    def _given(self) -> list[Given]:
        root, count = self._configuration.node.spool, self._configuration.workers.count
        sockets = tuple(port.fileno() for port in self._ports)
        folders = [partitions.folders_for(root, number, count) for number in range(1, count + 1)]
        return [Given(sockets, tuple((each, self._locks[each]) for each in its)) for its in folders]

    def _arguments(self) -> Sequence[str]:
        """The same program and kind of reactor; -P: ignore modules in the working folder."""
        return ["-P", "-m", "fopemta.server.worker", fopemta.__version__, *_reactor_name(self._reactor)]

    def _ready(self) -> None:
        """A worker accepts clients."""
        self._turn_nobody_away()
        if self._is_up or self._fleet is None or not self._fleet.complete:
            return
        self._is_up = True
        for listener in self._configuration.listeners:
            maillog.listening(listener.endpoint, listener.kind.value, listener.tls.value)
        maillog.started(self._configuration.node.hostname, fopemta.__version__)

    @property
    def _log_files(self) -> list[LineFile]:
        return log_observers.outlet.files

    # --- while it runs ---------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Handle SIGHUP: open every log again, then reload the configuration."""
        reopen(self._log_files)
        if self._fleet is not None and self._reload is not None:
            self._fleet.tell(commands.Reopen)
            supervise(self._reload.run(), "reloading")

    # --- stop ------------------------------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Stop the workers, then store what they have reported."""
        Service.stopService(self)
        self._signals.while_it_stops(self._tell_of_stopping)
        return supervise(self._stop(), "stopping")

    def _tell_of_stopping(self) -> None:
        maillog.workers_stopping(self._configuration.workers.count)

    async def _stop(self) -> None:
        self._tell_of_stopping()
        self._turn_nobody_away()
        if self._fleet is not None:
            await self._fleet.end(SESSIONS_DEADLINE + DELIVERIES_DEADLINE + _GRACE)
        # Not earlier: that shuts the sockets down for the processes that have inherited them.
        for port in self._ports:
            await port.stopListening()
        for attendant in self._attendants:
            attendant.stop()
        for lock in self._locks.values():
            os.close(lock)
        maillog.stopped()
        for file in self._log_files:
            file.end()
        self._signals.end()


class _TurningAway(ServerFactory):
    """The factory of a port that is read from only if no worker is ready for long."""

    noisy = False

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def buildProtocol(self, addr: object) -> Protocol | None:
        """A protocol that asks the client to come again later; under implicit TLS it closes silently."""
        return None if self._listener.tls is ListenerTls.IMPLICIT else _Later()


class _Later(Protocol):
    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(STARTING.render())
        transport.loseConnection()


def _reactor_name(reactor: Any) -> list[str]:
    """The argument of twistd --reactor; empty for the default."""
    kind = type(reactor).__module__.rpartition(".")[2].removesuffix("reactor")
    return {"asyncio": ["asyncio"], "select": ["select"], "poll": ["poll"], "epoll": ["epoll"]}.get(kind, [])


def _errors_of_certificates(configuration: Configuration) -> Sequence[str]:
    """Errors in the listeners' certificates; the self-signed one is made if needed."""
    if all(each.tls is ListenerTls.OFF for each in configuration.listeners):
        return ()
    try:
        credentials(configuration)
    except CredentialsError as error:
        return (f"tls.server.certificates: {error}",)
    return ()


def _state(kept: SharedState, lookups: Lookups, reactor: IMailReactor) -> FleetState:
    in_thread, file = in_threads(reactor), DeferredLock()
    hosts: Any = kept.memory
    counts: Any = kept.counts

    def fetch(url: str, issuer: bytes) -> Deferred[str | None]:
        found = lookups.lists.at(url, x509.load_der_x509_certificate(issuer))
        return found.addCallback(lambda each: each if isinstance(each, str) else None)

    return FleetState(
        hosts=hosts,
        count=counts.add,
        recall=lambda recipient: file.run(in_thread, kept.callouts.recall, recipient),
        note=lambda recipient, known: file.run(in_thread, kept.callouts.note, recipient, known),
        fetch=fetch,
        pace=Slowdown(reactor),
    )
