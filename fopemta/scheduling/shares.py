"""How the places for deliveries are shared out by what is known of the destinations (pure).

Strangers can have mail sent to any number of domains whose servers take connections and say nothing.  What is tried in
vain must not take the places of mail that could go.
"""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

D = TypeVar("D", bound=Hashable)

# Of so many destinations it is remembered that they answered last time.
_MOST_REMEMBERED = 10_000
# The part of all places that only destinations that answer can take, and the part that those which do not can have.
_FOR_WELL = 8
_FOR_ILL = 4
# Below so many places nothing can be set aside.
_FEW = 4


class Health(enum.Enum):
    """What is known of a destination."""

    WELL = "well"  # it answered last time, or the operator has named it and nothing is held against it
    UNTRIED = "untried"  # nothing
    ILL = "ill"  # it did not answer, and has not since

    __hash__ = object.__hash__  # Enum's own is written in Python, and each outcome looks it up in tables.


class Shares:
    """Counts places that are taken; `limit` says how many there are."""

    def __init__(self, places: int) -> None:
        self._taken: Counter[Health] = Counter()
        self._total = 0
        self.limit(places)

    def limit(self, places: int) -> None:
        """There are so many from now on."""
        kept = max(places // _FOR_WELL, 1) if places >= _FEW else 0
        self._places = places
        self._unproven = max(places - kept, 1)
        self._ill = max(places // _FOR_ILL, 1)
        self._several = places // 2

    @property
    def full(self) -> bool:
        """All places are taken."""
        return self._total >= self._places

    def allow(self, health: Health, busy: int) -> bool:
        """A destination of this health that has `busy` places may have one more.

        One that has not answered yet has several only while half of the places are free of such.
        """
        if self.full:
            return False
        if health is Health.WELL:
            return True
        unproven = self._taken[Health.UNTRIED] + self._taken[Health.ILL]
        if unproven >= self._unproven or (busy and unproven >= self._several):
            return False
        return health is Health.UNTRIED or self._taken[Health.ILL] < self._ill

    def take(self, health: Health) -> None:
        """A place is taken."""
        self._taken[health] += 1
        self._total += 1

    def give_back(self, health: Health) -> None:
        """It is free again; `health` as it was when the place was taken."""
        self._taken[health] -= 1
        self._total -= 1


class Answering(Generic[D]):
    """The destinations that answered when they were last tried; of the most, the one longest ago is forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[D, None] = OrderedDict()

    def __contains__(self, destination: D) -> bool:
        return destination in self._known

    def note(self, destination: D, answered: bool) -> None:
        """How the last try ended."""
        self._known.pop(destination, None)
        if answered:
            self._known[destination] = None
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)


class HeldBack(Generic[D]):
    """Destinations that found no place of their share, in the order of their turn."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Health, bool], OrderedDict[D, None]] = {}

    def __bool__(self) -> bool:
        return any(self._waiting.values())

    def add(self, destination: D, health: Health, busy: int) -> None:
        """It has `busy` places and would use one more."""
        self._waiting.setdefault((health, busy > 0), OrderedDict()).setdefault(destination)

    def next(self, shares: Shares) -> D | None:
        """One that may find a place now; it is held back no more.  None when there is none."""
        for kind, line in list(self._waiting.items()):
            if line and shares.allow(*kind):
                # The other kinds come first the next time.
                self._waiting[kind] = self._waiting.pop(kind)
                return line.popitem(last=False)[0]
        return None

    def drop(self, destination: D) -> None:
        """Nothing waits for it any more."""
        for line in self._waiting.values():
            line.pop(destination, None)

    def others(self, destination: D) -> bool:
        """Somebody else is held back."""
        return any(len(line) > (destination in line) for line in self._waiting.values())
