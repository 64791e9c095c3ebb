"""Every message of the queue, and where it stands (pure): in memory little more than its id.

Moments are stored, shown and reported in wall time; what waits, and how old it grows, is measured on a steady clock: a
wall clock that may be set at any moment moves nothing that waits.  The two meet when a message is found or taken, and
when a moment is set.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from typing import Any

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.scheduling.agenda import Agenda
from fopemta.scheduling.stages import IN_MEMORY, MOVING, Act, Event, Stage, step

# Room in memory is counted in recipients; a message counts for so many at least.
LEAST_BULK = 10


@attrs.frozen
class Pressing:
    """What of a message somebody wants tried at once: its mail for `domains` (see `is_of`), who asked by ETRN, and its
    `recipients`, who are named in an order.
    """

    domains: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()

    def __or__(self, other: Pressing) -> Pressing:
        """Both together."""
        return Pressing(self.domains | other.domains, self.recipients | other.recipients)

    def __bool__(self) -> bool:
        """Whether it is about anything."""
        return bool(self.domains or self.recipients)

    def names(self, recipient: Mailbox) -> bool:
        """Whether it is about this one."""
        return str(recipient) in self.recipients or self.concerns(recipient.domain)

    def concerns(self, domain: str) -> bool:
        """Whether it is about all mail for this domain."""
        return any(is_of(each, domain) for each in self.domains)


NOTHING_PRESSES = Pressing()


@attrs.define(eq=False)
class Entry:
    """One message: `born` on the steady clock, `domains` of the recipients that wait, `looked` when it was last
    put off.  `told`: of each recipient that waits it is stored why.  `bound`: under a rule's demand; `untried` since
    other rules came, so that what these have added is stored nowhere yet.  `orders` that are pending.

    In memory alone: its `round`, how much is being done for it (`at_work`), and how much room it takes (`bulk`).
    """

    id: str
    born: float
    domains: tuple[str, ...] = ()
    looked: float = -math.inf
    stage: Stage = Stage.GONE
    told: bool = False
    bound: bool = False
    untried: bool = False
    pressing: Pressing = NOTHING_PRESSES
    orders: list[Any] | None = None
    round: Any = None
    at_work: int = 0
    bulk: int = 0


class Roster:
    """`seconds` gives a steady clock's time, `now` the wall time."""

    def __init__(self, seconds: Callable[[], float], now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._entries: dict[str, Entry] = {}
        self._counts: Counter[Stage] = Counter()
        self._agenda = Agenda()
        self._backlog: deque[Entry] = deque()
        self._began = -math.inf
        # Room in memory that is taken, in recipients.
        self.bulk = 0

    # --- entries ---------------------------------------------------------------------------------------------------

    def enter(self, message_id: str, arrived: float, domains: tuple[str, ...] = ()) -> Entry:
        """A message that arrived at this moment of the wall clock, as that stands now; one whose arrival lies ahead of
        the clock has arrived now.
        """
        entry = Entry(message_id, self._seconds() - max(self._now() - arrived, 0.0), _shared(domains))
        self._entries[message_id] = entry
        return entry

    def get(self, message_id: str) -> Entry | None:
        """That of a message which is not finished."""
        return self._entries.get(message_id)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def count(self, stage: Stage) -> int:
        """How many are there."""
        return self._counts[stage]

    @property
    def moving(self) -> int:
        """Those that will be tried without anybody's doing."""
        return sum(self._counts[each] for each in MOVING)

    def of_domain(self, wanted: str) -> Iterator[tuple[Entry, str]]:
        """Every entry for `wanted`, once for each domain that it names (see `is_of`)."""
        for entry in self:
            for domain in entry.domains:
                if is_of(wanted, domain):
                    yield entry, domain

    # --- stages ----------------------------------------------------------------------------------------------------

    def happens(self, entry: Entry, event: Event) -> Act:
        """What is to be done now that `event` has happened to it.

        Whether this queue may try a message now is decided here and nowhere else: it may when it gets READ, JUDGE or
        BEGIN for an answer.  Where several queues have one spool, this is what they have to agree about.
        """
        before = entry.stage
        stage, act = step(before, event)
        if stage is not before:
            self._counts[before] -= before is not Stage.GONE
            self._counts[stage] += stage is not Stage.GONE
            entry.stage = stage
            if before is Stage.WAITING:
                self._agenda.remove(entry.id)
            self.weigh(entry, max(entry.bulk, LEAST_BULK) if stage in IN_MEMORY else 0)
            if stage is Stage.GONE:
                del self._entries[entry.id]
        if act is Act.JOIN_BACKLOG:
            self._backlog.append(entry)
        return act

    def weigh(self, entry: Entry, recipients: int) -> None:
        """How many recipients it has, 0 where it is not in memory."""
        bulk = max(recipients, LEAST_BULK) if recipients else 0
        self.bulk += bulk - entry.bulk
        entry.bulk = bulk

    def ownerless(self, queued: Collection[str]) -> Iterator[Entry]:
        """Those that nobody will move on, of which there are none but by a bug; of the `queued` something waits for a
        place.
        """
        backlog = set(self._backlog)
        for entry in self:
            match entry.stage:
                case Stage.WAITING:
                    has_owner = entry.id in self._agenda
                case Stage.BACKLOG:
                    has_owner = entry in backlog
                case Stage.HELD:
                    has_owner = True
                case _:
                    has_owner = entry.at_work > 0 or (entry.stage is Stage.ACTIVE and entry.id in queued)
            if not has_owner:
                yield entry

    # --- moments ---------------------------------------------------------------------------------------------------

    def set_moment(self, entry: Entry, moment: float) -> None:
        """It waits until `moment` of the wall clock, as the clocks stand now; a new one replaces the old."""
        self._agenda.set(entry.id, self._seconds() + moment - self._now())

    def next_in_backlog(self) -> Entry | None:
        """What has waited longest for room; an order may have brought some of them in before their turn."""
        while self._backlog:
            entry = self._backlog.popleft()
            if entry.stage is Stage.BACKLOG:
                return entry
        return None

    def next_due(self) -> Entry | None:
        """What has been due longest, None when nothing is; it waits for no moment any more."""
        message_id = self._agenda.pop_due(self._seconds())
        return None if message_id is None else self._entries[message_id]

    def wait(self) -> float | None:
        """Seconds until the next is due, None when nothing waits for a moment."""
        moment = self._agenda.next_moment()
        return None if moment is None else max(moment - self._seconds(), 0.0)

    # --- ages ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The queue runs from now on."""
        self._began = self._seconds()

    @property
    def began(self) -> float:
        """When it began to run, in wall time as it is now."""
        return self._now() - (self._seconds() - self._began)

    def born(self, entry: Entry) -> float:
        """The moment of its arrival, in wall time as it is now."""
        return self._now() - (self._seconds() - entry.born)

    def arrived(self, message_id: str, otherwise: float) -> float:
        """The same of a message; `otherwise` for one that is not here."""
        entry = self._entries.get(message_id)
        return otherwise if entry is None else self.born(entry)

    def looked(self, entry: Entry) -> float:
        """When it was last put off, in wall time as it is now."""
        return self._now() - (self._seconds() - entry.looked)

    def put_off(self, entry: Entry, domains: tuple[str, ...], bound: bool, told: bool) -> None:
        """What is to be known of it once it is in memory no more."""
        entry.looked, entry.domains, entry.told = self._seconds(), _shared(domains), told
        entry.bound = entry.bound or bound
        entry.round = None


@functools.lru_cache(maxsize=4096)
def _shared(domains: tuple[str, ...]) -> tuple[str, ...]:
    """The same object for equal ones: tens of thousands of messages may wait for one domain."""
    return domains


def is_of(wanted: str, domain: str) -> bool:
    """Whether the pattern `wanted` (see `address.written`) names `domain`; RFC 1985 5.1 has "@" in the same sense."""
    if wanted.startswith("*."):
        return domain.endswith(wanted[1:])
    if not wanted.startswith("@"):
        return domain == wanted
    return domain == wanted[1:] or domain.endswith("." + wanted[1:])
