"""What waits for destinations, and their places (pure): fair among them, none held up by another.

A message waits in the line of its destination as an id, and comes into memory when there is room for it: a load, which
waits for a place.  Every moment is one of a steady clock.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import count
from typing import Generic, TypeVar

import attrs

from fopemta.retry.standing import Experience, Pace, Pacing, Standing, experience_of
from fopemta.retry.standings import AnyStandings, Standings, Turn
from fopemta.scheduling.roster import LEAST_BULK
from fopemta.scheduling.shares import Answering, Health, HeldBack, Shares
from fopemta.trust.verdict import VerdictRecord

D = TypeVar("D", bound=Hashable)
L = TypeVar("L")

# The part of all places that mail which was deferred before cannot take.
_FOR_FRESH = 4
# The part of all places that may be had besides by what waits for a last answer.
_STALLED = 4
_MINUTE = 60.0
# Of so many that were tried in vain it is remembered that they may go once their destination answers.
_MOST_BACK = 1000
# Once loads take so much room in memory, in recipients, no destination has more than its share of it.
CROWD = 1000 * LEAST_BULK
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


@attrs.define(eq=False)
class _Line(Generic[D, L]):
    """Of one destination: `loads` in memory, deferred and fresh ones, each with the room it takes; `ids` that wait to
    come into memory, those that wait until it is `back`, and how many are `coming`; how many loads are under way
    (`busy`), and how many wait for a last answer without a place (`stalled`).

    `not_before`: a moment before which nothing is tried, `rated` that by its rate alone.
    """

    destination: D
    loads: tuple[deque[tuple[L, int]], deque[tuple[L, int]]] = attrs.Factory(lambda: (deque(), deque()))
    ids: dict[str, None] = attrs.Factory(dict)
    back: dict[str, None] = attrs.Factory(dict)
    coming: int = 0
    busy: int = 0
    stalled: int = 0
    bulk: int = 0
    not_before: float | None = None
    rated: float | None = None
    # Whether it stands in the turns for a place, of deferred and of fresh mail, and in those for its ids.
    in_turn: list[bool] = attrs.Factory(lambda: [False, False])
    asks: bool = False
    held_back: bool = False

    @property
    def waiting(self) -> int:
        return len(self.loads[False]) + len(self.loads[True])


class Destinations(Generic[D, L]):
    """`connections` in all, shared out by what is known of destinations (see `scheduling.shares`); `pacing` says how
    many for one destination, which has fewer when it does not answer well; `rate` loads a minute to one destination, 0
    for as many as there are places.  `standings` say how destinations stand; `changed` is told of one that stands
    otherwise than it did, for another reason than what is done here.  `named` ones are the operator's own choice, not
    a stranger's.
    """

    def __init__(
        self,
        connections: int,
        pacing: Pacing,
        rate: float = 0.0,
        standings: AnyStandings[D] | None = None,
        changed: Callable[[D], None] = lambda _: None,
        named: Callable[[D], bool] = lambda _: False,
    ) -> None:
        self._tell_changed = changed
        self._named = named
        self._standings: AnyStandings[D] = standings if standings is not None else Standings(pacing)
        self._standings.serve(self._busy, self._changed)
        self._shares = Shares(connections)
        self._answering: Answering[D] = Answering()
        self._held_back: HeldBack[_Line[D, L]] = HeldBack()
        self.limit(connections, pacing, rate)
        self._lines: dict[D, _Line[D, L]] = {}
        # Those that may have had a place free when they were last asked about, in the order of their turn.
        self._turns: tuple[deque[_Line[D, L]], deque[_Line[D, L]]] = (deque(), deque())
        self._asking: deque[_Line[D, L]] = deque()
        self._fresh_next = True
        # The pauses of those that rest, or have had their rate; there are outdated ones, too.
        self._pauses: list[tuple[float, int, _Line[D, L]]] = []
        self._numbers = count()
        # Of the loads that wait: how many, the room they take, and for how many destinations.
        self.waiting = self._bulk = self._with_loads = 0
        self.running = self.running_deferred = 0
        # Loads, by identity, that have left their places and are not done.
        self._stalled: set[int] = set()

    def limit(self, connections: int, pacing: Pacing, rate: float) -> None:
        """Use other limits from now on."""
        self._shares.limit(connections)
        self._pacing = pacing
        self._for_deferred = max(connections - connections // _FOR_FRESH, 1)
        self._most_stalled = max(connections // _STALLED, 1)
        self._standings.limit(pacing)
        self._interval = _MINUTE / rate if rate else 0.0

    # --- ids that wait ---------------------------------------------------------------------------------------------

    def takes(self, destination: D, now: float) -> bool:
        """One load more may wait for it in memory.  The one question for who brings mail and for who calls it: were it
        two, mail might be called that is not let in, again and again.
        """
        return not self.rests(destination, now) and not self.crowded(destination)

    @property
    def crowd(self) -> bool:
        """So much waits in memory that some destination may have more than its share."""
        return self._bulk >= CROWD

    def crowded(self, destination: D) -> bool:
        """It has its share in memory: never one with nothing, which nobody would call."""
        if not self.crowd or destination not in self._lines:
            return False
        line = self._lines[destination]
        return line.bulk + line.coming * LEAST_BULK >= max(CROWD // max(self._with_loads, 1), 1)

    def has_room(self, destination: D, now: float) -> bool:
        """It will soon have a place for one load more."""
        line = self._lines.get(destination) or _Line(destination)
        return self.takes(destination, now) and self._room(line, now) > 0

    def line_up(self, destination: D, message_id: str, now: float) -> None:
        """Let a message wait: `call` gives it when its destination can take it."""
        line = self._line(destination)
        line.ids[message_id] = None
        self._mind_rest(line, now)
        self._offer(line)

    def line_up_behind(self, destination: D, message_id: str) -> None:
        """The same for one that was tried there in vain: not before it answers again.  It has its own moment, too, so
        the oldest are left to that when there are many, and all when nothing else is left to probe with.
        """
        line = self._lines.get(destination)
        if line is not None:
            line.back[message_id] = None
            if len(line.back) > _MOST_BACK:
                del line.back[next(iter(line.back))]

    @property
    def asking(self) -> bool:
        """Some destination may have room for what waits in its line."""
        return bool(self._asking)

    def call(self, now: float, scarce: bool = False) -> tuple[D, str] | None:
        """A message that its destination has room for; it is in the line no more.  Destinations take turns.  None when
        there is none.

        `scarce`: memory is, so that only those have room that have nothing there.
        """
        while self._asking:
            line = self._asking.popleft()
            line.asks = False
            if line.back and self.standing(line.destination).pace(now) is Pace.OPEN:
                line.ids |= line.back
                line.back.clear()
            scarcely = scarce and bool(line.busy or line.waiting or line.coming)
            if line.ids and not scarcely and self.takes(line.destination, now) and self._room(line, now) > 0:
                message_id = next(iter(line.ids))
                del line.ids[message_id]
                self._ask(line)
                return line.destination, message_id
            self._forget(line)
        return None

    def comes(self, destination: D) -> None:
        """A called message is being read."""
        self._line(destination).coming += 1

    def came(self, destination: D) -> None:
        """It has been read, or cannot be; its load, if it has one, has been added."""
        line = self._line(destination)
        line.coming -= 1
        self._offer(line)

    def leave_lines(self) -> set[str]:
        """Take out all ids: their ways may be others now."""
        taken = {message_id for line in self._lines.values() for message_id in line.ids | line.back}
        for line in tuple(self._lines.values()):
            line.ids.clear()
            line.back.clear()
            self._forget(line)
        return taken

    # --- loads -----------------------------------------------------------------------------------------------------

    def add(self, destination: D, load: L, is_fresh: bool = True, bulk: int = LEAST_BULK) -> None:
        """A load to be carried there, which takes `bulk` of the room; `is_fresh`: nothing of it was deferred before."""
        line = self._line(destination)
        self._with_loads += not line.waiting
        line.loads[is_fresh].append((load, bulk))
        line.bulk += bulk
        self._bulk += bulk
        self.waiting += 1
        if not line.in_turn[is_fresh]:
            line.in_turn[is_fresh] = True
            self._turns[is_fresh].append(line)

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
        line = self._lines.get(destination)
        if line is not None and self._held_back.others(line):
            return True
        in_turn = (each for turns in self._turns for each in turns)
        return self._shares.full and any(each is not line and each.waiting for each in in_turn)

    def stall(self, taken: Taken[D, L]) -> bool:
        """The server has the whole message, and says nothing: that may take ten minutes (RFC 5321 4.5.3.2.6), and must
        not be cut short, or the message comes twice.  Its place is another's until it is `done`.

        So many may wait so beside those that have places, and of one destination as many as it may have at most; True
        where it is one of them.
        """
        line = self._line(taken.destination)
        if len(self._stalled) >= self._most_stalled or line.stalled >= self._pacing.connections_per_destination:
            self._forget(line)
            return False
        self._stalled.add(id(taken))
        line.stalled += 1
        self._leave(line, taken)
        self._offer(line)
        return True

    def _leave(self, line: _Line[D, L], taken: Taken[D, L]) -> None:
        self.running_deferred -= not taken.fresh
        line.busy -= 1
        self._shares.give_back(taken.health)

    def done(self, taken: Taken[D, L], verdicts: Sequence[VerdictRecord], now: float, jitter: float) -> Turn:
        """A load has been carried with `verdicts`; its place is free."""
        destination = taken.destination
        line = self._line(destination)
        self.running -= 1
        if id(taken) in self._stalled:
            self._stalled.remove(id(taken))
            line.stalled -= 1
        else:
            self._leave(line, taken)
        self._note(destination, experience_of(verdicts))
        turn = self._standings.ended(
            destination, verdicts, taken.started, now, jitter, len(line.ids) + len(line.back) + line.waiting
        )
        if turn is not Turn.NONE:
            self._pause(line, self.standing(destination).until)
        self._standings.used(destination, bool(line.busy or line.waiting or line.stalled))
        self._offer(line)
        return turn

    def empty(self, destination: D) -> list[L]:
        """Take out all loads that wait for it."""
        return self.withdraw(lambda _: True, (destination,))

    def loads(self) -> Iterator[L]:
        """All that wait."""
        for line in self._lines.values():
            for loads in line.loads:
                yield from (load for load, _ in loads)

    def withdraw(self, unwanted: Callable[[L], bool], destinations: Iterable[D] | None = None) -> list[L]:
        """Take out the waiting loads that are `unwanted`, of certain destinations or of all."""
        taken: list[L] = []
        for destination in tuple(self._lines if destinations is None else destinations):
            line = self._lines.get(destination)
            if line is not None and line.waiting:
                taken += self._taken_out(line, unwanted)
        return taken

    def _taken_out(self, line: _Line[D, L], unwanted: Callable[[L], bool]) -> list[L]:
        taken: list[tuple[L, int]] = []
        for loads in line.loads:
            out = [each for each in loads if unwanted(each[0])]
            if out:
                left = [each for each in loads if not unwanted(each[0])]
                loads.clear()
                loads.extend(left)
                taken += out
        if taken:
            self._left(line, len(taken), sum(bulk for _, bulk in taken))
        self._offer(line)
        return [load for load, _ in taken]

    # --- how destinations stand ------------------------------------------------------------------------------------

    def standing(self, destination: D) -> Standing:
        """How it stands."""
        return self._standings.of(destination)

    def rests(self, destination: D, now: float) -> bool:
        """No mail is tried there now."""
        return self.standing(destination).pace(now) is Pace.RESTING

    def wake(self, destination: D) -> None:
        """End its rest: somebody knows that it is back."""
        self._standings.wake(destination)
        line = self._lines.get(destination)
        if line is not None:
            self._pause(line, None)
            self._offer(line)

    def next_moment(self) -> float | None:
        """When the next of those that rest, or have had their rate, may be tried again."""
        while self._pauses and self._pauses[0][2].not_before != self._pauses[0][0]:
            heapq.heappop(self._pauses)
        return self._pauses[0][0] if self._pauses else None

    def over(self, now: float) -> list[D]:
        """Those whose pause is over; each is told once."""
        over = []
        while (moment := self.next_moment()) is not None and moment <= now:
            line = heapq.heappop(self._pauses)[2]
            line.not_before = line.rated = None
            self._offer(line)
            over.append(line.destination)
        return over

    # --- within ----------------------------------------------------------------------------------------------------

    def _line(self, destination: D) -> _Line[D, L]:
        line = self._lines.get(destination)
        if line is None:
            line = self._lines[destination] = _Line(destination)
        return line

    def _forget(self, line: _Line[D, L]) -> None:
        """Nothing is kept of one that nothing is to be done for."""
        if line.waiting:
            return
        if line.held_back:
            line.held_back = False
            self._held_back.drop(line)
        under_way = line.coming or line.busy or line.stalled
        idle = not (line.ids or under_way or line.not_before is not None)
        if idle and self._lines.get(line.destination) is line:
            del self._lines[line.destination]

    def _busy(self, destination: D) -> int:
        line = self._lines.get(destination)
        return 0 if line is None else line.busy

    def _room(self, line: _Line[D, L], now: float) -> int:
        """How many loads more it can use, so that one waits for each that is under way."""
        standing = self.standing(line.destination)
        ahead = 2 if standing.pace(now) is Pace.OPEN else 1
        return ahead * standing.places(now) - line.busy - line.waiting - line.coming

    def _health(self, destination: D) -> Health:
        if destination in self._answering:
            return Health.WELL
        if not self.standing(destination).sound(self._pacing):
            return Health.ILL
        return Health.WELL if self._named(destination) else Health.UNTRIED

    def _note(self, destination: D, met: Experience) -> None:
        if met in _THERE or met in _NOT_THERE:
            self._answering.note(destination, met in _THERE)

    def _take(self, now: float) -> Taken[D, L] | None:
        for is_fresh in (self._fresh_next, not self._fresh_next):
            if not is_fresh and self.running_deferred >= self._for_deferred:
                continue
            turns = self._turns[is_fresh]
            while turns:
                line = turns.popleft()
                line.in_turn[is_fresh] = False
                loads = line.loads[is_fresh]
                health = self._free(line, now) if loads else None
                if health is not None:
                    self._fresh_next = not is_fresh
                    return self._started(line, is_fresh, health, now)
        return None

    def _free(self, line: _Line[D, L], now: float) -> Health | None:
        """How well it is, where it has a place and may be tried now.  One that is asked about too early is offered
        again when its pause is over.
        """
        if line.not_before is not None and line.not_before > now:
            return None
        destination = line.destination
        if line.busy >= self._standings.places(destination, now):
            self._mind_rest(line, now)
            self._standings.lacks(destination, line.waiting)
            return None
        health = self._health(destination)
        if self._shares.allow(health, line.busy):
            return health
        line.held_back = True
        self._held_back.add(line, health, line.busy)
        return None

    def _started(self, line: _Line[D, L], is_fresh: bool, health: Health, now: float) -> Taken[D, L]:
        load, bulk = line.loads[is_fresh].popleft()
        self._left(line, 1, bulk)
        line.busy += 1
        self.running += 1
        self.running_deferred += not is_fresh
        if self._interval:
            line.rated = now + self._interval
            self._pause(line, None)
        self._shares.take(health)
        self._offer(line)
        return Taken(line.destination, load, is_fresh, now, health)

    def _left(self, line: _Line[D, L], number: int, bulk: int) -> None:
        """So many loads wait no more."""
        line.bulk -= bulk
        self._bulk -= bulk
        self.waiting -= number
        self._with_loads -= not line.waiting

    def _offer(self, line: _Line[D, L]) -> None:
        """It may have a place free, or room for what waits."""
        for kind in (False, True):
            if line.loads[kind] and not line.in_turn[kind]:
                line.in_turn[kind] = True
                self._turns[kind].append(line)
        if line.ids or line.back:
            self._ask(line)
        self._forget(line)

    def _ask(self, line: _Line[D, L]) -> None:
        if not line.asks:
            line.asks = True
            self._asking.append(line)

    def _pause(self, line: _Line[D, L], until: float | None) -> None:
        """Until its rest is over (None: it does not rest), and its rate allows one more."""
        moments = [each for each in (until, line.rated) if each is not None]
        line.not_before = max(moments, default=None)
        if line.not_before is not None:
            heapq.heappush(self._pauses, (line.not_before, next(self._numbers), line))

    def _mind_rest(self, line: _Line[D, L], now: float) -> None:
        """One that rests is offered again when its rest is over, whoever has found out that it rests."""
        until = self.standing(line.destination).until
        if line.not_before is None and until is not None and until > now:
            self._pause(line, until)

    def _changed(self, destination: D) -> None:
        """It stands otherwise than it did, or has a place more."""
        line = self._lines.get(destination)
        if line is not None:
            until = self.standing(destination).until
            if until is not None or line.not_before is not None:
                self._pause(line, until)
            self._offer(line)
        self._tell_changed(destination)
