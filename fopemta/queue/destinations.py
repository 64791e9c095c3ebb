"""Places for deliveries (shell room, but no I/O): fair among destinations, none held up by another.

Every moment is one of a steady clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import count
from typing import Generic, TypeVar

import attrs

from fopemta.queue.lane import Lane
from fopemta.queue.shares import Answering, Health, HeldBack, Shares
from fopemta.retry.standing import Experience, Pace, Pacing, Standing, experience_of
from fopemta.retry.standings import AnyStandings, Standings, Turn
from fopemta.trust.verdict import VerdictRecord

D = TypeVar("D", bound=Hashable)
L = TypeVar("L")

# The part of all places that mail which was deferred before cannot take.
_FOR_FRESH = 4
_MINUTE = 60.0
# What says that somebody is there, and that nobody is.
_THERE = frozenset({Experience.ANSWERED, Experience.THERE})
_NOT_THERE = frozenset({Experience.BROKEN, Experience.AWAY})


@attrs.frozen
class Taken(Generic[D, L]):
    """A load that has a place until it is `done`; `health` of its destination when it began."""

    destination: D
    load: L
    fresh: bool
    started: float
    health: Health


class Destinations(Generic[D, L]):
    """Loads wait by destination; `take` goes round among those that have a free place.

    `places` in all, shared out by what is known of destinations (see `queue.shares`); `pacing` says how many for one
    destination, which has fewer when it does not answer well; `rate` loads a minute to one destination, 0 for as many
    as there are places.  `standings` say how destinations stand; `changed` is told of one that stands otherwise than it
    did, for another reason than what is done here.  `named` ones are the operator's own choice, not a stranger's.
    """

    def __init__(
        self,
        places: int,
        pacing: Pacing,
        rate: float = 0.0,
        standings: AnyStandings[D] | None = None,
        changed: Callable[[D], None] = lambda _: None,
        named: Callable[[D], bool] = lambda _: False,
    ) -> None:
        self._tell_changed = changed
        self._named = named
        self._standings: AnyStandings[D] = standings if standings is not None else Standings(pacing)
        self._standings.serve(lambda destination: self._busy.get(destination, 0), self._changed)
        self._shares = Shares(places)
        self._answering: Answering[D] = Answering()
        self._held_back: HeldBack[D] = HeldBack()
        self.limit(places, pacing, rate)
        self._lanes: dict[bool, Lane[D, L]] = {True: Lane(), False: Lane()}
        self._fresh_next = True
        self._busy: dict[D, int] = {}
        # When a destination that rests, or has had its rate, may be tried again; the heap has outdated ones, too.
        self._not_before: dict[D, float] = {}
        # When those that have had their rate may be tried again, whatever is found out about them meanwhile.
        self._rated: dict[D, float] = {}
        self._pauses: list[tuple[float, int, D]] = []
        self._numbers = count()
        self.running = 0
        self.running_deferred = 0
        self.waiting = 0

    def limit(self, places: int, pacing: Pacing, rate: float) -> None:
        """Use other limits from now on."""
        self._shares.limit(places)
        self._pacing = pacing
        self._places_deferred = max(places - places // _FOR_FRESH, 1)
        self._standings.limit(pacing)
        self._interval = _MINUTE / rate if rate else 0.0

    # --- loads -----------------------------------------------------------------------------------------------------

    def add(self, destination: D, load: L, is_fresh: bool = True) -> None:
        """A load to be carried there; `is_fresh`: nothing of it was deferred before."""
        self._lanes[is_fresh].add(destination, load)
        self.waiting += 1

    def take(self, now: float) -> Taken[D, L] | None:
        """The next load to start, None when none may.  Its place is taken until `done`.

        Fresh and deferred mail take turns, and some places are for fresh mail alone: a queue that is full of mail for
        dead servers must not keep today's from going.
        """
        while self.waiting and not self._shares.full:
            taken = self._take(now)
            if taken is not None:
                return taken
            held_back = self._held_back.next(self._shares)
            if held_back is None:
                return None
            self._offer(held_back)
        return None

    def pressed(self, destination: D) -> bool:
        """Others wait for a place that it has, though it has not answered yet: it must not take long."""
        if self._health(destination) is Health.WELL:
            return False
        return self._held_back.others(destination) or (
            self._shares.full and any(lane.others(destination) for lane in self._lanes.values())
        )

    def _take(self, now: float) -> Taken[D, L] | None:
        for is_fresh in (self._fresh_next, not self._fresh_next):
            if not is_fresh and self.running_deferred >= self._places_deferred:
                continue
            taken = self._lanes[is_fresh].take(lambda destination: self._free(destination, now))
            if taken is not None:
                self._fresh_next = not is_fresh
                return self._started(*taken, is_fresh, now)
        return None

    def done(self, taken: Taken[D, L], verdicts: Sequence[VerdictRecord], now: float, jitter: float) -> Turn:
        """A load has been carried with `verdicts`; its place is free."""
        destination = taken.destination
        self.running -= 1
        self.running_deferred -= not taken.fresh
        self._shares.give_back(taken.health)
        self._note(destination, experience_of(verdicts))
        self._busy[destination] -= 1
        if not self._busy[destination]:
            del self._busy[destination]
        turn = self._standings.ended(destination, verdicts, taken.started, now, jitter)
        if turn is not Turn.NONE:
            self._pause(destination, self.standing(destination).until)
        self._standings.used(destination, destination in self._busy or bool(self.waiting_for(destination)))
        self._offer(destination)
        return turn

    def empty(self, destination: D) -> list[L]:
        """Take out all loads that wait for it."""
        loads = [load for lane in self._lanes.values() for load in lane.empty(destination)]
        self.waiting -= len(loads)
        self._held_back.drop(destination)
        return loads

    def loads(self) -> Iterator[L]:
        """All that wait."""
        for lane in self._lanes.values():
            yield from lane.loads()

    def withdraw(self, unwanted: Callable[[L], bool]) -> list[L]:
        """Take out the waiting loads that are `unwanted`."""
        loads = [load for lane in self._lanes.values() for load in lane.withdraw(unwanted)]
        self.waiting -= len(loads)
        return loads

    # --- how destinations stand --------------------------------------------------------------------------------------

    def standing(self, destination: D) -> Standing:
        """How it stands."""
        return self._standings.of(destination)

    def rests(self, destination: D, now: float) -> bool:
        """No mail is tried there now."""
        return self.standing(destination).pace(now) is Pace.RESTING

    def wake(self, destination: D) -> None:
        """End its rest: somebody knows that it is back."""
        self._standings.wake(destination)
        self._pause(destination, None)
        self._offer(destination)

    def room(self, destination: D, now: float) -> int:
        """How many loads more it can use, so that one waits for each that is under way."""
        standing = self.standing(destination)
        ahead = 2 if standing.pace(now) is Pace.OPEN else 1
        return ahead * standing.places(now) - self._busy.get(destination, 0) - self.waiting_for(destination)

    def waiting_for(self, destination: D) -> int:
        """How many loads wait for it."""
        return self._lanes[True].waiting(destination) + self._lanes[False].waiting(destination)

    def fair_share(self, most: int) -> int:
        """What each destination may have waiting when `most` loads are shared out among those that have any."""
        return most // max(self._lanes[True].destinations + self._lanes[False].destinations, 1)

    def next_moment(self) -> float | None:
        """When the next of those that rest, or have had their rate, may be tried again."""
        while self._pauses and self._not_before.get(self._pauses[0][2]) != self._pauses[0][0]:
            heapq.heappop(self._pauses)
        return self._pauses[0][0] if self._pauses else None

    def over(self, now: float) -> list[D]:
        """Those whose pause is over; each is told once."""
        over = []
        while (moment := self.next_moment()) is not None and moment <= now:
            destination = heapq.heappop(self._pauses)[2]
            del self._not_before[destination]
            self._rated.pop(destination, None)
            self._offer(destination)
            over.append(destination)
        return over

    # --- within ----------------------------------------------------------------------------------------------------

    def _health(self, destination: D) -> Health:
        if destination in self._answering:
            return Health.WELL
        if not self.standing(destination).sound(self._pacing):
            return Health.ILL
        return Health.WELL if self._named(destination) else Health.UNTRIED

    def _note(self, destination: D, met: Experience) -> None:
        if met in _THERE or met in _NOT_THERE:
            self._answering.note(destination, met in _THERE)

    def _started(self, destination: D, load: L, is_fresh: bool, now: float) -> Taken[D, L]:
        self._busy[destination] = self._busy.get(destination, 0) + 1
        self.running += 1
        self.running_deferred += not is_fresh
        self.waiting -= 1
        if self._interval:
            self._rated[destination] = now + self._interval
            self._pause(destination, None)
        health = self._health(destination)
        self._shares.take(health)
        return Taken(destination, load, is_fresh, now, health)

    def _free(self, destination: D, now: float) -> bool:
        """It has a place, and may be tried now.  Who asks too early is offered it again when its pause is over."""
        if self._not_before.get(destination, now) > now:
            return False
        busy = self._busy.get(destination, 0)
        if busy >= self._standings.places(destination, now):
            self._standings.lacks(destination, self.waiting_for(destination))
            return False
        health = self._health(destination)
        if self._shares.allow(health, busy):
            return True
        self._held_back.add(destination, health, busy)
        return False

    def _offer(self, destination: D) -> None:
        for lane in self._lanes.values():
            lane.offer(destination)

    def _pause(self, destination: D, until: float | None) -> None:
        """Until its rest is over (None: it does not rest), and its rate allows one more."""
        moments = [each for each in (until, self._rated.get(destination)) if each is not None]
        self._not_before.pop(destination, None)
        if moments:
            self._not_before[destination] = moment = max(moments)
            heapq.heappush(self._pauses, (moment, next(self._numbers), destination))

    def _changed(self, destination: D) -> None:
        """It stands otherwise than it did, or has a place more."""
        until = self.standing(destination).until
        if until is not None or destination in self._not_before:
            self._pause(destination, until)
        self._offer(destination)
        self._tell_changed(destination)
