"""How destinations stand, in a worker (shell room): by what the supervisor says, with as many places as leases.

A lease is a connection's: it is given back when nothing has been sent for a while, or at once when another worker lacks
one, and only when no connection needs it any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta.retry.leases import News
from fopemta.retry.standing import Experience, Pace, Pacing, Standing, after_meeting, experience_of
from fopemta.retry.standings import Standings, Turn
from fopemta.routing.routes import hop_by
from fopemta.routing.values import NextHop
from fopemta.trust.verdict import VerdictRecord
from fopemta.workers.values import Met, Wishes

# Seconds for which a lease that nobody uses is kept: a session may stand for as long, and ride on the same lease.
LINGER = 3.0
_LOOK = 0.5
_MOST_KNOWN = 10_000
_UNTELLING = frozenset({Experience.ANSWERED, Experience.THERE, Experience.NOTHING})


class LeasedStandings:
    """See `retry.standings.AnyStandings`.  `say` takes what is to be told to the supervisor, once per reactor turn.

    `connections` tells how many connections stand that were opened on the way to a destination, `ending` how many of
    them are about to be closed; `leave` has those closed that are idle; `closed` is to be called when one has.
    Maildirs are the worker's own business.
    """

    def __init__(
        self,
        clock: IReactorTime,
        pacing: Pacing,
        say: Callable[[Wishes], None],
        connections: Callable[[NextHop], int],
        ending: Callable[[NextHop], int],
        leave: Callable[[NextHop], None],
    ) -> None:
        self._clock = clock
        self._pacing = pacing
        self._say = say
        self._connections = connections
        self._ending = ending
        self._leave = leave
        self._alone: Standings[NextHop] = Standings(pacing)
        self._known: dict[NextHop, Standing] = {}
        self._leased: Counter[NextHop] = Counter()
        self._owed: Counter[NextHop] = Counter()
        self._asked: dict[NextHop, int] = {}
        # Since when nothing is to be done for a destination of which there are leases; None: that has been long enough.
        self._idle: dict[NextHop, float | None] = {}
        self._look: IDelayedCall | None = None
        self._wants: dict[NextHop, int] = {}
        self._returns: Counter[NextHop] = Counter()
        self._met: list[Met] = []
        self._woken: list[NextHop] = []
        self._flush: IDelayedCall | None = None
        self._busy: Callable[[NextHop], int] = lambda _: 0
        self._changed: Callable[[NextHop], None] = lambda _: None

    def serve(self, busy: Callable[[NextHop], int], changed: Callable[[NextHop], None]) -> None:
        """See AnyStandings."""
        self._busy = busy
        self._changed = changed

    def limit(self, pacing: Pacing) -> None:
        """See AnyStandings."""
        self._pacing = pacing
        self._alone.limit(pacing)

    # --- asked by the queue ----------------------------------------------------------------------------------------

    def of(self, destination: NextHop) -> Standing:
        """See AnyStandings."""
        if _is_local(destination):
            return self._alone.of(destination)
        return self._known.get(destination) or Standing(self._pacing.first_window)

    def places(self, destination: NextHop, now: float) -> int:
        """See AnyStandings."""
        if _is_local(destination):
            return self._alone.places(destination, now)
        if self.of(destination).pace(now) is Pace.RESTING:
            return 0
        return self._leased[destination] - self._owed[destination] - self._ending(destination)

    def lacks(self, destination: NextHop, waiting: int) -> None:
        """See AnyStandings."""
        wanted = min(
            self._leased[destination] - self._owed[destination] + waiting, self._pacing.connections_per_destination
        )
        if not _is_local(destination) and self._asked.get(destination, 0) < wanted:
            self._asked[destination] = self._wants[destination] = wanted
            self._flush_soon()

    def ended(
        self,
        destination: NextHop,
        verdicts: Sequence[VerdictRecord],
        started: float,
        now: float,
        jitter: float,
        waiting: int = 0,
    ) -> Turn:
        """See AnyStandings: what changes something is told, and what becomes of it comes back as `told`."""
        if _is_local(destination):
            return self._alone.ended(destination, verdicts, started, now, jitter, waiting)
        met, standing = experience_of(verdicts), self.of(destination)
        cause = verdicts[0] if verdicts and met not in _UNTELLING else None
        after = after_meeting(standing, met, cause, self._pacing, started, now, jitter, waiting)
        if after != standing:
            self._met.append(Met(destination, met, cause, started, now, waiting))
            self._flush_soon()
            if after.pace(now) is Pace.RESTING:
                # The supervisor says so in a moment.  Until then a lease is no leave: one probe is one.
                self._know(destination, after)
        return Turn.NONE

    def used(self, destination: NextHop, in_use: bool) -> None:
        """See AnyStandings."""
        if _is_local(destination):
            self._alone.used(destination, in_use)
            return
        self._idle.pop(destination, None)
        if not in_use or not self._busy(destination):
            # What waits goes at once, as a rule; but it may be withdrawn, which nobody tells us.
            self._rest_idle(destination)
        self._settle(destination)

    def wake(self, destination: NextHop) -> None:
        """See AnyStandings."""
        if _is_local(destination):
            self._alone.wake(destination)
        elif self._known.pop(destination, None) is not None:
            self._woken.append(destination)
            self._flush_soon()

    # --- told from outside -----------------------------------------------------------------------------------------

    def told(self, news: Iterable[News[NextHop]]) -> None:
        """By the supervisor."""
        for each in news:
            # Ours, not the equal one that has come over: what is the same object is not compared by its fields.
            destination = hop_by(each.destination.route, each.destination.domain)
            self._leased[destination] += each.granted
            self._owed[destination] += each.recalled
            self._know(destination, each.standing)
            self._changed(destination)
            if not self._busy(destination):
                self._rest_idle(destination)
            self._settle(destination)

    def _know(self, destination: NextHop, standing: Standing) -> None:
        self._known.pop(destination, None)
        self._known[destination] = standing
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def closed(self, destination: NextHop) -> None:
        """A connection that was opened on the way there is no more."""
        if destination in self._leased:
            self._settle(destination)
            self._changed(destination)

    # --- giving back -----------------------------------------------------------------------------------------------

    def _rest_idle(self, destination: NextHop) -> None:
        if self._leased[destination] > 0:
            self._idle.setdefault(destination, self._clock.seconds())
            if self._look is None:
                self._look = self._clock.callLater(_LOOK, self._look_round)
        else:
            self._forget(destination)

    def _look_round(self) -> None:
        self._look = None
        now = self._clock.seconds()
        for destination in [each for each, since in self._idle.items() if since is not None and since + LINGER <= now]:
            self._idle[destination] = None
            self._settle(destination)
        if any(since is not None for since in self._idle.values()):
            self._look = self._clock.callLater(_LOOK, self._look_round)

    def _settle(self, destination: NextHop) -> None:
        """Give back what is owed, all of it where nothing has been sent for long, as far as no connection needs it."""
        leased, busy = self._leased[destination], self._busy(destination)
        over = busy == 0 and self._idle.get(destination, 0.0) is None
        due = leased if over else min(self._owed[destination], leased)
        if due <= 0:
            return
        connections = self._connections(destination)
        if connections > busy and leased - connections < due:
            self._leave(destination)
            connections = self._connections(destination)
        number = min(due, leased - max(busy, connections))
        if number > 0:
            self._give_back(destination, number)

    def _give_back(self, destination: NextHop, number: int) -> None:
        self._leased[destination] -= number
        self._owed[destination] -= min(number, self._owed[destination])
        self._returns[destination] += number
        self._asked.pop(destination, None)
        self._wants.pop(destination, None)
        self._flush_soon()
        if not self._leased[destination]:
            self._forget(destination)
            self._changed(destination)  # what waits may want one again

    def _forget(self, destination: NextHop) -> None:
        """Nothing is held there; a rest is remembered until it is over."""
        del self._leased[destination], self._owed[destination]
        self._idle.pop(destination, None)
        standing = self._known.get(destination)
        if standing is not None and standing.sound(self._pacing):
            del self._known[destination]

    # --- saying ----------------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if self._flush is None:
            self._flush = self._clock.callLater(0, self._say_all)

    def _say_all(self) -> None:
        self._flush = None
        wishes = Wishes(tuple(self._wants.items()), tuple(self._returns.items()), tuple(self._met), tuple(self._woken))
        self._wants.clear()
        self._returns.clear()
        self._met.clear()
        self._woken.clear()
        self._say(wishes)


def _is_local(destination: NextHop) -> bool:
    return destination.route.is_local
