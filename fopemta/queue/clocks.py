"""The queue's time (shell room, but no I/O): a wall clock that may be set at any moment moves nothing that waits.

Moments are stored, shown and reported in wall time; what waits, and how old it grows, is measured on a steady clock
(C114).  The two meet when a message is found or taken, and when a moment is set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from fopemta.retry.agenda import Agenda


class SteadyAgenda:
    """What is due when: told in wall time (`now`), kept in the time of a steady clock (`seconds`)."""

    def __init__(self, seconds: Callable[[], float], now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._agenda = Agenda()

    def set(self, message_id: str, moment: float) -> None:
        """Due at `moment`, as the clocks stand now; a new moment replaces the old."""
        self._agenda.set(message_id, self._seconds() + moment - self._now())

    def remove(self, message_id: str) -> None:
        """Forget an id; harmless when it is not there."""
        self._agenda.remove(message_id)

    def pop_due(self) -> str | None:
        """The id that has been due longest, None when none is; it is then no longer here."""
        return self._agenda.pop_due(self._seconds())

    def wait(self) -> float | None:
        """Seconds until the next is due, None when nothing is here."""
        moment = self._agenda.next_moment()
        return None if moment is None else max(moment - self._seconds(), 0.0)

    def moment(self, message_id: str) -> float | None:
        """When it is due, in wall time as it is now; None for one that is not here."""
        moment = self._agenda.moment(message_id)
        return None if moment is None else moment - self._seconds() + self._now()

    def __len__(self) -> int:
        return len(self._agenda)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._agenda


class Ages:
    """How long messages have been here, and for which domains they wait.  One whose arrival lies ahead of the clock has
    arrived when it was found.
    """

    def __init__(self, seconds: Callable[[], float], now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._began = -math.inf
        self._born: dict[str, float] = {}
        self._domains: dict[str, tuple[str, ...]] = {}

    def begin(self) -> None:
        """The queue runs from now on."""
        self._began = self._seconds()

    @property
    def began(self) -> float:
        """When it began to run, in wall time as it is now."""
        return self._now() - (self._seconds() - self._began)

    def found(self, message_id: str, arrived: float, domains: tuple[str, ...] = ()) -> None:
        """A message that arrived at this moment of the wall clock, as that stands now."""
        self._domains[message_id] = domains
        self._born[message_id] = self._seconds() - max(self._now() - arrived, 0.0)

    def waits_for(self, message_id: str, domains: tuple[str, ...]) -> None:
        """Some of its recipients may be done with, or held."""
        self._domains[message_id] = domains

    def arrived(self, message_id: str, otherwise: float) -> float:
        """The moment of arrival in wall time as it is now; `otherwise` for one that was never found."""
        born = self._born.get(message_id)
        return otherwise if born is None else self._now() - (self._seconds() - born)

    def forget(self, message_id: str) -> None:
        """It is finished."""
        self._born.pop(message_id, None)
        self._domains.pop(message_id, None)

    def __iter__(self) -> Iterator[str]:
        """Every message that is not finished."""
        return iter(self._born)

    def of_domain(self, wanted: str) -> Iterator[tuple[str, str]]:
        """(id, domain) of every message for `wanted`, once for each domain that it names (see `is_of`)."""
        for message_id, domains in self._domains.items():
            for domain in domains:
                if is_of(wanted, domain):
                    yield message_id, domain


def is_of(wanted: str, domain: str) -> bool:
    """Whether the pattern `wanted` (see `address.written`) names `domain`; RFC 1985 5.1 has "@" in the same sense."""
    if wanted.startswith("*."):
        return domain.endswith(wanted[1:])
    if not wanted.startswith("@"):
        return domain == wanted
    return domain == wanted[1:] or domain.endswith("." + wanted[1:])
