"""Which consignments go, and which wait until their destination can take them (shell room, but no I/O)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from fopemta import maillog
from fopemta.address.mailbox import path_text
from fopemta.config.model import Configuration
from fopemta.mail.queued import RecipientStatus
from fopemta.queue.destinations import Destinations, Taken
from fopemta.queue.parked import Parked
from fopemta.retry.standing import Pacing
from fopemta.retry.standings import AnyStandings, Turn
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Via
from fopemta.routing.values import NextHop
from fopemta.trust.verdict import Result, VerdictRecord, rfc3339

# Beyond so many waiting in all, nobody has more than his share of them in memory.
_MOST_WAITING = 1000


class Traffic:
    """`seconds` gives a steady clock's time.  Where others have a say in how destinations stand, `standings` asks them,
    and `changed` is told of a destination that stands otherwise.
    """

    def __init__(
        self,
        config: Configuration,
        seconds: Callable[[], float],
        noise: random.Random,
        standings: AnyStandings[NextHop] | None = None,
        changed: Callable[[NextHop], None] = lambda _: None,
    ) -> None:
        self._most: int | None = None
        self._config = config
        self._destinations: Destinations[NextHop, Consignment] = Destinations(
            *_limits(config), standings, changed, _named
        )
        self._parked: Parked[NextHop] = Parked()
        self._seconds = seconds
        self._noise = noise

    def reconfigure(self, config: Configuration) -> None:
        """Use other limits from now on."""
        self._config = config
        self._destinations.limit(*_limits(config, self._most))

    def allow(self, most: int) -> None:
        """No more deliveries than so many at a time, whatever is configured."""
        self._most = most
        self.reconfigure(self._config)

    @property
    def running(self) -> int:
        """Deliveries under way."""
        return self._destinations.running

    # --- loads -----------------------------------------------------------------------------------------------------

    def admit(self, consignment: Consignment) -> bool:
        """Let it wait for its turn; False when its destination rests, or has more than its share waiting."""
        hop = consignment.next_hop
        if not self._takes(hop):
            return False
        self._destinations.add(hop, consignment, consignment.attempt_of(consignment.recipients[0]) == 1)
        return True

    def _takes(self, hop: NextHop) -> bool:
        """It may have one more waiting here.  The one question for who brings mail and for who calls it: were it two,
        mail might be called that is not let in, again and again.
        """
        return not self._destinations.rests(hop, self._seconds()) and not self.crowded(hop)

    @property
    def crowd(self) -> bool:
        """So many loads wait in all that some destination may have more than its share."""
        return self._destinations.waiting >= _MOST_WAITING

    def crowded(self, hop: NextHop) -> bool:
        """That destination has its share waiting: never one with nothing, which nobody would call."""
        if not self.crowd:
            return False
        share = max(self._destinations.fair_share(_MOST_WAITING), 1)
        return self._destinations.waiting_for(hop) + self._parked.coming(hop) >= share

    def park(self, hop: NextHop, message_id: str) -> None:
        """Let a message wait: `called` gives it when its destination can take it."""
        self._parked.add(hop, message_id)

    def withdraw(self, message_id: str) -> list[Consignment]:
        """Take out what waits for its turn of a message."""
        return self._destinations.withdraw(lambda consignment: consignment.message.id == message_id)

    def waiting(self) -> frozenset[str]:
        """The ids of the messages of which something waits for its turn."""
        return frozenset([each.message.id for each in self._destinations.loads()])

    def withdraw_all(self) -> list[Consignment]:
        """Take out all that waits for its turn."""
        return self._destinations.withdraw(lambda _: True)

    def take(self) -> Taken[NextHop, Consignment] | None:
        """The next to start, None when none may."""
        return self._destinations.take(self._seconds())

    def pressed(self, hop: NextHop) -> bool:
        """Other mail waits for a place that this destination has, though it has never answered."""
        return self._destinations.pressed(hop)

    def done(self, taken: Taken[NextHop, Consignment], verdicts: Sequence[VerdictRecord]) -> list[Consignment]:
        """It has been carried with `verdicts`; gives those that waited for a destination that rests now."""
        hop, now = taken.destination, self._seconds()
        turn = self._destinations.done(taken, verdicts, now, self._noise.random())
        if turn is Turn.ANSWERS:
            maillog.destination_answers(hop.word)
        if turn not in (Turn.RESTS, Turn.RESTS_ON):
            return []
        standing = self._destinations.standing(hop)
        cause = standing.cause
        maillog.destination_rests(
            hop.word, (standing.until or now) - now, cause.diagnosis if cause else None, cause.text if cause else ""
        )
        return self._destinations.empty(hop)

    def rested(self, hop: NextHop) -> list[Consignment]:
        """Those that wait for it, where it rests now."""
        return self._destinations.empty(hop) if self._destinations.rests(hop, self._seconds()) else []

    # --- what waits ------------------------------------------------------------------------------------------------

    def over(self) -> list[NextHop]:
        """The destinations whose pause is over; each is told once."""
        return self._destinations.over(self._seconds())

    def called(self, hop: NextHop) -> Iterator[str]:
        """Ids of messages that its destination can take now; each is to be read, and told of by `comes`."""
        while self._takes(hop) and self._destinations.room(hop, self._seconds()) > self._parked.coming(hop):
            message_id = self._parked.call(hop)
            if message_id is None:
                return
            yield message_id

    def unpark(self) -> list[str]:
        """Ids of all messages that wait, which do so no more: their ways may be others now."""
        return self._parked.clear()

    def comes(self, hop: NextHop, message_id: str) -> None:
        """A called message is being read."""
        self._parked.comes(hop, message_id)

    def arrived(self, message_id: str) -> NextHop | None:
        """A message has been read, or cannot be; gives the destination that had called it."""
        return self._parked.arrived(message_id)

    def next_moment(self) -> float | None:
        """When the next pause is over, on the steady clock."""
        return self._destinations.next_moment()

    def wake(self, hop: NextHop) -> None:
        """End its rest: an operator, or the destination itself, says that it is back."""
        self._destinations.wake(hop)

    def resting(self, hop: NextHop) -> float | None:
        """Seconds for which it rests still; None when it does not."""
        until = self._destinations.standing(hop).until
        return None if until is None else max(until - self._seconds(), 0.0)

    def not_tried(self, consignment: Consignment, status: RecipientStatus, now: float) -> VerdictRecord | None:
        """What stands in for an attempt that is not made, for its destination rests; None when it does not.

        `now` wall time.  It is no attempt: it bears the number of the last one that was made.
        """
        standing = self._destinations.standing(consignment.next_hop)
        if standing.cause is None or standing.until is None:
            return None
        return _in_place_of(standing.cause, consignment, status, now, now + max(standing.until - self._seconds(), 0.0))


def _named(hop: NextHop) -> bool:
    """A route says where it is, not the DNS of a stranger's domain."""
    return hop.route.via is not Via.MX


def _limits(config: Configuration, most: int | None = None) -> tuple[int, Pacing, float]:
    delivery, workers = config.delivery, config.workers
    rate = delivery.rate_per_destination / workers.count
    places = workers.share(delivery.connections)
    places = places if most is None else min(places, most)
    return places, Pacing.of(delivery.connections_per_destination, config.retry), rate


def _in_place_of(
    cause: VerdictRecord, consignment: Consignment, status: RecipientStatus, now: float, until: float
) -> VerdictRecord:
    """Nothing of the demands and the session of the other message: they are its own."""
    return VerdictRecord(
        time=now,
        message=consignment.message.id,
        sender=path_text(consignment.message.envelope.sender),
        recipient=str(status.address),
        attempt=status.attempts,
        host=cause.host,
        address=cause.address,
        port=cause.port,
        result=Result.DEFERRED,
        code=cause.code,
        enhanced=cause.enhanced,
        diagnosis=cause.diagnosis,
        text=f"Not tried, since another message found at {rfc3339(cause.time)}: {cause.text}",
        next_try=until,
    )
