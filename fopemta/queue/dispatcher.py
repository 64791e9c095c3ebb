"""The dispatcher (shell): from a spooled message to done, retried or reported, and nothing stuck on the way."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from fopemta import maillog
from fopemta.background import supervise
from fopemta.config.model import Configuration, Via
from fopemta.interfaces import ICourier, IQueue, ISpool, SpoolTrouble, UnknownMessage
from fopemta.mail.consignment import Consignment
from fopemta.mail.queued import QueuedMessage, RecipientState, Unfinished
from fopemta.queue.clocks import Ages, SteadyAgenda, is_of
from fopemta.queue.damage_watch import DamageWatch
from fopemta.queue.destinations import Taken
from fopemta.queue.patience import pause
from fopemta.queue.reporter import Reporter
from fopemta.queue.traffic import Traffic
from fopemta.report.notices import warning_due, with_warnings
from fopemta.retry.timetable import held_up, life_over, next_try, sane
from fopemta.routing.routes import next_hop
from fopemta.routing.values import NextHop
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import Result, VerdictRecord

# The agenda is looked at at least so often, whatever the clock on the wall does (C114).
_LONGEST_NAP = 30.0
# More fresh messages than this wait as ids and are read from the spool in their turn.
_MOST_IN_MEMORY = 2000
# Of them so many that were deferred before: a queue full of these must not keep new mail waiting.
_MOST_DEFERRED_IN_MEMORY = 1500
# Overdue mail is spread over so many seconds after a restart, once there is more than a handful (C108).
_SPREAD = 60.0
_HANDFUL = 200


@attrs.define
class _Round:
    """One message on its way: what is known of it and how many consignments are out.

    `parked`: destinations that some recipients wait for.  `changed`: something of it was written down.
    """

    message: QueuedMessage
    out: int = 0
    parked: list[NextHop] = attrs.Factory(list)
    changed: bool = False


@implementer(IQueue)
class Dispatcher:
    """`couriers` by the kind of route, `now` the wall time, `ids` a new queue id at each call."""

    def __init__(
        self,
        spool: ISpool,
        couriers: Mapping[Via, ICourier],
        config: Configuration,
        clock: IReactorTime,
        now: Callable[[], float],
        noise: random.Random,
    ) -> None:
        self._spool = spool
        self._couriers = couriers
        self._config = config
        self._clock = clock
        self._now = now
        self._noise = noise
        self._reporter = Reporter(spool, config, now, self._wait)
        self._damage = DamageWatch(spool, config, now, self.accepted)
        self._agenda = SteadyAgenda(clock.seconds, now)
        self._ages = Ages(clock.seconds, now)
        self._rounds: dict[str, _Round] = {}
        self._loading: set[str] = set()
        # Messages that somebody wants tried at once, with the domain that he named.
        self._pressed: dict[str, str] = {}
        self._backlog: deque[str] = deque()
        self._traffic = Traffic(config, clock.seconds, noise)
        self._alarm: IDelayedCall | None = None
        self._held_back = False
        self._troubled = 0
        self._stopping = False
        self._idle: Deferred[None] | None = None

    # --- the life of the queue -------------------------------------------------------------------------------------

    def start(self, messages: Sequence[Unfinished]) -> None:
        """Take over what the spool recovered, oldest first."""
        now = self._now()
        overdue = 0
        for message in messages:
            self._ages.found(message.id, message.arrived, message.domains)
            moment = message.due
            if moment is None:
                continue
            if moment <= now:
                overdue += 1
                moment = now if overdue <= _HANDFUL else now + self._noise.random() * _SPREAD
            self._agenda.set(message.id, sane(self._config.retry, moment, now))
        self._look()

    def stop(self, deadline: float = 10.0) -> Deferred[None]:
        """Start nothing more; fires when what is under way has ended, or after `deadline` seconds."""
        self._stopping = True
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        if not self._traffic.running:
            self._close_couriers()
            return succeed(None)
        self._idle = Deferred()
        call = self._clock.callLater(deadline, self._ended_idle)
        self._idle.addCallback(lambda _: call.cancel() if call.active() else None)
        return self._idle.addCallback(lambda _: self._close_couriers())

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` from the next round on: routes and demands are worked out anew at each attempt (C101)."""
        self._config = config
        self._reporter.config = config
        self._damage.config = config
        self._traffic.reconfigure(config)
        # What waits for a destination may have another now.
        for message_id in self._traffic.unpark():
            if message_id in self._agenda:
                self._agenda.set(message_id, self._now() + self._noise.random() * _SPREAD)

    def accepted(self, message: QueuedMessage) -> None:
        """See IQueue."""
        self._ages.found(message.id, message.arrived, message.domains)
        if self._stopping or self._full:
            self._backlog.append(message.id)
            return
        self._begin_round(message)
        self._carry()

    def flush(self, domain: str) -> Deferred[int]:
        """See IQueue."""
        found = dict(self._ages.of_domain(domain))
        for each in set(found.values()):
            self._traffic.wake(next_hop(each, self._config.routes))
        moving = [message_id for message_id in found if self._moves(message_id)]
        for message_id in moving:
            self._pressed[message_id] = domain
            if message_id in self._agenda:
                self._agenda.set(message_id, self._now())
        self._look()
        return succeed(len(moving))

    def _moves(self, message_id: str) -> bool:
        """It waits for its moment or is on its way; who is held does neither."""
        return message_id in self._agenda or message_id in self._rounds or message_id in self._loading

    @property
    def size(self) -> int:
        """Unfinished messages."""
        return len(self._agenda) + len(self._rounds) + len(self._loading) + len(self._backlog)

    @property
    def _full(self) -> bool:
        """As many messages in memory as may be there."""
        return len(self._rounds) + len(self._loading) >= _MOST_IN_MEMORY

    @property
    def _full_of_deferred(self) -> bool:
        """What is free is kept for new mail."""
        return len(self._rounds) + len(self._loading) >= _MOST_DEFERRED_IN_MEMORY

    # --- what is due -----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Begin a round for what is due, and set the alarm again whatever happens (C116)."""
        if self._stopping:
            return
        self._damage.look()
        for hop in self._traffic.over():
            self._call(hop)
        while not self._full:
            message_id = self._backlog.popleft() if self._backlog else self._next_due()
            if message_id is None:
                break
            self._fetch(message_id)
        self._held_back = self._full or self._full_of_deferred
        self._carry()
        self._set_alarm()

    def _next_due(self) -> str | None:
        """What was deferred and is due, as long as it leaves room for new mail."""
        return None if self._full_of_deferred else self._agenda.pop_due()

    def _call(self, hop: NextHop) -> None:
        """Read what has waited for this destination, as much as it can use."""
        if self._stopping:
            return
        for message_id in self._traffic.called(hop):
            # Who is not in the agenda is on his way already, or has ended.
            if message_id in self._agenda:
                self._agenda.remove(message_id)
                self._traffic.comes(hop, message_id)
                self._fetch(message_id)

    def _set_alarm(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        wait = self._agenda.wait()
        nap = _LONGEST_NAP if wait is None else min(wait, _LONGEST_NAP)
        # A full house is woken by the round that ends.
        if self._held_back:
            nap = _LONGEST_NAP
        pause_over = self._traffic.next_moment()
        if pause_over is not None:
            nap = min(nap, max(pause_over - self._clock.seconds(), 0.0))
        self._alarm = self._clock.callLater(nap, self._look)

    def _fetch(self, message_id: str) -> None:
        self._loading.add(message_id)
        supervise(self._load(message_id), f"reading {message_id} from the spool")

    async def _load(self, message_id: str) -> None:
        try:
            message = await self._read(message_id)
        finally:
            self._loading.discard(message_id)
            caller = self._traffic.arrived(message_id)
        if message is not None:
            self._begin_round(message)
        if caller is not None:
            self._call(caller)  # what came may have been of no use to it: gone, held, or on another way now
        self._carry()

    async def _read(self, message_id: str) -> QueuedMessage | None:
        """None when it is gone, or cannot be read now and is tried again later."""
        try:
            return await self._spool.load(message_id)
        except UnknownMessage:
            self._ages.forget(message_id)
        except SpoolTrouble as trouble:
            maillog.spool_trouble(f"{message_id} cannot be read: {trouble}")
            self._agenda.set(message_id, self._now() + self._config.retry.first)
        return None

    def _due_after(self, round_: _Round) -> float | None:
        """When it is due again after a round; None when all are held.

        Who waits for his destination is called; should he not be, this is when he is tried at the latest.
        """
        if round_.message.id in self._pressed:
            return self._now()
        if not round_.parked:
            return round_.message.due
        now, retry = self._now(), self._config.retry
        queued = [each for each in round_.message.pending if each.state is RecipientState.QUEUED]
        moments = [each.next_try for each in queued if each.next_try is not None and each.next_try > now]
        end = self._arrived(round_.message) + retry.lifetime
        return min([*moments, now + retry.longest, *([end] if end > now else [])])

    # --- rounds ----------------------------------------------------------------------------------------------------

    def _begin_round(self, message: QueuedMessage) -> None:
        """One consignment for each next hop of the recipients that are due."""
        # Who is to be tried first is due, whatever the clock on the wall says: it has been waited for.
        latest = max(self._now(), message.due or 0.0)
        pressed = self._pressed.pop(message.id, None)
        groups: dict[NextHop, list[int]] = {}
        for index, status in enumerate(message.recipients):
            wanted = pressed is not None and is_of(pressed, status.address.domain)
            if status.state is RecipientState.QUEUED and (wanted or (status.next_try or 0.0) <= latest):
                hop = next_hop(status.address.domain, self._config.routes)
                groups.setdefault(hop, []).append(index)
        round_ = self._rounds[message.id] = _Round(message, len(groups))
        if not groups:
            self._end_round(round_)
        for hop, indices in groups.items():
            consignment = Consignment(message, hop, tuple(message.recipients[index].address for index in indices))
            if not self._traffic.admit(consignment):
                supervise(self._park(consignment), f"putting off {message.id}")

    def _carry(self) -> None:
        """Start whatever may start."""
        # With no room for outcomes no new delivery starts: it would be repeated (RULINGS 17).
        while not self._stopping and not self._troubled:
            taken = self._traffic.take()
            if taken is None:
                return
            supervise(self._deliver(taken), f"delivering {taken.load.message.id} to {taken.destination.word}")

    async def _deliver(self, taken: Taken[NextHop, Consignment]) -> None:
        hop, consignment = taken.destination, taken.load
        message_id = consignment.message.id
        told: list[VerdictRecord] = []

        def ended(verdicts: Sequence[VerdictRecord]) -> Deferred[None]:
            told.extend(verdicts)
            return Deferred.fromCoroutine(self._record(message_id, verdicts))

        verdicts: Sequence[VerdictRecord] = ()
        try:
            verdicts = await self._couriers[hop.route.via].deliver(consignment, ended)
        finally:
            for waiting in self._traffic.done(taken, [*told, *verdicts]):
                supervise(self._park(waiting), f"putting off {waiting.message.id}")
            self._call(hop)
            self._carry()
        await self._record(message_id, verdicts)
        self._came_back(self._rounds[message_id])
        if not self._traffic.running:
            self._ended_idle()

    async def _park(self, consignment: Consignment) -> None:
        """Its destination cannot take it now: it waits there, and says why where nothing else does.

        Who is never tried must not wait without a reason, nor longer than its life, nor without a warning.
        """
        message, now, retry = consignment.message, self._now(), self._config.retry
        over = life_over(retry, self._arrived(message), now)
        parked = frozenset(consignment.recipients)
        silent = [
            status
            for status in message.recipients
            if status.address in parked
            and (
                over
                or status.last is None
                or warning_due(message, status, retry.warn_after, self._lived_until(message))
            )
        ]
        verdicts = [self._traffic.not_tried(consignment, status, now) for status in silent]
        await self._record(message.id, [verdict for verdict in verdicts if verdict is not None])
        round_ = self._rounds[message.id]
        round_.parked.append(consignment.next_hop)
        self._came_back(round_)

    def _came_back(self, round_: _Round) -> None:
        """One consignment less is out."""
        round_.out -= 1
        if round_.out == 0:
            self._end_round(round_)

    def _end_round(self, round_: _Round) -> None:
        """Every consignment has come back."""
        message = round_.message
        del self._rounds[message.id]
        if message.finished:
            self._ages.forget(message.id)
            self._pressed.pop(message.id, None)
            states = [each.state for each in message.recipients]
            maillog.finished(message.id, states.count(RecipientState.DELIVERED), states.count(RecipientState.FAILED))
        else:
            supervise(self._put_off(round_), f"putting off {message.id}")
        if self._backlog or self._held_back:
            self._look()

    async def _put_off(self, round_: _Round) -> None:
        message = round_.message
        moment = self._due_after(round_)
        if moment is not None:
            self._agenda.set(message.id, moment)
            if round_.changed:
                maillog.deferred(message.id, len(message.pending), moment)
            self._set_alarm()
        for hop in round_.parked:
            self._traffic.park(hop, message.id)
            self._call(hop)  # its rest may have ended meanwhile
        if not round_.changed:
            return  # it waits for a place, as it did before: that alone is no reason to move it
        try:
            await self._spool.defer(message.id)
        except SpoolTrouble as trouble:
            # It stays where it is, and is as safe there.
            maillog.spool_trouble(f"{message.id} cannot be moved: {trouble}")

    # --- outcomes --------------------------------------------------------------------------------------------------

    async def _record(self, message_id: str, verdicts: Sequence[VerdictRecord]) -> None:
        """Report what is to be told, write all down, tell the log.  Reports come first (RULINGS 16e)."""
        if not verdicts:
            return
        round_ = self._rounds[message_id]
        round_.changed = True
        settled = [self._settled(round_.message, verdict) for verdict in verdicts]
        final = with_warnings(round_.message, settled, self._config.retry.warn_after, self._lived_until(round_.message))
        for verdict in final:
            maillog.attempt(verdict)
        told = await self._reporter.tell(round_.message, final)
        # Other consignments of the message may have come back meanwhile: fold into what is known now.
        round_.message = round_.message.after(told.verdicts)
        await self._write_down(message_id, told.verdicts, round_.message.finished)
        # Only now: as long as a report is in the spool it cannot be made a second time.
        for report in told.reports:
            self.accepted(report)

    def _settled(self, message: QueuedMessage, verdict: VerdictRecord) -> VerdictRecord:
        """As it is to be recorded: with the next try, or failed, when the message's life is over."""
        timed = self._timed(message, verdict)
        if timed.result is not Result.FAILED or timed.recipient != str(self._config.node.postmaster):
            return timed
        # Nobody else would hear of it, so it is never given up (RULINGS 24).
        maillog.postmaster_unreachable(message.id, timed.recipient, timed.text)
        return attrs.evolve(timed, result=Result.DEFERRED, held=True)

    def _timed(self, message: QueuedMessage, verdict: VerdictRecord) -> VerdictRecord:
        if verdict.result is not Result.DEFERRED:
            return verdict
        now, retry = self._now(), self._config.retry
        arrived = self._arrived(message)
        if not life_over(retry, arrived, now):
            if verdict.next_try is not None:
                return verdict  # not tried: it waits for its destination
            moment = next_try(retry, arrived, verdict.attempt, now, self._noise.random())
            return attrs.evolve(verdict, next_try=moment)
        if held_up(retry, _previous(message, verdict), now):
            return attrs.evolve(verdict, next_try=now + retry.longest)
        diagnosis = Diagnosis(verdict.diagnosis) if verdict.diagnosis else Diagnosis.QUEUE_LIFETIME_OVER
        return attrs.evolve(
            verdict,
            result=Result.FAILED,
            enhanced=explain(diagnosis).given_up,
            diagnosis=diagnosis.value,
            next_try=None,
        )

    def _arrived(self, message: QueuedMessage) -> float:
        """When it came, as if the clock had always stood as it does now."""
        return self._ages.arrived(message.id, message.arrived)

    def _lived_until(self, message: QueuedMessage) -> float:
        """Now, as if the clock had always stood as it did when the message came."""
        return message.arrived + self._now() - self._arrived(message)

    async def _write_down(self, message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> None:
        """Again and again until the spool has it; meanwhile nothing new is delivered."""
        tries = 0
        while True:
            try:
                await self._spool.record(message_id, verdicts, finished)
            except UnknownMessage:
                # Another consignment's outcome, written first, was the last: the message is gone.
                pass
            except SpoolTrouble as trouble:
                maillog.spool_trouble(f"{message_id}: outcomes cannot be written: {trouble}")
                self._troubled += tries == 0
                tries += 1
                await self._wait(pause(tries))
                continue
            if tries:
                self._troubled -= 1
                self._carry()
            return

    def _wait(self, seconds: float) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self._clock.callLater(seconds, waiting.callback, None)
        return waiting

    def _close_couriers(self) -> None:
        for courier in set(self._couriers.values()):
            courier.close()

    def _ended_idle(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.callback(None)


def _previous(message: QueuedMessage, verdict: VerdictRecord) -> float:
    """When the recipient was tried before this, or the message came."""
    times = [each.last.time for each in message.recipients if each.last and each.last.recipient == verdict.recipient]
    return times[0] if times else message.arrived
