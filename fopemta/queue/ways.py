"""By which ways a message goes now, and what is demanded of each (shell room, no I/O)."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.mail.address import Mailbox
from fopemta.mail.queued import QueuedMessage, RecipientState, RecipientStatus
from fopemta.policy.demands import RuleDemands
from fopemta.queue.demanding import NO_DEMANDS, MessageDemands
from fopemta.queue.pressing import Pressing
from fopemta.queue.round import Round
from fopemta.routing.routes import hop_by, next_hop, route_for
from fopemta.routing.values import NextHop
from fopemta.trust.demand import Demanded
from fopemta.trust.ladder import own_demand
from fopemta.trust.levels import Level

_NOTHING = RuleDemands()


class Way(NamedTuple):
    """Who shares it shares a consignment.  `uncalled`: its route waits for being asked for, and nobody has asked."""

    hop: NextHop
    demanded: Demanded
    uncalled: bool


Grouped: TypeAlias = dict[Way, list[Mailbox]]


class Ways:
    """By the routes of `config`, which is read anew for each message."""

    def __init__(self, config: Configuration) -> None:
        self.config = config

    def hop(self, domain: str, found: RuleDemands) -> NextHop:
        """Where mail for `domain` goes, by a rule's route if it has one."""
        return next_hop(domain, self.config.routes) if found.route is None else hop_by(found.route, domain)

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
            if status.state is not RecipientState.QUEUED or not (wanted or (status.next_try or 0.0) <= latest):
                continue
            found = found_for(status, demands)
            self._tell_of_lowered(message.id, status, found)
            if found.unsure is not None:
                maillog.rule_unsure(message.id, str(status.address), found.unsure)
                unsure.append(status.address)
                continue
            hop = self.hop(status.address.domain, found)
            way = Way(hop, found.demanded, hop.route.on_demand and not wanted)
            groups.setdefault(way, []).append(status.address)
        return groups, unsure

    def freed(self, message: QueuedMessage, before: MessageDemands, after: MessageDemands, new: Configuration) -> int:
        """For how many recipients less would be demanded under `new`."""
        freed = 0
        for status in message.pending:
            old = _level(status, before.of(str(status.address)), self.config)
            freed += _level(status, after.of(str(status.address)), new) < old
        return freed

    def _tell_of_lowered(self, message_id: str, status: RecipientStatus, found: RuleDemands) -> None:
        """RULINGS 7: a demand does not fall silently."""
        last = status.last
        if last is None or not last.rules or last.level is None:
            return
        before, now = Level.from_word(last.level), _level(status, found, self.config)
        if now < before:
            maillog.demand_lowered(message_id, str(status.address), before.word, now.word, status.overridden)


def found_for(status: RecipientStatus, demands: MessageDemands) -> RuleDemands:
    """What rules demand for him."""
    return demands.of(str(status.address)) if demands is not NO_DEMANDS else _NOTHING


def _level(status: RecipientStatus, found: RuleDemands, config: Configuration) -> Level:
    route = found.route or route_for(status.address.domain, config.routes)
    return found.demanded.merged(own_demand(route)).level
