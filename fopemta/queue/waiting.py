"""Messages that wait as ids (shell room, but no I/O): until when, and in the lines of which destinations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fopemta.mail.queued import RecipientState
from fopemta.queue.demanding import Demanding
from fopemta.queue.outcomes import is_untold
from fopemta.queue.ways import Round, Ways
from fopemta.retry.timetable import astray
from fopemta.routing.values import NextHop
from fopemta.scheduling.destinations import Destinations
from fopemta.scheduling.roster import Entry, Roster


class Waiting:
    """`now` gives the wall time, `seconds` that of a steady clock; the retry settings are those of `ways`."""

    def __init__(
        self,
        roster: Roster,
        destinations: Destinations[NextHop, Any],
        ways: Ways,
        demanding: Demanding,
        seconds: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._roster = roster
        self._destinations = destinations
        self._ways = ways
        self._demanding = demanding
        self._seconds = seconds
        self._now = now

    def must_wait(self, entry: Entry) -> bool:
        """It is due, and it is known, without reading it, that no destination of its has a use for it now: nothing is
        to be done but to let it wait there.
        """
        has_use = self._destinations.has_room if entry.told else self._destinations.takes
        if not self._all_wait(entry, has_use, entry.told):
            return False
        since, now = self._roster.looked(entry), self._now()
        return not any(since < mark <= now for mark in self._marks(entry))

    def is_crowded_out(self, entry: Entry) -> bool:
        """It is new, and its destinations have enough in memory."""
        return self._all_wait(entry, self._destinations.takes, False)

    def _all_wait(self, entry: Entry, has_use: Callable[[NextHop, float], bool], told: bool) -> bool:
        """No destination has a use for it; where one rests, of each recipient it is `told` why it waits."""
        if self._demanding.names_ways:
            return False
        seconds, hops = self._seconds(), self._ways.by_domain(entry.domains)
        return bool(hops) and not any(
            hop.route.on_demand or has_use(hop, seconds) or (not told and self._destinations.rests(hop, seconds))
            for hop in hops
        )

    def may_go(self, entry: Entry) -> bool:
        """Somebody wants it tried at once, a destination of its takes it, and nothing was written down since it was
        read and rules were asked about it: it need not be read again.
        """
        round_: Round = entry.round
        if not entry.pressing or round_.changed or round_.broken:
            return False
        seconds = self._seconds()
        return any(self._destinations.takes(hop, seconds) for hop in self._ways.by_domain(round_.message.domains))

    def line_up(self, entry: Entry) -> None:
        """Let it wait for its destinations, and be looked at when there is something to be told of it."""
        now, seconds = self._now(), self._seconds()
        for hop in self._ways.by_domain(entry.domains):
            self._destinations.line_up(hop, entry.id, seconds)
        latest = now + self._ways.config.retry.longest
        self._roster.set_moment(entry, min([latest, *(mark for mark in self._marks(entry) if mark > now)]))

    def hurry(self, entry: Entry) -> None:
        """Its destination calls it when it can; where that is not known, it is read at once."""
        if self._demanding.names_ways:
            self._roster.set_moment(entry, self._now())
            return
        wanted = [each for each in entry.domains if entry.pressing.concerns(each)]
        for hop in self._ways.by_domain(wanted):
            self._destinations.line_up(hop, entry.id, self._seconds())

    def put_off(self, entry: Entry) -> float | None:
        """Let it wait for what is left of it; until when, None for one that is held."""
        round_: Round = entry.round
        message, moment = round_.message, self.due_after(entry)
        told = not any(is_untold(each) for each in message.pending)
        self._roster.put_off(entry, message.domains, message.bound, told)
        if moment is not None:
            self._roster.set_moment(entry, moment)
            for hop in round_.hops:
                if self._destinations.rests(hop, self._seconds()):
                    self._destinations.line_up_behind(hop, entry.id)
        return moment

    def due_after(self, entry: Entry) -> float | None:
        """When it is due again after a round; None when all are held.

        What waits for its destination is called; should it not be, this is when it is tried at the latest.
        """
        now, retry = self._now(), self._ways.config.retry
        round_: Round = entry.round
        if round_.broken:
            return now + retry.first
        if entry.pressing:
            return now
        if not round_.parked and not round_.uncalled:
            due = round_.message.due
            return now if due is not None and astray(retry, due, now) else due
        queued = [each for each in round_.message.pending if each.state is RecipientState.QUEUED]
        moments = [each.next_try for each in queued if each.next_try is not None and each.next_try > now]
        end = self._roster.born(entry) + retry.lifetime
        return min([*moments, now + retry.longest, *([end] if end > now else [])])

    def _marks(self, entry: Entry) -> tuple[float, ...]:
        """When its sender may have to be told something, in wall time: of the delay, and that its life is over."""
        born, retry = self._roster.born(entry), self._ways.config.retry
        end = born + retry.lifetime
        return (end,) if retry.warn_after is None else (born + retry.warn_after, end)
