"""What SMTP deliveries need of the server (shell): frozen, made in one place, replaced at a reload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
from twisted.internet.defer import maybeDeferred

from fopemta.config.model import Configuration
from fopemta.interfaces import IClientTls, IDemandsInForce, IHostMemory, IMailReactor, IRevocations, IRouter, ISpool
from fopemta.outbound.carrying import InThread
from fopemta.outbound.connections import Connections
from fopemta.outbound.pool import Pool
from fopemta.outbound.resumptions import Resumptions
from fopemta.routing.consignment import Consignment
from fopemta.routing.values import NextHop


def _never(_: object) -> bool:
    return False


@attrs.frozen(eq=False, kw_only=True)
class OutboundContext:
    """The services and shared state of deliveries under one configuration.

    `now` gives the wall time in seconds since the epoch; `reactor` keeps the timers, `in_thread` runs slow work;
    `demands` gives the demands right before anything is sent.  Without `revocations` revocation is unknown, without
    `memory` each walk begins at the top; `connections` counts them.  `pressed` says whether other mail waits for a
    delivery's place; `stalls` releases the place of one whose server has the message and does not answer.
    """

    reactor: IMailReactor
    router: IRouter
    tls: IClientTls
    spool: ISpool
    config: Configuration
    now: Callable[[], float]
    demands: IDemandsInForce
    in_thread: InThread = maybeDeferred
    revocations: IRevocations | None = None
    memory: IHostMemory | None = None
    connections: Connections = attrs.field(factory=Connections)
    pressed: Callable[[NextHop], bool] = _never
    stalls: Callable[[Consignment], bool] = _never
    pool: Pool = attrs.field()
    resumptions: Resumptions = attrs.field(factory=Resumptions)

    @pool.default
    def _empty(self) -> Pool:
        return Pool(self.reactor)

    def under(self, config: Configuration) -> OutboundContext:
        """The same under another configuration."""
        return attrs.evolve(self, config=config)

    def on_its_own(self, config: Configuration, demands: IDemandsInForce) -> OutboundContext:
        """For connections that are not deliveries: not counted, and not kept open."""
        return attrs.evolve(
            self, config=config, demands=demands, connections=Connections(), pressed=_never, stalls=_never,
            pool=Pool(self.reactor), resumptions=Resumptions(),
        )  # fmt: skip


class OutboundInForce(Protocol):
    """Provides the context in force: a walk outlives a reload, and its next step uses the new one."""

    context: OutboundContext
