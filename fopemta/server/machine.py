"""What a server uses of its machine besides a reactor (composition), so that a simulation can replace it.

A simulated server is composed by the same code as a real one; only this differs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from fopemta.config.model import Dns
from fopemta.interfaces import IMailReactor, IResolver
from fopemta.lookup.dns.nameservers import system_nameservers
from fopemta.lookup.dns.resolver import Resolver
from fopemta.lookup.local_addresses import local_addresses
from fopemta.spool.disk import Disk, RealDisk
from fopemta.spool.log.intake_log import SEGMENT_SIZE
from fopemta.spool.threads import PoolThreads, Threads
from fopemta.wire.calls import on_lines


def in_threads(reactor: IMailReactor) -> Callable[..., Deferred[Any]]:
    """Runs a call in the reactor's own threads, which are started by the first such call."""
    return lambda call, *arguments: deferToThreadPool(reactor, reactor.getThreadPool(), call, *arguments)


def resolver_of(dns: Dns, reactor: IMailReactor) -> IResolver:
    """Uses the name servers of the configuration, else those of the system."""
    return Resolver(reactor, dns.nameservers or system_nameservers(), dns.timeout, records=dns.records)


@attrs.frozen(kw_only=True, eq=False)
class Machine:
    """`now` gives the wall time; `noise` makes jitter, the order of hosts and ids, none of which is secret.  `caller`
    makes connections; `addresses` are those of this machine.  `segment_size` of the spool's log in octets.
    """

    now: Callable[[], float] = time.time
    noise: random.Random = attrs.Factory(random.Random)
    disk: Callable[[], Disk] = RealDisk
    segment_size: int = SEGMENT_SIZE
    spool_threads: Callable[[IMailReactor], Threads] = PoolThreads
    in_threads: Callable[[IMailReactor], Callable[..., Deferred[Any]]] = in_threads
    resolver: Callable[[Dns, IMailReactor], IResolver] = resolver_of
    caller: Callable[[IMailReactor], Any] = on_lines
    addresses: Callable[[], frozenset[str]] = local_addresses


THIS_MACHINE = Machine()
