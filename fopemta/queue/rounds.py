"""What is done for a message in memory (shell): each of its ways is given to a destination, delivered, written down."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.background import supervise
from fopemta.interfaces import ICourier
from fopemta.mail.queued import RecipientStatus
from fopemta.queue.outcomes import Outcomes
from fopemta.queue.ways import Round, Ways
from fopemta.retry.standings import Turn
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Via
from fopemta.routing.values import NextHop
from fopemta.scheduling.destinations import Destinations, Taken
from fopemta.scheduling.not_tried import destination_rests, not_asked_for, not_judged
from fopemta.scheduling.roster import LEAST_BULK, NOTHING_PRESSES, Entry, Roster
from fopemta.trust.verdict import VerdictRecord

Load: TypeAlias = tuple[Entry, Round, Consignment]


class Rounds:
    """`ended` takes an entry for which nothing is done any more; `go_on` is called when a place has become free,
    `delivered` when the outcomes of a delivery are written.  `now` gives the wall time, `seconds` that of a steady
    clock.
    """

    def __init__(
        self,
        roster: Roster,
        destinations: Destinations[NextHop, Load],
        ways: Ways,
        outcomes: Outcomes,
        couriers: Mapping[Via, ICourier],
        seconds: Callable[[], float],
        now: Callable[[], float],
        noise: random.Random,
        ended: Callable[[Entry], None],
        go_on: Callable[[], None],
        delivered: Callable[[], None],
    ) -> None:
        self._roster = roster
        self._destinations = destinations
        self._ways = ways
        self._outcomes = outcomes
        self._couriers = couriers
        self._seconds = seconds
        self._now = now
        self._noise = noise
        self._ended = ended
        self._go_on = go_on
        self._delivered = delivered
        # By the identity of the consignment.
        self._carried: dict[int, Taken[NextHop, Load]] = {}

    # --- giving it out ---------------------------------------------------------------------------------------------

    def begin(self, entry: Entry) -> None:
        """One consignment for each way of the recipients that are due: a next hop, and what is demanded of it."""
        round_: Round = entry.round
        message, pressed = round_.message, entry.pressing
        entry.pressing = NOTHING_PRESSES
        groups, unsure = self._ways.grouped(round_, pressed, self._now())
        self._roster.weigh(entry, len(message.recipients))
        entry.untried = False
        round_.hops = tuple([share.way.hop for share in groups])
        # One more, which comes back below: the round does not end while it is being begun.
        round_.out = len(groups) + bool(unsure) + 1
        if unsure:
            verdicts = [not_judged(message, message.status_of(str(each)), self._now()) for each in unsure]
            self._write_down(entry, round_, verdicts)
        for (way, uncalled), addresses in groups.items():
            consignment = Consignment(message, way.hop, tuple(addresses), way.demanded, round_.edition)
            self._send_off(entry, round_, consignment, uncalled)
        self._came_back(entry, round_)

    def admit(self, entry: Entry, hop: NextHop) -> None:
        """What waited for this destination, of a message that is in memory anyway."""
        round_: Round = entry.round
        if entry.orders:
            return  # they come first
        for consignment in round_.parked.pop(hop, ()):
            round_.out += 1
            self._give(entry, round_, consignment)

    def withdraw(self, entry: Entry) -> None:
        """What only waits for its turn comes back at once, which may end the round."""
        round_: Round = entry.round
        for _ in self._destinations.withdraw(lambda load: load[0] is entry, round_.hops):
            self._came_back(entry, round_)

    def withdraw_all(self) -> None:
        """The same for all messages; nothing of them waits in the line of a destination any more."""
        for entry in self._roster:
            if entry.round is not None:
                entry.round.parked.clear()
        for entry, round_, _ in self._destinations.withdraw(lambda _: True):
            self._came_back(entry, round_)

    def park_for_rest(self, hop: NextHop) -> None:
        """What waits for a place at a destination that rests now waits in its line."""
        if self._destinations.rests(hop, self._seconds()):
            for entry, round_, consignment in self._destinations.empty(hop):
                self._park(entry, round_, consignment)

    def _send_off(self, entry: Entry, round_: Round, consignment: Consignment, uncalled: bool) -> None:
        """A bug of ours must not leave a round behind that never ends, nor give out a consignment twice."""
        hop = consignment.next_hop
        try:
            if uncalled:
                self._await_call(entry, round_, consignment)
            elif self._destinations.takes(hop, self._seconds()):
                self._give(entry, round_, consignment)
            else:
                self._park(entry, round_, consignment)
        except Exception:  # noqa: BLE001
            maillog.failed_unexpectedly(f"sending off {entry.id} to {hop.word}")
            round_.broken = True
            self._came_back(entry, round_)

    def _give(self, entry: Entry, round_: Round, consignment: Consignment) -> None:
        recipients = consignment.recipients
        bulk = max(LEAST_BULK // len(round_.hops), len(recipients))
        is_fresh = consignment.attempt_of(recipients[0]) == 1
        self._destinations.add(consignment.next_hop, (entry, round_, consignment), is_fresh, bulk)

    def _park(self, entry: Entry, round_: Round, consignment: Consignment) -> None:
        """Its destination cannot take it now: it waits there."""
        hop, now, seconds = consignment.next_hop, self._now(), self._seconds()
        round_.parked.setdefault(hop, []).append(consignment)
        self._destinations.line_up(hop, entry.id, seconds)
        standing = self._destinations.standing(hop)
        cause, until = standing.cause, standing.until

        def verdict(status: RecipientStatus) -> VerdictRecord | None:
            if cause is None or until is None:
                return None
            return destination_rests(cause, consignment.message, status, now, now + max(until - seconds, 0.0))

        self._write_down(entry, round_, self._outcomes.untold(consignment, verdict))

    def _await_call(self, entry: Entry, round_: Round, consignment: Consignment) -> None:
        """Its route waits until somebody asks for the mail (RFC 1985)."""
        now, message = self._now(), consignment.message
        until = now + self._ways.config.retry.longest
        round_.uncalled = True
        verdicts = self._outcomes.untold(consignment, lambda each: not_asked_for(message, each, now, until))
        self._write_down(entry, round_, verdicts)

    # --- deliveries and outcomes -----------------------------------------------------------------------------------

    def carry(self, taken: Taken[NextHop, Load]) -> None:
        """Deliver it."""
        entry, round_, _ = taken.load
        work = self._busy_with(entry, round_, self._deliver(taken))
        supervise(work, f"delivering {entry.id} to {taken.destination.word}")

    async def _deliver(self, taken: Taken[NextHop, Load]) -> None:
        _, round_, consignment = taken.load
        hop = taken.destination
        told: list[VerdictRecord] = []

        def ended(verdicts: Sequence[VerdictRecord]) -> Deferred[None]:
            told.extend(verdicts)
            return Deferred.fromCoroutine(self._outcomes.record(round_, verdicts, hop))

        verdicts: Sequence[VerdictRecord] = ()
        self._carried[id(consignment)] = taken
        try:
            verdicts = await self._couriers[hop.route.via].deliver(consignment, ended)
        finally:
            del self._carried[id(consignment)]
            self._leave_place(taken, [*told, *verdicts])
        await self._outcomes.record(round_, verdicts, hop)
        self._delivered()

    def stalls(self, consignment: Consignment) -> bool:
        """Its server has the message, and does not answer: somebody else may have the place.  False where too many wait
        so.
        """
        taken = self._carried.get(id(consignment))
        if taken is None or not self._destinations.stall(taken):
            return False
        self._go_on()
        return True

    def _leave_place(self, taken: Taken[NextHop, Load], verdicts: Sequence[VerdictRecord]) -> None:
        hop, seconds = taken.destination, self._seconds()
        turn = self._destinations.done(taken, verdicts, seconds, self._noise.random())
        if turn is Turn.ANSWERS:
            maillog.destination_answers(hop.word)
        elif turn is not Turn.NONE:
            standing = self._destinations.standing(hop)
            cause, rest = standing.cause, (standing.until or seconds) - seconds
            maillog.destination_rests(hop.word, rest, cause.diagnosis if cause else None, cause.text if cause else "")
            self.park_for_rest(hop)
        self._go_on()

    def _write_down(self, entry: Entry, round_: Round, verdicts: Sequence[VerdictRecord]) -> None:
        """It comes back without an attempt; mostly there is nothing to be written down of that."""
        if verdicts:
            work = self._outcomes.record(round_, verdicts)
            supervise(self._busy_with(entry, round_, work), f"putting off {entry.id}")
        else:
            self._came_back(entry, round_)

    async def _busy_with(self, entry: Entry, round_: Round, work: Awaitable[None]) -> None:
        """Something is done for a message; then it is out no more, whatever has become of it."""
        entry.at_work += 1
        try:
            await work
        except Exception:  # noqa: BLE001  a bug of ours: the message is tried again, and the log says why
            maillog.failed_unexpectedly(f"working on {entry.id}")
            round_.broken = True
        finally:
            entry.at_work -= 1
        self._came_back(entry, round_)

    def _came_back(self, entry: Entry, round_: Round) -> None:
        """Something of it is out no more."""
        round_.out -= 1
        # The watch may have given it up.
        if round_.out == 0 and entry.round is round_:
            self._ended(entry)
