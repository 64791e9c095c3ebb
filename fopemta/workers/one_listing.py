"""The queues of all workers as one list (shell), the oldest message first."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from fopemta.interfaces import Portions, Unanswered
from fopemta.workers import commands
from fopemta.workers.fleet import Fleet
from fopemta.workers.listings import Placed
from fopemta.workers.seat import Seat, SeatStage

_LINES = 200


class OneListing:
    """A list in which the messages of one worker are missing is none: it fails."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._numbers = count()

    def portions(self) -> Portions:
        """Begin a list."""
        merging = _Merging(self._fleet, next(self._numbers))
        return lambda: Deferred.fromCoroutine(merging.some())


class _Part:
    """What one worker has told and nobody has taken yet."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.told: deque[Placed] = deque()
        self.begun = False
        self.ended = False

    @property
    def wanting(self) -> bool:
        """Nothing can be said of what comes next before it has told more."""
        return not self.told and not self.ended


class _Merging:
    def __init__(self, fleet: Fleet, number: int) -> None:
        self._fleet = fleet
        self._number = number
        self._parts = [_Part(seat) for seat in fleet.seats]
        self._begun = False

    async def some(self) -> Sequence[bytes]:
        """The next lines, none at the end.  Raises Unanswered."""
        if not self._begun:
            self._begun = True
            await self._fleet.begun()
        lines: list[bytes] = []
        while len(lines) < _LINES:
            await self._fill([each for each in self._parts if each.wanting])
            if not any(each.told for each in self._parts):
                break
            self._take(lines)
        return lines

    async def _fill(self, parts: Sequence[_Part]) -> None:
        answers = await DeferredList([self._ask(each) for each in parts])
        for part, (_, answer) in zip(parts, answers, strict=True):
            told: Sequence[Placed] | None = None if answer is None else answer["lines"]
            if told is None:
                state = "does not answer" if part.seat.stage is SeatStage.READY else "is still beginning"
                raise Unanswered(f"worker {part.seat.number} {state}: its messages cannot be listed now")
            part.told.extend(told)
            part.ended = not told

    def _ask(self, part: _Part) -> Deferred[dict[str, Any] | None]:
        begins, part.begun = not part.begun, True
        return self._fleet.asked(part.seat, commands.ListSome, {"listing": self._number, "begins": begins})

    def _take(self, lines: list[bytes]) -> None:
        """The oldest, as long as everybody's next is known."""
        heap = [(part.told[0][0], number, part.told) for number, part in enumerate(self._parts) if part.told]
        heapq.heapify(heap)
        while heap and len(lines) < _LINES:
            _, number, told = heap[0]
            lines.append(told.popleft()[1])
            if told:
                heapq.heapreplace(heap, (told[0][0], number, told))
            elif self._parts[number].ended:
                heapq.heappop(heap)
            else:
                return
