"""The running server (composition): what is opened when, and closed in which order."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure

import fopemta
from fopemta import maillog
from fopemta.background import supervise
from fopemta.config.model import Configuration
from fopemta.inbound.factory import InboundFactory
from fopemta.inbound.proxied import ProxiedFactory
from fopemta.interfaces import IMailReactor, SpoolTrouble
from fopemta.log_file import LineFile
from fopemta.queue.dispatcher import Dispatcher
from fopemta.reload import Reload
from fopemta.spool.ownership import SpoolUnusable
from fopemta.spool.store import Spool

# How long clients may take to finish their messages, and deliveries to end, once we are told to stop.
SESSIONS_DEADLINE = 20.0
DELIVERIES_DEADLINE = 10.0
# Descriptors beside those of clients and deliveries: spool, DNS, logs.
_OTHER_DESCRIPTORS = 100


class CannotStart(Exception):
    """The service cannot run; the text says why."""


class Listening:
    """One listener: its endpoint, its factory and, once it is bound, its port."""

    def __init__(self, key: str, factory: InboundFactory) -> None:
        self.key = key
        self.factory = factory
        self.port: Any = None

    def bind(self, reactor: IMailReactor) -> None:
        """Take the port, and let clients wait in the system's queue until `accept`.  Raises CannotStart."""
        listener = self.factory.listener
        bound: list[IListeningPort | Failure] = []
        endpoint = serverFromString(reactor, listener.own_endpoint)
        endpoint.listen(self._outermost()).addBoth(bound.append)
        # Every endpoint that the configuration lets pass binds at once.
        [outcome] = bound
        if isinstance(outcome, Failure):
            raise CannotStart(f"{self.key}: {_why(outcome)}: {listener.endpoint}")
        self.port = outcome
        self.port.stopReading()

    def _outermost(self) -> Any:
        """What the port calls: the listener's factory, or what stands in front of it."""
        factory, listener = self.factory, self.factory.listener
        if not listener.proxied:
            return factory
        timeout = factory.config.limits.timeouts.handshake
        return ProxiedFactory(factory, lambda: listener.proxies, factory.clock, timeout)

    def accept(self) -> None:
        """Let clients in."""
        listener = self.factory.listener
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


class Attendant(Protocol):
    """Whoever has something to do beside the mail while the service runs."""

    def start(self) -> None:
        """Clients are let in."""

    def stop(self) -> None:
        """Do nothing more; harmless without `start`."""


class MailService(Service):
    """Everything, in order: spool locked and ports bound while privileged; then the spool recovered, the queue
    started, clients let in.  A client that comes in between waits in the kernel's queue for the seconds that this
    takes: it need not be turned away.
    """

    name = "fopemta"

    def __init__(
        self,
        configuration: Configuration,
        reactor: IMailReactor,
        spool: Spool,
        dispatcher: Dispatcher,
        listening: Sequence[Listening],
        reload: Reload,
        log_files: Sequence[LineFile],
        attendants: Sequence[Attendant] = (),
    ) -> None:
        self._configuration = configuration
        self._reactor = reactor
        self._spool = spool
        self._dispatcher = dispatcher
        self._listening = listening
        self._reload = reload
        self._log_files = log_files
        self._attendants = attendants
        self._starting: Deferred[None] | None = None
        self._queue_runs = False
        # Those that were there before ours.
        self._old_handlers: dict[signal.Signals, Any] = {}
        # Called first of all, in the process that will run.
        self.prepare: Callable[[], None] = lambda: None

    # --- start -----------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Lock the spool and bind every port.  Raises CannotStart, which ends twistd, daemonised or not."""
        self.prepare()
        try:
            self._spool.lock()
            for each in self._listening:
                each.bind(self._reactor)
        except (CannotStart, SpoolUnusable, SpoolTrouble) as error:
            self._tell_not_started(str(error))
            raise CannotStart(str(error)) from None
        Service.privilegedStartService(self)

    def startService(self) -> None:
        """Recover the spool, then begin; returns before that is done."""
        Service.startService(self)
        for file in self._log_files:
            file.begin(self._reactor)
        self._raise_descriptor_limit()
        self._handle(signal.SIGHUP, self._hangup)
        self._starting = supervise(self._start(), "starting")

    async def _start(self) -> None:
        try:
            messages = await self._spool.start()
        except (SpoolUnusable, SpoolTrouble) as error:
            self._tell_not_started(f"node.spool: {error}")
            self._end_in_failure()
            return
        # What was read stays for long: the collector need not look at it again (55 ms for 100,000 messages).
        gc.collect()
        gc.freeze()
        if not self.running:
            return
        self._dispatcher.start(messages)
        self._queue_runs = True
        for each in self._listening:
            each.accept()
        for attendant in self._attendants:
            attendant.start()
        maillog.started(self._configuration.node.hostname, fopemta.__version__)

    def _tell_not_started(self, why: str) -> None:
        """In the log; and who starts it in the foreground with a log elsewhere must not see nothing at all."""
        maillog.not_started(why)
        if self._configuration.log.text != "stdout" and sys.__stderr__ is not None:
            print(f"fopemta: not started: {why}", file=sys.__stderr__)

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
        wanted = limits.connections * len(self._listening) + 2 * delivery.connections + _OTHER_DESCRIPTORS
        if hard != resource.RLIM_INFINITY and hard < wanted:
            maillog.caution("limits.connections", f"{wanted} open files may be needed, the system allows {hard}")

    # --- while it runs ---------------------------------------------------------------------------------------------

    def _handle(self, number: signal.Signals, handler: Any) -> None:
        """Have `handler` called at that signal, until all is closed."""
        before = signal.signal(number, handler)
        self._old_handlers.setdefault(number, before)

    def _hangup(self, _signal: int, _frame: object) -> None:
        # Signals come between any two instructions; the reactor has a safe moment for it.
        self._reactor.callFromThread(self.reload)

    def reload(self) -> None:
        """What SIGHUP does: logs opened anew (they may have been rotated), then configuration and certificates."""
        for file in self._log_files:
            try:
                file.reopen()
            except OSError as error:
                maillog.reload_failed([f"log: {error}"])
        # Mail that is here keeps to what was demanded of it (RULINGS 7).
        supervise(self._reload.run(), "reloading")

    # --- stop ------------------------------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Take no more clients, let messages under way end, then deliveries, then close the spool."""
        Service.stopService(self)
        # By default it would end the process in the midst of a message, and logs are rotated at any moment.
        self._handle(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            # To Twisted's own handlers a second one is an error.
            self._handle(number, self._stop_again)
        return supervise(self._stop(), "stopping")

    def _stop_again(self, _signal: int, _frame: object) -> None:
        """Who asks again is told that it is on its way; every wait on it has a deadline."""
        self._reactor.callFromThread(self._tell_of_stopping)

    def _tell_of_stopping(self) -> None:
        maillog.stopping(sum(len(each.factory.sessions) for each in self._listening))

    async def _stop(self) -> None:
        for attendant in self._attendants:
            attendant.stop()
        self._tell_of_stopping()
        closing = [each.close() for each in self._listening]
        await DeferredList([each for each in closing if each is not None])
        if self._starting is not None:
            await self._starting
        await DeferredList([each.factory.shut_down(SESSIONS_DEADLINE) for each in self._listening])
        if self._queue_runs:
            await self._dispatcher.stop(DELIVERIES_DEADLINE)
        await self._spool.stop()
        maillog.stopped()
        for file in self._log_files:
            file.end()
        while self._old_handlers:
            signal.signal(*self._old_handlers.popitem())
