"""Leases (pure): who of several workers may have how many deliveries at a time under way to a destination.

Together they have no more than the destination has places, by how it stands.  Each that wants some gets a fair share,
and where there are fewer places than workers that want one, they take turns.  Every moment is one of a steady clock.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Hashable, Iterator
from itertools import count
from typing import Generic, TypeVar

import attrs

from fopemta.retry.standing import Experience, Pacing, Standing
from fopemta.retry.standings import Standings, Turn
from fopemta.trust.verdict import VerdictRecord

D = TypeVar("D", bound=Hashable)

# Who has a place that another waits for may keep it for so many seconds: a turn shorter than a connection is worth
# would be spent on handshakes.
TURN = 1.0
# So often it is looked whether somebody's turn is over.
ROUND = 0.25


@attrs.frozen
class News(Generic[D]):
    """What a worker is told of a destination: how it stands, leases `granted` anew, and those it is to give back."""

    destination: D
    standing: Standing
    granted: int = 0
    recalled: int = 0


@attrs.define(eq=False)
class _Shares:
    """Of one destination, by worker: leases it `holds`, would use in all (`wants`), has been asked to give back
    (`owes`), and since when it holds any.
    """

    holds: Counter[int] = attrs.Factory(Counter)
    wants: dict[int, int] = attrs.Factory(dict)
    owes: Counter[int] = attrs.Factory(Counter)
    since: dict[int, float] = attrs.Factory(dict)

    @property
    def held(self) -> int:
        return self.holds.total()

    @property
    def short(self) -> list[int]:
        """Who wants more than it holds, who has waited longest first."""
        return [worker for worker, wanted in self.wants.items() if wanted > self.holds[worker]]

    def stays(self, worker: int) -> int:
        """What it will hold once it has given back what it owes."""
        return self.holds[worker] - self.owes[worker]


class Leases(Generic[D]):
    """Workers are numbers.  What has changed for them is gathered until `settle`."""

    def __init__(self, pacing: Pacing) -> None:
        self._standings: Standings[D] = Standings(pacing)
        self._shares: dict[D, _Shares] = {}
        self._workers: set[int] = set()
        # Destinations to be looked at, and those of which somebody must be told how they stand.
        self._open: dict[D, None] = {}
        # Those of which somebody lacks a lease, and may have one when somebody else has had his turn.
        self._short: dict[D, None] = {}
        self._round = -math.inf
        # Those of which somebody lacks a lease and which rest; there are many of them, and nothing to do before the
        # rest is over.  The heap has outdated ones, too.
        self._resting: dict[D, float] = {}
        self._rests: list[tuple[float, int, D]] = []
        self._numbers = count()
        self._for_holders: set[D] = set()
        self._for_all: set[D] = set()

    def limit(self, pacing: Pacing) -> None:
        """Use another pacing from now on."""
        self._standings.limit(pacing)
        self._open.update(dict.fromkeys(self._shares))

    def standing(self, destination: D) -> Standing:
        """How it stands."""
        return self._standings.of(destination)

    def held(self, destination: D) -> int:
        """How many leases are out."""
        shares = self._shares.get(destination)
        return 0 if shares is None else shares.held

    def next_look(self) -> float | None:
        """When to `settle` though nothing has changed; None while nobody waits for a lease."""
        rest_over = self._rests[0][0] if self._rests else None
        round_over = self._round + ROUND if self._short else None
        return min((each for each in (rest_over, round_over) if each is not None), default=None)

    # --- workers -----------------------------------------------------------------------------------------------------

    def joined(self, worker: int) -> list[News[D]]:
        """A worker has begun; what it must know of how destinations stand."""
        self._workers.add(worker)
        return [News(each, self._standings.of(each)) for each in self._standings]

    def left(self, worker: int) -> None:
        """It has died, and its connections with it: its leases are free."""
        self._workers.discard(worker)
        for destination in list(self._shares):
            self._forget(destination, worker)

    def want(self, worker: int, destination: D, number: int) -> None:
        """It would use so many leases in all, those that it holds among them."""
        shares = self._shares.setdefault(destination, _Shares())
        if shares.wants.get(worker) != number:
            shares.wants.pop(worker, None)  # the last in the line
            shares.wants[worker] = number
        self._open[destination] = None

    def give_back(self, worker: int, destination: D, number: int) -> None:
        """Its connections are closed; it does not wait for more unless it says so."""
        shares = self._shares.get(destination)
        if shares is None:
            return
        shares.holds[worker] -= number
        shares.owes[worker] -= min(number, shares.owes[worker])
        shares.wants.pop(worker, None)
        self._open[destination] = None
        if shares.holds[worker] <= 0:
            self._forget(destination, worker)

    def met(
        self,
        destination: D,
        met: Experience,
        cause: VerdictRecord | None,
        started: float,
        now: float,
        jitter: float,
        waiting: int = 0,
    ) -> Turn:
        """A delivery that `started` then has `met` this; `cause` stands for it where that leads to a rest, while so
        many messages are `waiting` for it with the worker that tells.
        """
        before = self._standings.of(destination)
        turn = self._standings.met(destination, met, cause, started, now, jitter, waiting)
        if self._standings.of(destination) != before:
            self._open[destination] = None
            (self._for_holders if turn is Turn.NONE else self._for_all).add(destination)
        self._standings.used(destination, destination in self._shares)
        return turn

    def wake(self, destination: D) -> None:
        """End its rest: somebody knows that it is back."""
        self._standings.wake(destination)
        self._open[destination] = None
        self._for_all.add(destination)

    # --- sharing out -------------------------------------------------------------------------------------------------

    def settle(self, now: float) -> list[tuple[int, News[D]]]:
        """Share out what is free, ask back what others lack, and say who is to be told what.

        To be called after each change, and at `next_look`.
        """
        self._open.update(dict.fromkeys((*self._for_holders, *self._for_all, *self._rested(now))))
        if self._round + ROUND <= now:
            self._round = now
            self._open.update(self._short)
        looked_at, self._open = self._open, {}
        told = [each for destination in looked_at for each in self._settled(destination, now)]
        self._for_holders.clear()
        self._for_all.clear()
        return told

    def _settled(self, destination: D, now: float) -> Iterator[tuple[int, News[D]]]:
        shares = self._shares.get(destination, _Shares())
        granted, standing = self._grant(shares, destination, now), self._standings.of(destination)
        recalled = self._recall(shares, destination, now)
        self._waits(destination, bool(shares.short), standing, now)
        told = set(granted) | set(recalled)
        if destination in self._for_all:
            told |= self._workers
        elif destination in self._for_holders:
            told |= {worker for worker, number in shares.holds.items() if number}
        for worker in sorted(told):
            yield worker, News(destination, standing, granted[worker], recalled[worker])

    def _waits(self, destination: D, is_short: bool, standing: Standing, now: float) -> None:
        """Whether it is to be looked at again though nothing changes, and when."""
        self._short.pop(destination, None)
        if not is_short:
            self._resting.pop(destination, None)
        elif standing.until is None or standing.until <= now:
            self._resting.pop(destination, None)
            self._short[destination] = None
        elif self._resting.get(destination) != standing.until:
            self._resting[destination] = standing.until
            heapq.heappush(self._rests, (standing.until, next(self._numbers), destination))

    def _rested(self, now: float) -> Iterator[D]:
        """Those whose rest is over."""
        while self._rests and self._rests[0][0] <= now:
            until, _, destination = heapq.heappop(self._rests)
            if self._resting.get(destination) == until:
                del self._resting[destination]
                yield destination

    def _grant(self, shares: _Shares, destination: D, now: float) -> Counter[int]:
        granted: Counter[int] = Counter()
        free = self._standings.places(destination, now) - shares.held
        while free > 0 and (short := shares.short):
            worker = min(short, key=lambda each: shares.holds[each])
            shares.since.setdefault(worker, now)
            shares.holds[worker] += 1
            granted[worker] += 1
            free -= 1
        return granted

    def _recall(self, shares: _Shares, destination: D, now: float) -> Counter[int]:
        """From who has most: what is more than the destination has places for, then what others lack of their share."""
        recalled: Counter[int] = Counter()
        places = self._standings.places(destination, now)
        excess = shares.held - shares.owes.total() - places
        while excess > 0:
            self._ask_back(shares, recalled, max(shares.holds, key=shares.stays))
            excess -= 1
        claims = {*shares.short, *(each for each, number in shares.holds.items() if number)}
        fair = max(places // len(claims), 1) if claims else 1
        lacking = sum(max(min(fair, shares.wants[each]) - shares.holds[each], 0) for each in shares.short)
        lacking -= shares.owes.total()
        for worker in sorted(shares.holds, key=lambda each: (-shares.stays(each), shares.since.get(each, now))):
            spare = shares.stays(worker) - fair
            if spare <= 0 and places < len(claims) and shares.since.get(worker, now) + TURN <= now:
                spare = shares.stays(worker)  # it has had its turn
            for _ in range(min(max(spare, 0), max(lacking, 0))):
                self._ask_back(shares, recalled, worker)
                lacking -= 1
        return recalled

    @staticmethod
    def _ask_back(shares: _Shares, recalled: Counter[int], worker: int) -> None:
        shares.owes[worker] += 1
        recalled[worker] += 1

    def _forget(self, destination: D, worker: int) -> None:
        """It has nothing there any more, and waits for nothing."""
        shares = self._shares[destination]
        for table in (shares.holds, shares.wants, shares.owes, shares.since):
            table.pop(worker, None)
        self._open[destination] = None
        if not shares.holds and not shares.wants:
            del self._shares[destination]
            self._standings.used(destination, False)
