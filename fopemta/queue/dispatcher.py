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
from fopemta.mail.queued import QueuedMessage, RecipientState
from fopemta.queue.destinations import Destinations
from fopemta.queue.patience import pause
from fopemta.queue.reporter import Reporter
from fopemta.retry.agenda import Agenda
from fopemta.retry.timetable import life_over, next_try, sane
from fopemta.routing.routes import next_hop
from fopemta.routing.values import NextHop
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import Result, VerdictRecord

# The agenda is looked at at least so often, whatever the clock on the wall does (C114).
_LONGEST_NAP = 30.0
# More fresh messages than this wait as ids and are read from the spool in their turn.
_MOST_IN_MEMORY = 2000
# Overdue mail is spread over so many seconds after a restart, once there is more than a handful (C108).
_SPREAD = 60.0
_HANDFUL = 200


@attrs.define
class _Round:
    """One message on its way: what is known of it and how many consignments are out."""

    message: QueuedMessage
    out: int = 0


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
        self._agenda = Agenda()
        self._rounds: dict[str, _Round] = {}
        self._loading: set[str] = set()
        self._backlog: deque[str] = deque()
        self._destinations: Destinations[NextHop, Consignment] = Destinations(
            config.delivery.connections, config.delivery.connections_per_destination
        )
        self._alarm: IDelayedCall | None = None
        self._troubled = 0
        self._stopping = False
        self._idle: Deferred[None] | None = None

    # --- the life of the queue -------------------------------------------------------------------------------------

    def start(self, messages: Sequence[QueuedMessage]) -> None:
        """Take over what the spool recovered, oldest first."""
        now = self._now()
        overdue = 0
        for message in messages:
            moment = self._due(message)
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
        if not self._destinations.running:
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

    def accepted(self, message: QueuedMessage) -> None:
        """See IQueue."""
        if self._stopping or self._full:
            self._backlog.append(message.id)
            return
        self._begin_round(message)
        self._carry()

    @property
    def size(self) -> int:
        """Unfinished messages."""
        return len(self._agenda) + len(self._rounds) + len(self._loading) + len(self._backlog)

    @property
    def _full(self) -> bool:
        """As many messages in memory as may be there."""
        return len(self._rounds) + len(self._loading) >= _MOST_IN_MEMORY

    # --- what is due -----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Begin a round for what is due, and set the alarm again whatever happens (C116)."""
        if self._stopping:
            return
        now = self._now()
        while not self._full:
            message_id = self._backlog.popleft() if self._backlog else self._agenda.pop_due(now)
            if message_id is None:
                break
            self._fetch(message_id)
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        moment = self._agenda.next_moment()
        nap = _LONGEST_NAP if moment is None else min(max(moment - self._now(), 0.0), _LONGEST_NAP)
        # A full house is woken by the round that ends.
        if self._full:
            nap = _LONGEST_NAP
        self._alarm = self._clock.callLater(nap, self._look)

    def _fetch(self, message_id: str) -> None:
        self._loading.add(message_id)
        supervise(self._load(message_id), f"reading {message_id} from the spool")

    async def _load(self, message_id: str) -> None:
        try:
            message = await self._spool.load(message_id)
        except UnknownMessage:
            return
        except SpoolTrouble as trouble:
            maillog.spool_trouble(f"{message_id} cannot be read: {trouble}")
            self._agenda.set(message_id, self._now() + self._config.retry.first)
            return
        finally:
            self._loading.discard(message_id)
        self._begin_round(message)
        self._carry()

    def _due(self, message: QueuedMessage) -> float | None:
        """The earliest moment at which a recipient is to be tried; None when all are held or finished."""
        moments = [each.next_try or 0.0 for each in message.pending if each.state is RecipientState.QUEUED]
        return min(moments, default=None)

    # --- rounds ----------------------------------------------------------------------------------------------------

    def _begin_round(self, message: QueuedMessage) -> None:
        """One consignment for each next hop of the recipients that are due."""
        now = self._now()
        groups: dict[NextHop, list[int]] = {}
        for index, status in enumerate(message.recipients):
            if status.state is RecipientState.QUEUED and (status.next_try or 0.0) <= now:
                hop = next_hop(status.address.domain, self._config.routes)
                groups.setdefault(hop, []).append(index)
        round_ = self._rounds[message.id] = _Round(message, len(groups))
        if not groups:
            self._end_round(round_)
        for hop, indices in groups.items():
            recipients = tuple(message.recipients[index].address for index in indices)
            self._destinations.add(hop, Consignment(message, hop, recipients))

    def _carry(self) -> None:
        """Start whatever may start."""
        # With no room for outcomes no new delivery starts: it would be repeated (RULINGS 17).
        while not self._stopping and not self._troubled:
            taken = self._destinations.take()
            if taken is None:
                return
            supervise(self._deliver(*taken), f"delivering {taken[1].message.id} to {taken[0].word}")

    async def _deliver(self, hop: NextHop, consignment: Consignment) -> None:
        message_id = consignment.message.id

        def ended(verdicts: Sequence[VerdictRecord]) -> Deferred[None]:
            return Deferred.fromCoroutine(self._record(message_id, verdicts))

        try:
            verdicts = await self._couriers[hop.route.via].deliver(consignment, ended)
        finally:
            self._destinations.done(hop)
            self._carry()
        await self._record(message_id, verdicts)
        round_ = self._rounds[message_id]
        round_.out -= 1
        if round_.out == 0:
            self._end_round(round_)
        if not self._destinations.running:
            self._ended_idle()

    def _end_round(self, round_: _Round) -> None:
        """Every consignment has come back."""
        message = round_.message
        del self._rounds[message.id]
        if message.finished:
            states = [each.state for each in message.recipients]
            maillog.finished(message.id, states.count(RecipientState.DELIVERED), states.count(RecipientState.FAILED))
        else:
            supervise(self._put_off(message), f"putting off {message.id}")
        if self._backlog:
            self._look()

    async def _put_off(self, message: QueuedMessage) -> None:
        moment = self._due(message)
        if moment is not None:
            self._agenda.set(message.id, moment)
            maillog.deferred(message.id, len(message.pending), moment)
            self._set_alarm()
        try:
            await self._spool.defer(message.id)
        except SpoolTrouble as trouble:
            # It stays where it is, and is as safe there.
            maillog.spool_trouble(f"{message.id} cannot be moved: {trouble}")

    # --- outcomes --------------------------------------------------------------------------------------------------

    async def _record(self, message_id: str, verdicts: Sequence[VerdictRecord]) -> None:
        """Report what failed, write all down, tell the log.  A report comes first (RULINGS 16e)."""
        if not verdicts:
            return
        round_ = self._rounds[message_id]
        final = [self._timed(round_.message, verdict) for verdict in verdicts]
        for verdict in final:
            maillog.attempt(verdict)
        failed = [verdict for verdict in final if verdict.result is Result.FAILED]
        if failed:
            report = await self._reporter.report(round_.message, failed)
            if report is not None:
                self.accepted(report)
        # Other consignments of the message may have come back meanwhile: fold into what is known now.
        round_.message = round_.message.after(final)
        await self._write_down(message_id, final, round_.message.finished)

    def _timed(self, message: QueuedMessage, verdict: VerdictRecord) -> VerdictRecord:
        """With the next try; or failed, when the message's life is over."""
        if verdict.result is not Result.DEFERRED:
            return verdict
        now, retry = self._now(), self._config.retry
        if not life_over(retry, message.arrived, now):
            moment = next_try(retry, message.arrived, verdict.attempt, now, self._noise.random())
            return attrs.evolve(verdict, next_try=moment)
        diagnosis = Diagnosis(verdict.diagnosis) if verdict.diagnosis else Diagnosis.QUEUE_LIFETIME_OVER
        return attrs.evolve(
            verdict, result=Result.FAILED, enhanced=explain(diagnosis).given_up, diagnosis=diagnosis.value
        )

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
