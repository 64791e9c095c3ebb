"""The dispatcher (shell): from a spooled message to done, retried or reported, and nothing stuck on the way."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.background import supervise
from fopemta.config.model import Configuration
from fopemta.interfaces import ICourier, IQueue, IRuleCounts, ISpool, SpoolTrouble, UnknownMessage
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult, lowered, verdicts_of
from fopemta.mail.queued import QueuedMessage, RecipientState, Unfinished
from fopemta.queue.clocks import Ages, SteadyAgenda
from fopemta.queue.damage_watch import DamageWatch
from fopemta.queue.demanding import Demanding
from fopemta.queue.destinations import Taken
from fopemta.queue.made_here import MadeHere
from fopemta.queue.not_made import not_asked_for, not_judged
from fopemta.queue.outcomes import Outcomes
from fopemta.queue.owner_watch import OwnerWatch
from fopemta.queue.pending_orders import PendingOrders
from fopemta.queue.pressing import NOTHING_PRESSES, Pressing
from fopemta.queue.round import Round, Rounds
from fopemta.queue.traffic import Traffic
from fopemta.queue.unnested import Unnested
from fopemta.queue.ways import Ways, found_for
from fopemta.retry.standings import AnyStandings
from fopemta.retry.timetable import astray, sane
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Via
from fopemta.routing.routes import next_hop
from fopemta.routing.values import NextHop
from fopemta.trust.verdict import VerdictRecord

# The agenda is looked at at least so often, whatever the clock on the wall does (C114).
_LONGEST_NAP = 30.0
# More fresh messages than this wait as ids and are read from the spool in their turn.
_MOST_IN_MEMORY = 2000
# Of them so many that were deferred before: a queue full of these must not keep new mail waiting.
_MOST_DEFERRED_IN_MEMORY = 1500
# And so many recipients together: of a queue full of long lists, not all are there at once.  One message alone may have
# more.
_MOST_RECIPIENTS = 20_000
_MOST_DEFERRED_RECIPIENTS = 15_000
# So many messages are being read at a time.
_MOST_LOADING = 100
# Seconds of a turn of the reactor that go by with what is due.
_TURN = 0.02
# After these orders a message is tried at once.
_PRESSING = frozenset({OrderKind.RELEASE, OrderKind.RETRY})
# Overdue mail is spread over so many seconds after a restart, once there is more than a handful (C108).
_SPREAD = 60.0
_HANDFUL = 200


@implementer(IQueue)
class Dispatcher:
    """`couriers` by the kind of route, `now` the wall time; `standings` where this is not the only queue; `demanding`
    where others, too, ask what is demanded: before MAIL they do.
    """

    def __init__(
        self,
        spool: ISpool,
        couriers: Mapping[Via, ICourier],
        config: Configuration,
        clock: IReactorTime,
        now: Callable[[], float],
        noise: random.Random,
        in_thread: Callable[..., Deferred[Any]] = maybeDeferred,
        counts: IRuleCounts | None = None,
        standings: AnyStandings[NextHop] | None = None,
        demanding: Demanding | None = None,
    ) -> None:
        self._spool = spool
        self._couriers = couriers
        self._config = config
        self._clock = clock
        self._now = now
        self._noise = noise
        # What is made here goes to its recipients as all other mail does.
        self.made_here = MadeHere(config, now)
        self._damage = DamageWatch(spool, config, now, self.made_here, self.accepted)

        def seconds() -> float:
            """Not `clock.seconds` itself: a reactor is given its steady clock later (service.run_steadily)."""
            return clock.seconds()

        self._agenda = SteadyAgenda(seconds, now)
        self._ages = Ages(seconds, now)
        self._ways = Ways(config)
        self._in_thread = in_thread
        self._demanding = demanding or Demanding(spool, config, now, in_thread)
        # By what an operator has let demands fall: what has ceased since is not what he has allowed.
        self._lowering = self._demanding
        self._rounds = Rounds()
        # Those that wait and are under a rule's demand.
        self._bound: set[str] = set()
        # Those that have not been tried since other rules came: what these have added is stored nowhere yet.
        self._untried: set[str] = set()
        self._loading: set[str] = set()
        # Messages of which somebody wants something tried at once.
        self._pressed: dict[str, Pressing] = {}
        self._orders = PendingOrders()
        self._backlog: deque[str] = deque()
        # Those of which nothing is to be tried until somebody says so.
        self._held: set[str] = set()
        # How much is being done for a message at this moment.
        self._at_work: Counter[str] = Counter()
        # Destinations that may have room for what waits for them.
        self._to_call: dict[NextHop, None] = {}
        self._look = Unnested(self._look_once)
        self._carry = Unnested(self._carry_once)
        self._call_all = Unnested(self._call_all_once)
        self._watch = OwnerWatch(clock, self._ownerless, self._try_again)
        self._outcomes = Outcomes(
            spool, config, self._demanding, self._ages, now, noise, self._wait, self.accepted, self._carry,
            self.made_here, counts,
        )  # fmt: skip
        self._traffic = Traffic(config, seconds, noise, standings, self._stands_otherwise)
        self._alarm: IDelayedCall | None = None
        self._held_back = False
        # More may be due than this turn has fetched; or than is read at once.
        self._more = self._awaits_reading = False
        self._stopping = False
        self._idle: Deferred[None] | None = None

    def pressed(self, hop: NextHop) -> bool:
        """Other mail waits for a place that this destination has, though it has not answered yet."""
        return self._traffic.pressed(hop)

    # --- the life of the queue -------------------------------------------------------------------------------------

    def start(self, messages: Sequence[Unfinished]) -> None:
        """Take over what the spool recovered, oldest first."""
        self._ages.begin()
        self._take_over(iter(messages), 0)

    def _take_over(self, messages: Iterator[Unfinished], overdue: int) -> None:
        """As many as a turn of the reactor has time for; there may be hundreds of thousands."""
        if self._stopping:
            return
        now, end = self._now(), self._clock.seconds() + _TURN
        for message in messages:
            if self._clock.seconds() >= end:
                self._clock.callLater(0, self._take_over, chain([message], messages), overdue)
                return
            self._ages.found(message.id, message.arrived, message.domains)
            if message.bound:
                self._bound.add(message.id)
            if self._demanding.keeps_earlier:
                self._untried.add(message.id)
            moment = message.due
            if moment is None:
                self._held.add(message.id)
                continue
            if moment <= now:
                overdue += 1
                moment = now if overdue <= _HANDFUL else now + self._noise.random() * _SPREAD
            self._agenda.set(message.id, sane(self._config.retry, moment, now))
        self._watch.start()
        self._look()

    def stop(self, deadline: float = 10.0) -> Deferred[None]:
        """Start nothing more; fires when what is under way has ended, or after `deadline` seconds."""
        self._stopping = True
        self._watch.stop()
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
        """Use `config` from now on: routes and demands are worked out anew at each attempt, and for all that waits for
        its turn.
        """
        self._config = config
        self._outcomes.reconfigure(config)
        if self._demanding.reconfigure(config):
            self._untried.update(self._ages)
        self._damage.config = self._ways.config = self.made_here.config = config
        self._traffic.reconfigure(config)
        for consignment in self._traffic.withdraw_all():
            self._came_back(self._rounds[consignment.message.id])
        # What waits for a destination may have another now.
        for message_id in self._traffic.unpark():
            if message_id in self._agenda:
                self._agenda.set(message_id, self._now() + self._noise.random() * _SPREAD)

    def allow(self, most: int) -> None:
        """No more deliveries than so many at a time: the system has no descriptors for more."""
        self._traffic.allow(most)

    def accepted(self, message: QueuedMessage) -> None:
        """See IQueue."""
        self._ages.found(message.id, message.arrived, message.domains)
        if self._stopping or self._full:
            self._backlog.append(message.id)
            return
        if self._demanding.applies_to(message):
            self._loading.add(message.id)
            supervise(self._begin(message), f"what is demanded for {message.id}")
            return
        if self._traffic.crowd and self._queues_up(message):
            return
        self._begin_round(Round(message, edition=self._demanding.edition))
        self._carry()

    def _queues_up(self, message: QueuedMessage) -> bool:
        """A new message for a destination that has enough waiting is not begun, only to be put off: its id waits there.

        Who sends faster than a destination takes would pay for a round each time.
        """
        hops = {next_hop(each.address.domain, self._config.routes) for each in message.recipients}
        hop = hops.pop()
        if hops or message.envelope.held or hop.route.on_demand:
            return False
        # Of one that rests it is written down why nothing is tried.
        if not self._traffic.crowded(hop) or self._traffic.resting(hop) is not None:
            return False
        self._traffic.park(hop, message.id)
        retry = self._config.retry
        # Should it not be called by then.
        self._agenda.set(message.id, min(self._now() + retry.longest, self._outcomes.arrived(message) + retry.lifetime))
        self._set_alarm()
        return True

    async def _begin(self, message: QueuedMessage) -> None:
        await self._begin_or_obey(message.id, await self._round_of(message.id, message))
        self._carry()

    async def _begin_or_obey(self, message_id: str, round_: Round | None) -> None:
        if round_ is None:
            self._orders.cannot(message_id, Obeyed.UNREADABLE if message_id in self._agenda else Obeyed.UNKNOWN)
        elif message_id in self._orders:
            await self._obey(round_)
        else:
            self._begin_round(round_)

    def flush(self, domain: str) -> Deferred[int]:
        """See IQueue."""
        found = dict(self._ages.of_domain(domain))
        for each in set(found.values()):
            self._traffic.wake(next_hop(each, self._config.routes))
        moving = [message_id for message_id in found if self._moves(message_id)]
        for message_id in moving:
            self._press(message_id, Pressing(domains=frozenset({domain})))
            if message_id in self._agenda:
                self._agenda.set(message_id, self._now())
        self._look()
        return succeed(len(moving))

    def _press(self, message_id: str, pressing: Pressing) -> None:
        """Remember it for the message's next round; who pressed before is not forgotten."""
        self._pressed[message_id] = self._pressed.get(message_id, NOTHING_PRESSES) | pressing

    def order(self, message_id: str, order: Order) -> Deferred[OrderResult]:
        """See IQueue."""
        obeyed = self._orders.give(message_id, order)
        round_ = self._rounds.get(message_id)
        if round_ is not None:
            # What only waits for its turn comes back at once, which may end the round.
            for _ in self._traffic.withdraw(message_id):
                self._came_back(round_)
            if round_.out:
                self._orders.put_off(message_id)
        elif message_id not in self._loading:
            self._agenda.remove(message_id)
            self._fetch(message_id)
        return obeyed

    def let_demands_fall(self, lowered_by: str) -> None:
        """See IQueue."""
        self._demanding.let_fall()
        self._lowering = Demanding(self._spool, self._config, self._now, self._in_thread)
        for message_id in {*self._bound, *self._rounds, *self._loading}:
            supervise(self.order(message_id, Order(kind=OrderKind.LOWER, by=lowered_by)), "lowering demands")

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        """See IQueue."""
        return Deferred.fromCoroutine(self._freed_by(config))

    async def _freed_by(self, config: Configuration) -> int:
        new = Demanding(self._spool, config, self._now)
        freed = 0
        # What is on its way for the first time has not been put off, and is bound all the same.
        under_way = [each for each, round_ in self._rounds.items() if round_.message.bound]
        for message_id in (*self._bound.union(under_way, self._loading, self._untried),):
            try:
                message = await self._spool.load(message_id)
            except SpoolTrouble:
                continue  # it has gone, or keeps to the old rules as long as it cannot be read
            before, after = await self._demanding.of(message), await new.of(message, stored=False)
            freed += self._ways.freed(message, before, after, config)
        return freed

    def _moves(self, message_id: str) -> bool:
        """It waits for its moment or is on its way; who is held does neither."""
        return message_id in self._agenda or message_id in self._rounds or message_id in self._loading

    @property
    def size(self) -> int:
        """Unfinished messages."""
        return len(self._agenda) + len(self._rounds) + len(self._loading) + len(self._backlog)

    @property
    def _full(self) -> bool:
        """As many messages in memory as may be there, or recipients."""
        count = len(self._rounds) + len(self._loading)
        return count >= _MOST_IN_MEMORY or self._rounds.recipients >= _MOST_RECIPIENTS

    @property
    def _full_of_deferred(self) -> bool:
        """What is free is kept for new mail."""
        count = len(self._rounds) + len(self._loading)
        return count >= _MOST_DEFERRED_IN_MEMORY or self._rounds.recipients >= _MOST_DEFERRED_RECIPIENTS

    # --- what is due -----------------------------------------------------------------------------------------------

    def _look_once(self) -> None:
        """Begin a round for what is due, and set the alarm again whatever happens: mail must not wait for a chance."""
        if self._stopping:
            return
        try:
            self._begin_what_is_due()
        finally:
            self._set_alarm()

    def _begin_what_is_due(self) -> None:
        self._damage.look()
        for hop in self._traffic.over():
            self._call(hop)
        self._take_in(self._clock.seconds() + _TURN)
        self._carry()

    def _take_in(self, end: float) -> None:
        """Fetch what is due, until `end`: then clients, signals and commands have their turn, and the rest the next."""
        self._more = True
        while self._clock.seconds() < end:
            # How many recipients they bring is known once they are here.
            self._awaits_reading = len(self._loading) >= _MOST_LOADING
            if self._full or self._awaits_reading or not self._fetch_next():
                self._more = False
                break
        self._held_back = self._full or self._full_of_deferred

    def _fetch_next(self) -> bool:
        """False when nothing is due that there is room for."""
        message_id = self._backlog.popleft() if self._backlog else self._next_due()
        # An order may have brought one of the backlog in before its turn.
        if message_id is not None and not self._moves(message_id):
            self._fetch(message_id)
        return message_id is not None

    def _next_due(self) -> str | None:
        """What was deferred and is due, as long as it leaves room for new mail."""
        return None if self._full_of_deferred else self._agenda.pop_due()

    def _call(self, hop: NextHop) -> None:
        """Read what has waited for this destination, as much as it can use."""
        self._to_call[hop] = None
        self._call_all()

    def _call_all_once(self) -> None:
        while self._to_call and not self._stopping:
            hop = next(iter(self._to_call))
            del self._to_call[hop]
            self._read_for(hop)

    def _read_for(self, hop: NextHop) -> None:
        for message_id in self._traffic.called(hop):
            # Who is not in the agenda is on his way already, or has ended.
            if message_id in self._agenda:
                self._agenda.remove(message_id)
                self._traffic.comes(hop, message_id)
                self._fetch(message_id)

    def _stands_otherwise(self, hop: NextHop) -> None:
        """Another queue has found out about a destination, or left places to this one."""
        for waiting in self._traffic.rested(hop):
            self._park(waiting)
        self._call(hop)
        self._carry()

    def _set_alarm(self) -> None:
        wait = self._agenda.wait()
        nap = _LONGEST_NAP if wait is None else min(wait, _LONGEST_NAP)
        # A full house is woken by the round that ends, a busy one by what has been read.
        if self._held_back or self._awaits_reading:
            nap = _LONGEST_NAP
        elif self._more:
            nap = 0.0
        pause_over = self._traffic.next_moment()
        if pause_over is not None:
            nap = min(nap, max(pause_over - self._clock.seconds(), 0.0))
        if self._alarm is not None and self._alarm.active():
            # Too early a look does no harm, and is cheaper than an alarm that is set anew for every message.
            if self._alarm.getTime() <= self._clock.seconds() + nap:
                return
            self._alarm.cancel()
        self._alarm = self._clock.callLater(nap, self._look)

    def _fetch(self, message_id: str) -> None:
        self._held.discard(message_id)
        self._loading.add(message_id)
        supervise(self._load(message_id), f"reading {message_id} from the spool")

    async def _load(self, message_id: str) -> None:
        round_ = await self._round_of(message_id)
        caller = self._traffic.arrived(message_id)
        await self._begin_or_obey(message_id, round_)
        if caller is not None:
            self._call(caller)  # what came may have been of no use to it: gone, held, or on another way now
        if self._awaits_reading and len(self._loading) < _MOST_LOADING // 2:
            self._look()
        else:
            self._carry()

    async def _round_of(self, message_id: str, message: QueuedMessage | None = None) -> Round | None:
        """With what rules demand of it, which may take some reading; None when it is gone, or is tried again later."""
        try:
            found = message or await self._read(message_id)
            # Before it is asked: what changes meanwhile makes the answer an old one.
            edition = self._demanding.edition
            return None if found is None else Round(found, await self._demanding.of(found), edition)
        except Exception:  # noqa: BLE001  a bug of ours must not lose mail: it waits and the log says why
            maillog.failed_unexpectedly(f"reading {message_id}")
            self._again_later(message_id)
            return None
        finally:
            self._loading.discard(message_id)

    async def _read(self, message_id: str) -> QueuedMessage | None:
        """None when it is gone, or cannot be read now and is tried again later."""
        try:
            return await self._spool.load(message_id)
        except UnknownMessage:
            self._ages.forget(message_id)
            self._pressed.pop(message_id, None)
        except SpoolTrouble as trouble:
            maillog.spool_trouble(f"{message_id} cannot be read: {trouble}")
            self._again_later(message_id)
        return None

    def _again_later(self, message_id: str) -> None:
        self._agenda.set(message_id, self._now() + self._config.retry.first)

    def _due_after(self, round_: Round) -> float | None:
        """When it is due again after a round; None when all are held.

        Who waits for his destination is called; should he not be, this is when he is tried at the latest.
        """
        now, retry = self._now(), self._config.retry
        if round_.broken:
            return now + retry.first
        if round_.message.id in self._pressed:
            return now
        if not round_.parked and not round_.uncalled:
            due = round_.message.due
            return now if due is not None and astray(retry, due, now) else due
        queued = [each for each in round_.message.pending if each.state is RecipientState.QUEUED]
        moments = [each.next_try for each in queued if each.next_try is not None and each.next_try > now]
        end = self._outcomes.arrived(round_.message) + retry.lifetime
        return min([*moments, now + retry.longest, *([end] if end > now else [])])

    # --- rounds ----------------------------------------------------------------------------------------------------

    def _begin_round(self, round_: Round) -> None:
        """One consignment for each way of the recipients that are due: a next hop, and what is demanded of it."""
        message = round_.message
        pressed = self._pressed.pop(message.id, NOTHING_PRESSES)
        groups, unsure = self._ways.grouped(round_, pressed, self._now())
        self._rounds[message.id] = round_
        self._untried.discard(message.id)
        # One more, which comes back below: the round does not end while it is being begun.
        round_.out = len(groups) + bool(unsure) + 1
        if unsure:
            supervise(self._left(round_, self._not_judged(round_, unsure)), f"putting off {message.id}")
        for (way, uncalled), addresses in groups.items():
            self._send_off(
                round_, Consignment(message, way.hop, tuple(addresses), way.demanded, round_.edition), uncalled
            )
        self._came_back(round_)

    def _send_off(self, round_: Round, consignment: Consignment, uncalled: bool) -> None:
        """A bug of ours must not leave a round behind that never ends, nor give out a consignment twice."""
        try:
            if uncalled:
                self._await_call(consignment)
            elif not self._traffic.admit(consignment):
                self._park(consignment)
        except Exception:  # noqa: BLE001
            maillog.failed_unexpectedly(f"sending off {round_.message.id} to {consignment.next_hop.word}")
            round_.broken = True
            self._came_back(round_)

    def _not_judged(self, round_: Round, recipients: Sequence[Mailbox]) -> Sequence[VerdictRecord]:
        """A rule cannot tell for now: nothing is sent."""
        message, now = round_.message, self._now()
        return [not_judged(message, message.status_of(str(each)), now) for each in recipients]

    def _carry_once(self) -> None:
        """Start whatever may start."""
        # With no room for outcomes no new delivery starts: it would be repeated.
        while not self._stopping and not self._outcomes.unwritten:
            taken = self._traffic.take()
            if taken is None:
                break
            supervise(self._deliver(taken), f"delivering {taken.load.message.id} to {taken.destination.word}")
        if self._traffic.next_moment() is not None and not self._stopping:
            self._set_alarm()  # a destination that has had its rate has begun to wait

    async def _deliver(self, taken: Taken[NextHop, Consignment]) -> None:
        hop, consignment = taken.destination, taken.load
        round_ = self._rounds[consignment.message.id]
        told: list[VerdictRecord] = []

        def ended(verdicts: Sequence[VerdictRecord]) -> Deferred[None]:
            told.extend(verdicts)
            return Deferred.fromCoroutine(self._outcomes.record(round_, verdicts, hop))

        verdicts: Sequence[VerdictRecord] = ()
        with self._busy_with(round_):
            try:
                verdicts = await self._couriers[hop.route.via].deliver(consignment, ended)
            finally:
                for waiting in self._traffic.done(taken, [*told, *verdicts]):
                    self._park(waiting)
                self._call(hop)
                self._carry()
            await self._outcomes.record(round_, verdicts, hop)
        if not self._traffic.running:
            self._ended_idle()

    @contextmanager
    def _busy_with(self, round_: Round) -> Iterator[None]:
        """Something is done for a message; then one consignment less is out, whatever has become of it."""
        message_id = round_.message.id
        self._at_work[message_id] += 1
        try:
            yield
        except Exception:  # noqa: BLE001  a bug of ours: the message is tried again, and the log says why
            maillog.failed_unexpectedly(f"working on {message_id}")
            round_.broken = True
        finally:
            self._rests(message_id)
        self._came_back(round_)

    def _rests(self, message_id: str) -> None:
        """Nothing is done for it now, or one thing less."""
        self._at_work[message_id] -= 1
        if not self._at_work[message_id]:
            del self._at_work[message_id]

    def _park(self, consignment: Consignment) -> None:
        """Its destination cannot take it now: it waits there."""
        now = self._now()
        self._rounds[consignment.message.id].parked.append(consignment.next_hop)
        self._leave(
            consignment,
            self._outcomes.untold(consignment, lambda each: self._traffic.not_tried(consignment, each, now)),
        )

    def _await_call(self, consignment: Consignment) -> None:
        """Its route waits until somebody asks for the mail (RFC 1985)."""
        now = self._now()
        until = now + self._config.retry.longest
        self._rounds[consignment.message.id].uncalled = True
        self._leave(
            consignment, self._outcomes.untold(consignment, lambda each: not_asked_for(consignment, each, now, until))
        )

    def _leave(self, consignment: Consignment, verdicts: Sequence[VerdictRecord]) -> None:
        """It comes back without an attempt; mostly there is nothing to be written down of that."""
        round_ = self._rounds[consignment.message.id]
        if verdicts:
            supervise(self._left(round_, verdicts), f"putting off {round_.message.id}")
        else:
            self._came_back(round_)

    async def _left(self, round_: Round, verdicts: Sequence[VerdictRecord]) -> None:
        with self._busy_with(round_):
            await self._outcomes.record(round_, verdicts)

    def _came_back(self, round_: Round) -> None:
        """One consignment less is out."""
        round_.out -= 1
        if round_.out == 0:
            self._end_round(round_)

    def _end_round(self, round_: Round) -> None:
        """Every consignment has come back."""
        message = round_.message
        if self._rounds.get(message.id) is not round_:
            return  # the watch has given it up
        del self._rounds[message.id]
        if message.finished:
            self._ages.forget(message.id)
            self._pressed.pop(message.id, None)
            self._bound.discard(message.id)
            self._untried.discard(message.id)
            self._held.discard(message.id)
            states = [each.state for each in message.recipients]
            maillog.finished(message.id, states.count(RecipientState.DELIVERED), states.count(RecipientState.FAILED))
            self._orders.cannot(message.id, Obeyed.UNKNOWN)
        elif message.id in self._orders:
            supervise(self._obey(round_), f"orders for {message.id}")
        else:
            self._put_off(round_)
        if (self._backlog or self._held_back) and not self._more:
            self._look()

    async def _obey(self, round_: Round) -> None:
        """What operators want done with a message of which nothing is on its way."""
        message_id = round_.message.id
        self._rounds[message_id] = round_
        self._at_work[message_id] += 1
        try:
            await self._obey_all(round_)
        finally:
            self._rests(message_id)
        self._end_round(round_)

    async def _obey_all(self, round_: Round) -> None:
        message_id = round_.message.id
        for order, obeyed in self._orders.taken(message_id):
            concerned = dict.fromkeys(str(each.address) for each in round_.message.recipients if order.concerns(each))
            verdicts = verdicts_of(order, round_.message, self._now())
            if order.kind is OrderKind.LOWER:
                verdicts = await self._lowered(order, round_)
                concerned = dict.fromkeys(each.recipient for each in verdicts)
            await self._outcomes.order(round_, verdicts, order.report)
            if order.kind in _PRESSING and concerned:
                self._press(message_id, Pressing(recipients=frozenset(concerned)))
                for status in round_.message.pending:
                    if str(status.address) in concerned:
                        found = found_for(status, round_.demands)
                        self._traffic.wake(self._ways.hop(status.address, found))
            if concerned:
                maillog.ordered(
                    message_id, order.kind.value, tuple(concerned), order.reason, order.by, order.override_tls
                )
            obeyed(OrderResult(Obeyed.DONE if concerned else Obeyed.NOTHING, tuple(concerned)))

    async def _lowered(self, order: Order, round_: Round) -> Sequence[VerdictRecord]:
        """What is to be written down of those for whom less is demanded now than is stored."""
        message, now = round_.message, self._now()
        lowering = self._lowering
        allowed = await lowering.of(message, stored=False)
        return [
            lowered(order, message, each, lowering.to_store(each, allowed), now)
            for each in message.pending
            if self._ways.lowers(each, round_.demands, allowed, lowering.config)
        ]

    def _put_off(self, round_: Round) -> None:
        message = round_.message
        self._ages.waits_for(message.id, message.domains)
        if message.bound:
            self._bound.add(message.id)
        moment = self._due_after(round_)
        if moment is None:
            self._held.add(message.id)
        else:
            self._agenda.set(message.id, moment)
            if round_.changed:
                maillog.deferred(message.id, len(message.pending), moment)
            self._set_alarm()
        for hop in round_.parked:
            self._traffic.park(hop, message.id)
            self._call(hop)  # its rest may have ended meanwhile
        # One that waits for a place, as it did before, is for that alone not moved.
        if round_.changed:
            supervise(self._move(message.id), f"putting off {message.id}")

    async def _move(self, message_id: str) -> None:
        try:
            await self._spool.defer(message_id)
        except SpoolTrouble as trouble:
            # It stays where it is, and is as safe there.
            maillog.spool_trouble(f"{message_id} cannot be moved: {trouble}")

    # --- the watch -------------------------------------------------------------------------------------------------

    def _ownerless(self) -> Iterator[str]:
        """Messages that neither wait for a moment, nor are on their way, nor held; there are none but by a bug."""
        moving, backlog = {*self._traffic.waiting(), *self._at_work}, set(self._backlog)
        return (each for each in self._ages if not self._has_owner(each, moving, backlog))

    def _has_owner(self, message_id: str, moving: set[str], backlog: set[str]) -> bool:
        if message_id in self._rounds:
            return message_id in moving
        waits = message_id in self._agenda or message_id in self._held or message_id in backlog
        return waits or message_id in self._loading or message_id in moving

    def _try_again(self, message_id: str) -> None:
        self._rounds.pop(message_id, None)
        self._agenda.set(message_id, self._now())
        self._set_alarm()

    # --- within ----------------------------------------------------------------------------------------------------

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
