"""How a destination stands (pure): how many deliveries it may have at a time, and whether it is left in peace.

The window shrinks when nobody answers there and grows with every answer.  A destination where nobody answers at all is
rested: no mail is tried there but one probe at the end of each rest, and the rests grow.  Only connections that fail
and refusals to talk to us count: what a server says of one message, or a certificate that is not good
enough for one demand, says nothing about other mail.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import attrs

from fopemta.retry.settings import Retry
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import Result, VerdictRecord

# Deliveries at a time to a destination that nothing is known of.
FIRST_WINDOW = 5
# Seconds of the first rest and of the longest; each is twice the one before.  The waits of [retry] come first: who
# wants messages tried every few seconds wants the same of destinations.
FIRST_REST = 30.0
LONGEST_REST = 15 * 60.0
# While much waits for a destination, it is probed sooner: so that all probes together are no more than if each message
# were tried by itself once in so many seconds; but no rest is shorter than this.
EACH_WAITS = 3000.0
SHORTEST_REST = 5.0
# Of a rest, either way: destinations that failed together are not probed together.
JITTER = 0.2


@attrs.frozen
class Pacing:
    """`connections_per_destination`: the largest window.  `first_rest` and `longest_rest` in seconds."""

    connections_per_destination: int
    first_rest: float = FIRST_REST
    longest_rest: float = LONGEST_REST

    @classmethod
    def of(cls, connections_per_destination: int, retry: Retry) -> Pacing:
        """What a configuration says."""
        rests = min(FIRST_REST, retry.first), min(LONGEST_REST, retry.longest)
        return cls(connections_per_destination, *rests)

    @property
    def first_window(self) -> int:
        """Of a destination that nothing is known of."""
        return min(FIRST_WINDOW, self.connections_per_destination)

    def rest(self, number: int, waiting: int = 0) -> float:
        """Seconds of the n-th rest in a row, before jitter, while so many messages wait for the destination."""
        longest = max(EACH_WAITS / max(waiting, 1), SHORTEST_REST)
        return float(min(self.first_rest * 2 ** min(number - 1, 30), self.longest_rest, longest))


class Experience(enum.Enum):
    """What one delivery has found out about its destination."""

    ANSWERED = "answered"  # it took the message, or said what it thinks of it
    THERE = "there"  # somebody is there, but it did not come to a message: TLS is not what was demanded
    BROKEN = "broken"  # the conversation broke; it may have been this message
    AWAY = "away"  # nobody there, nobody willing to talk, or 421
    NOTHING = "nothing"  # nothing: our own trouble, or DNS'

    __hash__ = object.__hash__  # Enum's own is written in Python, and each outcome looks it up in tables.


# What one delivery's recipients met together: the first of these that any of them met.
_STRENGTH = (Experience.ANSWERED, Experience.BROKEN, Experience.THERE, Experience.AWAY, Experience.NOTHING)
_BREAKS = frozenset({Diagnosis.CONVERSATION_DROPPED.value, Diagnosis.CONVERSATION_TIMEOUT.value})
_ANSWERS = frozenset({None, Diagnosis.REFUSED_BY_PEER.value, Diagnosis.DEFERRED_BY_PEER.value})


def experience_of(verdicts: Sequence[VerdictRecord]) -> Experience:
    """What the verdicts of one delivery say together."""
    if len(verdicts) == 1 and verdicts[0].code != 421:
        return _experience_of(verdicts[0])
    # RFC 5321 3.8: 421 takes back all the rest, whenever it is said.
    if any(verdict.code == 421 for verdict in verdicts):
        return Experience.AWAY
    found = {_experience_of(verdict) for verdict in verdicts}
    if len(found) == 1:
        return found.pop()
    return next((each for each in _STRENGTH if each in found), Experience.NOTHING)


def _experience_of(verdict: VerdictRecord) -> Experience:
    if verdict.result is Result.DELIVERED:
        return Experience.ANSWERED
    if verdict.diagnosis == Diagnosis.LOCAL_TROUBLE.value or (verdict.host is None and verdict.address is None):
        return Experience.NOTHING
    if verdict.rung is None:
        return Experience.AWAY  # no session stood
    if verdict.diagnosis in _BREAKS:
        return Experience.BROKEN
    return Experience.ANSWERED if verdict.diagnosis in _ANSWERS else Experience.THERE


class Pace(enum.Enum):
    """Whether a destination is tried."""

    OPEN = "open"
    RESTING = "resting"
    PROBING = "probing"

    __hash__ = object.__hash__  # Enum's own is written in Python, and each outcome looks it up in tables.


@attrs.frozen
class Standing:
    """`window` deliveries at a time while it is open, a part of one on the way to the next.  `rests` in a row, the last
    `until` a moment of a steady clock (None: open).  `cause` is what the delivery that led to the rest found.

    `shrunk`: when the window last shrank, and `ceiling` what it came to: from there on it grows by one for each round
    of answers, so that a server's own limit is felt for and not run into again and again.
    """

    window: float
    rests: int = 0
    until: float | None = None
    cause: VerdictRecord | None = None
    shrunk: float = -math.inf
    ceiling: float = math.inf

    def pace(self, now: float) -> Pace:
        """`now` of the same steady clock."""
        if self.until is None:
            return Pace.OPEN
        return Pace.RESTING if now < self.until else Pace.PROBING

    def places(self, now: float) -> int:
        """How many deliveries it may have at a time."""
        pace = self.pace(now)
        return int(self.window) if pace is Pace.OPEN else int(pace is Pace.PROBING)

    def grown(self, most: int) -> Standing:
        """After an answer, with no window above `most`."""
        step = 1.0 if self.window < self.ceiling else 1.0 / self.window
        return Standing(min(self.window + step, most), shrunk=self.shrunk, ceiling=self.ceiling)

    def halved(self, now: float) -> Standing:
        """After a failure."""
        half = max(self.window / 2, 1.0)
        return attrs.evolve(self, window=half, shrunk=now, ceiling=half)

    def sound(self, pacing: Pacing) -> bool:
        """Nothing is held against it: as good as one that nothing is known of."""
        return self.until is None and self.rests == 0 and self.window >= pacing.first_window


class _Change(enum.Enum):
    NONE = "none"
    GROW = "grow"
    SHRINK = "shrink"
    SHRINK_OR_REST = "shrink, or rest when it cannot"
    REOPEN = "reopen, as one that nothing is known of"
    REST_LONGER = "rest longer"
    REST_AGAIN = "rest as long again"

    __hash__ = object.__hash__  # Enum's own is written in Python, and each outcome looks it up in tables.


_CHANGES = {
    Pace.OPEN: {
        Experience.ANSWERED: _Change.GROW,
        Experience.THERE: _Change.NONE,
        Experience.BROKEN: _Change.SHRINK,
        Experience.AWAY: _Change.SHRINK_OR_REST,
        Experience.NOTHING: _Change.NONE,
    },
    # Deliveries that were under way when the rest began.
    Pace.RESTING: {
        Experience.ANSWERED: _Change.REOPEN,
        Experience.THERE: _Change.REOPEN,
        Experience.BROKEN: _Change.NONE,
        Experience.AWAY: _Change.NONE,
        Experience.NOTHING: _Change.NONE,
    },
    Pace.PROBING: {
        Experience.ANSWERED: _Change.REOPEN,
        Experience.THERE: _Change.REOPEN,
        Experience.BROKEN: _Change.REST_LONGER,
        Experience.AWAY: _Change.REST_LONGER,
        Experience.NOTHING: _Change.REST_AGAIN,
    },
}


_FAILURES = frozenset({_Change.SHRINK, _Change.SHRINK_OR_REST})


def after(
    standing: Standing, verdicts: Sequence[VerdictRecord], pacing: Pacing, started: float, now: float, jitter: float
) -> Standing:
    """Once a delivery that `started` then has ended with `verdicts`; `jitter` a random number from 0 to 1.

    Failures of what was under way when the window shrank say nothing new: a server that takes ten of twenty connections
    has the window halved once, not ten times.
    """
    cause = verdicts[0] if verdicts else None
    return after_meeting(standing, experience_of(verdicts), cause, pacing, started, now, jitter)


def after_meeting(
    standing: Standing,
    met: Experience,
    cause: VerdictRecord | None,
    pacing: Pacing,
    started: float,
    now: float,
    jitter: float,
    waiting: int = 0,
) -> Standing:
    """The same, of a delivery that has `met` this; `cause` stands for it where that leads to a rest, while so many
    messages are `waiting` for the destination.
    """
    change = _CHANGES[standing.pace(now)][met]
    if change in _FAILURES and started < standing.shrunk:
        return standing
    match change:
        case _Change.GROW:
            return standing.grown(pacing.connections_per_destination)
        case _Change.SHRINK:
            return standing.halved(now)
        case _Change.SHRINK_OR_REST if standing.window >= 2:
            return standing.halved(now)
        case _Change.REOPEN:
            # The rests are forgotten only with the next answer: one that fails at once again is rested longer.
            return Standing(pacing.first_window, standing.rests, shrunk=now)
        case _Change.SHRINK_OR_REST | _Change.REST_LONGER:
            return _rested(standing.rests + 1, cause, pacing.rest(standing.rests + 1, waiting), now, jitter)
        case _Change.REST_AGAIN:
            return _rested(standing.rests, standing.cause, pacing.rest(standing.rests, waiting), now, jitter)
    return standing


def _rested(rests: int, cause: VerdictRecord | None, rest: float, now: float, jitter: float) -> Standing:
    wait = rest * (1 - JITTER + 2 * JITTER * jitter)
    return Standing(1, rests, now + wait, cause)
