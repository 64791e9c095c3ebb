"""What the commands carry: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from fopemta.config.model import Configuration, Log
from fopemta.retry.leases import News
from fopemta.retry.standing import Experience
from fopemta.routing.values import NextHop
from fopemta.trust.host_memory import Known
from fopemta.trust.verdict import VerdictRecord


@attrs.frozen
class Partition:
    """A partition of the spool: its folder, and the descriptor of its lock."""

    folder: str
    lock: int


@attrs.frozen
class Charge:
    """All that a worker must know to begin: its `number`, from 1; the `configuration` in force, and `log` as it is
    for this run; descriptors of the listeners' sockets, in order; its own partition, then those that it has
    adopted; what is known of `hosts` and of destinations (`news`).
    """

    number: int
    configuration: Configuration
    log: Log
    sockets: tuple[int, ...]
    partitions: tuple[Partition, ...]
    hosts: Mapping[str, Known]
    news: tuple[News[NextHop], ...]


@attrs.frozen
class Met:
    """A delivery that `started` and `ended` at these moments of the machine's steady clock has `met` this, while so
    many messages were `waiting` for the destination.
    """

    destination: NextHop
    met: Experience
    cause: VerdictRecord | None
    started: float
    ended: float
    waiting: int = 0


@attrs.frozen
class Wishes:
    """Of places at destinations: leases wanted in all, leases given back, deliveries that change how a destination
    stands, and destinations that somebody knows to be back.
    """

    wants: tuple[tuple[NextHop, int], ...] = ()
    returns: tuple[tuple[NextHop, int], ...] = ()
    met: tuple[Met, ...] = ()
    woken: tuple[NextHop, ...] = ()
