"""A message in memory: by which ways it goes now, and what is demanded of each (shell room, no I/O)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import attrs

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration
from fopemta.mail.queued import QueuedMessage, RecipientState, RecipientStatus
from fopemta.policy.demands import RuleDemands
from fopemta.policy.way import Way, way_of
from fopemta.queue.demanding import NO_DEMANDS, MessageDemands
from fopemta.retry.timetable import astray
from fopemta.routing.consignment import Consignment
from fopemta.routing.plan import own_demand
from fopemta.routing.routes import next_hop
from fopemta.routing.values import NextHop
from fopemta.scheduling.roster import Pressing
from fopemta.trust.demand import Demand, Merged, weaker
from fopemta.trust.levels import Level

_NOTHING = RuleDemands()


@attrs.define(eq=False)
class Round:
    """What is known of `message` by now, what is demanded of its ways, by the `edition` of the configuration, and how
    much of it is `out`: waits for a place, is being delivered or written down.

    `parked`: what waits in the line of a destination.  `hops`: all destinations.  `uncalled`: some wait until they are
    asked for.  `changed`: something of it was written down.  `broken`: a bug of ours came between, so that it is tried
    again later.  `moments`: when those whom a destination has put off are tried again, all together, by how often they
    have been tried.
    """

    message: QueuedMessage
    demands: MessageDemands = NO_DEMANDS
    edition: object = None
    out: int = 0
    hops: tuple[NextHop, ...] = ()
    parked: dict[NextHop, list[Consignment]] = attrs.Factory(dict)
    uncalled: bool = False
    changed: bool = False
    broken: bool = False
    moments: dict[tuple[NextHop | None, int], float] = attrs.Factory(dict)
    # What a notice about the message keeps to, once somebody is to be told.
    inherited: tuple[Demand, ...] | None = None


class Share(NamedTuple):
    """Recipients for whom it is the same share a consignment.  `uncalled`: the route waits for being asked for, and
    nobody has asked.
    """

    way: Way
    uncalled: bool


Grouped: TypeAlias = dict[Share, list[Mailbox]]


class Ways:
    """By the routes of `config`, which is read anew for each message."""

    def __init__(self, config: Configuration) -> None:
        self.config = config

    def hop(self, recipient: Mailbox, found: RuleDemands) -> NextHop:
        """Where mail for `recipient` goes, by a rule's route if it has one."""
        return way_of(recipient, found, self.config.routes).hop

    def by_domain(self, domains: Sequence[str]) -> tuple[NextHop, ...]:
        """Where mail for these domains goes, unless a rule has a route for it."""
        return tuple(dict.fromkeys(next_hop(each, self.config.routes) for each in domains))

    def grouped(self, round_: Round, pressed: Pressing, now: float) -> tuple[Grouped, list[Mailbox]]:
        """The recipients that are due, by their ways; and those of them for whom a rule cannot tell for now."""
        message, demands, impatient = round_.message, round_.demands, bool(pressed)
        # Who is to be tried first is due, whatever the clock on the wall says: his moment has been waited for, unless
        # somebody was impatient.
        latest = now if impatient else max(now, message.due or 0.0)
        groups: Grouped = {}
        unsure: list[Mailbox] = []
        for status in message.recipients:
            wanted = impatient and pressed.names(status.address)
            if status.state is not RecipientState.QUEUED or not (wanted or self._is_due(status, latest, now)):
                continue
            found = found_for(status, demands)
            self._tell_of_lowered(message.id, status, found)
            if found.unsure is not None:
                maillog.rule_unsure(message.id, str(status.address), found.unsure)
                unsure.append(status.address)
                continue
            way = way_of(status.address, found, self.config.routes)
            share = Share(way, way.hop.route.on_demand and not wanted)
            groups.setdefault(share, []).append(status.address)
        return groups, unsure

    def _is_due(self, status: RecipientStatus, latest: float, now: float) -> bool:
        moment = status.next_try or 0.0
        return moment <= latest or astray(self.config.retry, moment, now)

    def freed(self, message: QueuedMessage, before: MessageDemands, after: MessageDemands, new: Configuration) -> int:
        """For how many recipients less would be demanded under `new`."""
        return sum(self.lowers(each, before, after, new) for each in message.pending)

    def lowers(
        self, status: RecipientStatus, before: MessageDemands, after: MessageDemands, new: Configuration | None = None
    ) -> bool:
        """Less is demanded for this recipient by `after`, under `new` where that is another configuration."""
        old = _merged(status, before.of(str(status.address)), self.config)
        return weaker(_merged(status, after.of(str(status.address)), new or self.config), old)

    def _tell_of_lowered(self, message_id: str, status: RecipientStatus, found: RuleDemands) -> None:
        """A demand does not fall silently."""
        last = status.last
        if last is None or not last.rules or last.level is None:
            return
        before, now = Level.from_word(last.level), _merged(status, found, self.config).level
        if now < before:
            maillog.demand_lowered(message_id, str(status.address), before.word, now.word, status.overridden)


def found_for(status: RecipientStatus, demands: MessageDemands) -> RuleDemands:
    """What rules demand for him."""
    return demands.of(str(status.address)) if demands is not NO_DEMANDS else _NOTHING


def _merged(status: RecipientStatus, found: RuleDemands, config: Configuration) -> Merged:
    return found.demanded.merged(own_demand(way_of(status.address, found, config.routes).hop.route))
