"""What is due when (pure): message ids by moment, small in memory."""

from __future__ import annotations

import heapq


class Agenda:
    """At most one moment for each id; a new one replaces the old."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._moments: dict[str, float] = {}

    def set(self, message_id: str, moment: float) -> None:
        """`message_id` is due at `moment`."""
        self._moments[message_id] = moment
        heapq.heappush(self._heap, (moment, message_id))
        # What was replaced or removed stays in the heap until it surfaces; never more than as much again.
        if len(self._heap) > 2 * len(self._moments) + 64:
            self._heap = [(due, each) for each, due in self._moments.items()]
            heapq.heapify(self._heap)

    def remove(self, message_id: str) -> None:
        """Forget an id; harmless when it is not there."""
        self._moments.pop(message_id, None)

    def pop_due(self, now: float) -> str | None:
        """The id that has been due longest, None when none is; it is then no longer here."""
        if self.next_moment() is None or self._heap[0][0] > now:
            return None
        _, message_id = heapq.heappop(self._heap)
        del self._moments[message_id]
        return message_id

    def next_moment(self) -> float | None:
        """When the next is due, None when nothing is here."""
        while self._heap and self._moments.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def __len__(self) -> int:
        return len(self._moments)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._moments
