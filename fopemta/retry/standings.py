"""How destinations stand, as one process finds out by itself (pure): windows, rests and probes.

Every moment is one of a steady clock.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from fopemta.retry.standing import Experience, Pacing, Standing, after_meeting, experience_of
from fopemta.trust.verdict import VerdictRecord

D = TypeVar("D", bound=Hashable)

# Of so many destinations it is remembered that they do not answer.
_MOST_REMEMBERED = 10_000


class Turn(enum.Enum):
    """What the end of a delivery changes for its destination."""

    NONE = "none"
    RESTS = "rests"  # a rest begins
    RESTS_ON = "rests on"  # the probe was in vain
    ANSWERS = "answers"  # the rest is over


def turn_of(before: Standing, standing: Standing) -> Turn:
    """What it means that a destination which stood like `before` stands so now."""
    if standing.until == before.until:
        return Turn.NONE
    if before.until is None:
        return Turn.RESTS
    return Turn.ANSWERS if standing.until is None else Turn.RESTS_ON


class AnyStandings(Protocol[D]):
    """What `Destinations` asks about how they stand; answered here, or together with other processes."""

    def limit(self, pacing: Pacing) -> None:
        """Use another pacing from now on."""

    def of(self, destination: D) -> Standing:
        """How it stands, as far as is known."""

    def places(self, destination: D, now: float) -> int:
        """How many deliveries it may have at a time from here."""

    def lacks(self, destination: D, waiting: int) -> None:
        """So many loads for it wait, and it has no place free."""

    def ended(
        self,
        destination: D,
        verdicts: Sequence[VerdictRecord],
        started: float,
        now: float,
        jitter: float,
        waiting: int = 0,
    ) -> Turn:
        """A delivery that `started` then has ended with `verdicts`, while so much is `waiting` for the destination."""

    def used(self, destination: D, in_use: bool) -> None:
        """After each delivery's end: whether anything is left to do there."""

    def wake(self, destination: D) -> None:
        """End its rest: somebody knows that it is back."""

    def serve(self, busy: Callable[[D], int], changed: Callable[[D], None]) -> None:
        """Told once: how to ask how many deliveries are under way to a destination, and whom to tell when it has
        changed for another reason than what is asked here.
        """


class Standings(Generic[D]):
    """Those that are in use or have not answered well; of the others nothing is kept."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._unknown = Standing(pacing.first_window)
        self._standings: OrderedDict[D, Standing] = OrderedDict()

    def __iter__(self) -> Iterator[D]:
        """Those of which something is remembered."""
        return iter(self._standings)

    def __len__(self) -> int:
        """Of how many something is remembered."""
        return len(self._standings)

    def limit(self, pacing: Pacing) -> None:
        """Use another pacing from now on."""
        self._pacing = pacing
        self._unknown = Standing(pacing.first_window)

    def of(self, destination: D) -> Standing:
        """How it stands."""
        return self._standings.get(destination, self._unknown)

    def places(self, destination: D, now: float) -> int:
        """How many deliveries it may have at a time."""
        return self.of(destination).places(now)

    def lacks(self, destination: D, waiting: int) -> None:
        """It has as many places as there are."""

    def ended(
        self,
        destination: D,
        verdicts: Sequence[VerdictRecord],
        started: float,
        now: float,
        jitter: float,
        waiting: int = 0,
    ) -> Turn:
        """A delivery that `started` then has ended with `verdicts`, while so much is `waiting` for the destination."""
        cause = verdicts[0] if verdicts else None
        return self.met(destination, experience_of(verdicts), cause, started, now, jitter, waiting)

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
        """It has `met` this; `cause` stands for it where that leads to a rest."""
        before = self.of(destination)
        standing = after_meeting(before, met, cause, self._pacing, started, now, jitter, waiting)
        if standing is not before:
            self._standings[destination] = standing
        return turn_of(before, standing)

    def used(self, destination: D, in_use: bool) -> None:
        """Remember what is of use, that which was used last longest."""
        standing = self._standings.pop(destination, None)
        if standing is not None and (in_use or not standing.sound(self._pacing)):
            self._standings[destination] = standing
            if len(self._standings) > _MOST_REMEMBERED:
                self._standings.popitem(last=False)

    def wake(self, destination: D) -> None:
        """End its rest."""
        self._standings.pop(destination, None)

    def serve(self, busy: Callable[[D], int], changed: Callable[[D], None]) -> None:
        """Nothing changes of itself."""
