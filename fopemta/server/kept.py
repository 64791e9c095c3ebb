"""State that the parts of a server share (composition), in one process or in one of several workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from fopemta.config.model import Configuration
from fopemta.few_at_once import InThread
from fopemta.interfaces import (
    IHostMemory,
    IMailReactor,
    IQueue,
    IRuleCounts,
)
from fopemta.lookup.revocation.lists import Elsewhere
from fopemta.mail.identifiers import message_id
from fopemta.outbound.connections import Connections
from fopemta.outbound.host_memory import HostMemory
from fopemta.queue.rule_counts import RuleCounts
from fopemta.recipients.calls import AnyCalloutMemory
from fopemta.recipients.memory import CalloutMemory
from fopemta.retry.standings import AnyStandings
from fopemta.routing.values import NextHop
from fopemta.server.machine import THIS_MACHINE, Machine
from fopemta.server.mail_service import Attendant
from fopemta.users.slowdown import AnySlowdown


@attrs.frozen(eq=False, kw_only=True)
class Partners:
    """What one of several workers shares with the others.

    `number` counts from one; `standings` and `connections` share the places at destinations, `elsewhere` fetches
    revocation lists, `shared` makes a worker's queue visible to all, `slowdown` limits password guessing.
    """

    number: int
    standings: AnyStandings[NextHop]
    connections: Connections
    elsewhere: Elsewhere
    shared: Callable[[IQueue], IQueue]
    slowdown: AnySlowdown


@attrs.frozen(eq=False, kw_only=True)
class SharedState:
    """Memory beyond single messages: the TLS of hosts, counts of rules, which recipients exist (cached in
    `callouts_in`).  `keepers` store it; `partners` is set for one of several workers.
    """

    memory: IHostMemory
    counts: IRuleCounts
    callouts: AnyCalloutMemory
    callouts_in: InThread
    keepers: Sequence[Attendant]
    machine: Machine = THIS_MACHINE
    partners: Partners | None = None

    @classmethod
    def here(cls, configuration: Configuration, reactor: IMailReactor, machine: Machine = THIS_MACHINE) -> SharedState:
        """Stored in the state folder, which only this process uses."""
        state, in_thread = configuration.node.state, machine.in_threads(reactor)
        memory = HostMemory(state, reactor, machine.now, in_thread)
        counts = RuleCounts(state, reactor, in_thread)
        return cls(
            memory=memory,
            counts=counts,
            callouts=CalloutMemory.in_folder(state),
            callouts_in=in_thread,
            keepers=(counts, memory),
            machine=machine,
        )


def new_ids(worker: int | None = None, machine: Machine = THIS_MACHINE) -> Callable[[], str]:
    """A function that returns a new queue id at each call; ids of up to 64 workers never collide."""
    bits, now = machine.noise.getrandbits, machine.now
    if worker is None:
        return lambda: message_id(int(now() * 1_000_000), bits(20))
    return lambda: message_id(int(now() * 1_000_000), (worker - 1) << 14 | bits(14))
