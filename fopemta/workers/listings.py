"""A worker's queue, told in portions (shell), as each is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from twisted.internet.interfaces import IDelayedCall, IReactorTime

# A message's place among all, and its brief in JSON.
Placed: TypeAlias = tuple[str, bytes]

# So many lines keep the mail waiting for less than a millisecond or two.
_LINES = 200
# In seconds: a list for whose next portion nobody asks is not wanted any more.
_PATIENCE = 120.0


class Listings:
    """Those that are being told; `listing` begins one, whose lines are in the order of their `place`."""

    def __init__(
        self, clock: IReactorTime, listing: Callable[[], Iterator[bytes]], place: Callable[[bytes], str]
    ) -> None:
        self._clock = clock
        self._listing = listing
        self._place = place
        self._open: dict[int, tuple[Iterator[bytes], IDelayedCall]] = {}

    def some(self, number: int, begins: bool) -> Sequence[Placed] | None:
        """The next lines of the list of that `number`, none at its end; None when there is no such list (any more)."""
        lines = self._listing() if begins else self._taken(number)
        if lines is None:
            return None
        portion = [(self._place(line), line) for line in islice(lines, _LINES)]
        if portion:
            self._open[number] = lines, self._clock.callLater(_PATIENCE, self._open.pop, number, None)
        return portion

    def _taken(self, number: int) -> Iterator[bytes] | None:
        lines, call = self._open.pop(number, (None, None))
        if call is not None:
            call.cancel()
        return lines
