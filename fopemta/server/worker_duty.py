"""The work of a worker (composition): it gets everything it must know over a socket pair (`workers.values.Charge`), and
then runs as a server.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ReactorNotRunning

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.formats.brief import place_of_brief
from fopemta.inbound.factory import InboundFactory
from fopemta.interfaces import IMailReactor, IQueue
from fopemta.outbound.connections import Connections
from fopemta.outbound.host_memory import HostTable
from fopemta.queue.rule_counts import RuleCounts
from fopemta.retry.leases import News
from fopemta.retry.standing import Pacing
from fopemta.routing.values import NextHop
from fopemta.server import log_observers
from fopemta.server.assembly import Server, spool_of
from fopemta.server.following import Following
from fopemta.server.kept import Partners, SharedState
from fopemta.server.mail_service import CannotStart, Listening, MailService, reopen
from fopemta.server.service import open_log
from fopemta.settings.errors import ConfigurationErrors
from fopemta.trust.host_memory import Known
from fopemta.wire.clients import use_lines
from fopemta.workers import commands
from fopemta.workers.leased import LeasedStandings
from fopemta.workers.link import Link
from fopemta.workers.listings import Listings, Placed
from fopemta.workers.values import Charge
from fopemta.workers.worker_end import (
    AskedCallouts,
    AskedSlowdown,
    SharedQueue,
    WorkerEnd,
    WorkerReporter,
    fetched_list,
)

# Seconds for the supervisor to receive our last report.
_PATIENCE = 5.0


class Adopted(Listening):
    """A listener whose port another process has bound; `descriptor` is inherited."""

    def __init__(self, key: str, factory: InboundFactory, descriptor: int) -> None:
        super().__init__(key, factory)
        self._descriptor = descriptor

    def bind(self, reactor: Any) -> None:
        """Take over the descriptor."""
        with socket.socket(fileno=os.dup(self._descriptor)) as known:
            family = known.family
        self.port = reactor.adoptStreamPort(self._descriptor, family, self.outermost())
        self.port.stopReading()
        use_lines(self.port, reactor)
        os.close(self._descriptor)

    def accept(self) -> None:
        """Accept clients; reported to the supervisor."""
        self.port.startReading()


class Worker:
    """See workers.worker_end.Duty."""

    queue: IQueue

    def __init__(self, reactor: IMailReactor) -> None:
        self._reactor = reactor
        self.link: Link = WorkerEnd(self, reactor)
        self._service: MailService | None = None
        self._following: Following
        self._standings: LeasedStandings
        self._hosts: HostTable
        self._listings: Listings
        self._prepared: Configuration | None = None
        self._ending = False

    # --- told by the supervisor ------------------------------------------------------------------------------------

    def begin(self, charge: Charge) -> None:
        """Start as a server."""
        try:
            open_log(charge.log, {})
            service = self._built(charge)
            service.privilegedStartService()
            service.startService()
        except ConfigurationErrors as found:
            maillog.not_started("; ".join(map(str, found.errors)))
            self._give_up()
        except CannotStart:
            self._give_up()

    def flushed(self, domain: str) -> None:
        """ETRN by a client of any worker."""
        self._server.clients.flushed(domain)

    def listed(self, listing: int, begins: bool) -> Sequence[Placed] | None:
        """The messages waiting here."""
        return self._listings.some(listing, begins)

    def told(self, news: Sequence[News[NextHop]]) -> None:
        """News about places at destinations."""
        self._standings.told(news)

    def hosts(self, known: Mapping[str, Known | None]) -> None:
        """What other workers have learned about hosts."""
        self._hosts.take(known)

    def prepare(self, config: Configuration) -> Deferred[Sequence[str]]:
        """See AnyFollowing."""
        self._prepared = config
        return self._following.prepare(config)

    def take(self, config: Configuration, lowered_by: str | None) -> Deferred[None]:
        """Use it; a worker that cannot exits, and the next one starts with it."""
        return Deferred.fromCoroutine(self._take(config, lowered_by))

    async def _take(self, config: Configuration, lowered_by: str | None) -> None:
        if self._prepared != config and (errors := await self.prepare(config)):
            maillog.reload_failed(errors)
            self.end()
            return
        self._prepared = None
        self._following.take(config, lowered_by)

    def reopen(self) -> None:
        """Open the log files again."""
        reopen(log_observers.outlet.files)

    def end(self) -> None:
        """Orderly shutdown; a signal to the whole group may have come first."""
        if not self._ending and self._reactor.running:
            self._ending = True
            with contextlib.suppress(ReactorNotRunning):
                self._reactor.stop()

    # --- within ----------------------------------------------------------------------------------------------------

    def _give_up(self) -> None:
        """Exit with a status that shows the failure."""
        self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        self.end()

    def _built(self, charge: Charge) -> MailService:
        configuration, reactor = charge.configuration, self._reactor
        partitions = [(each.folder, each.lock) for each in charge.partitions]
        spool = spool_of(configuration, reactor, partitions)
        counts = RuleCounts(configuration.node.state, reactor, maybeDeferred)
        self._hosts = HostTable(time.time)
        self._hosts.take(charge.hosts)
        reporter = WorkerReporter(self.link, reactor, counts.drained, lambda: int(self.queue.size))
        self._hosts.learned = reporter.learned
        kept = self._kept(charge, counts, reporter)
        server = Server.of(configuration, reactor, spool, kept)
        self.queue, self._following, self._server = server.queue, server.following, server
        self._standings.told(charge.news)
        self._listings = Listings(reactor, spool.listing, place_of_brief)
        listening = [
            Adopted(f"listener[{index}].endpoint", factory, descriptor)
            for index, (factory, descriptor) in enumerate(zip(server.factories, charge.sockets, strict=True))
        ]
        files, attendants = log_observers.outlet.files, server.attendants
        service = MailService(
            configuration, reactor, spool, server.queue, listening, None, files, attendants, kept.keepers
        )
        service.allow = server.allow
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(self._stopped(service, reporter))
        )
        return service

    def _kept(self, charge: Charge, counts: RuleCounts, reporter: WorkerReporter) -> SharedState:
        config, connections = charge.configuration, Connections()
        self._standings = LeasedStandings(
            self._reactor,
            Pacing.of(config.delivery.connections_per_destination, config.retry),
            lambda wishes: self.link.tell(commands.Say, wishes=wishes),
            connections.to,
            connections.ending,
            lambda destination: self._server.manager.leave(destination),
        )
        connections.closed = self._standings.closed
        partners = Partners(
            number=charge.number,
            standings=self._standings,
            connections=connections,
            elsewhere=lambda url, issuer: Deferred.fromCoroutine(fetched_list(self.link, url, issuer)),
            shared=lambda queue: SharedQueue(queue, self.link),
            slowdown=AskedSlowdown(self.link),
        )
        return SharedState(
            memory=self._hosts,
            counts=counts,
            callouts=AskedCallouts(self.link),
            callouts_in=maybeDeferred,
            keepers=(reporter,),
            partners=partners,
        )

    async def _stopped(self, service: MailService, reporter: WorkerReporter) -> None:
        """The service has stopped with the reactor; the supervisor must still get what the last deliveries have
        shown.
        """
        if service.running:
            await service.stopService()
        await reporter.told.addTimeout(_PATIENCE, self._reactor).addErrback(lambda _: None)
