"""The dispatcher (shell): from a spooled message to done, retried or reported, and nothing stuck on the way.

Where a message can be, and what moves it, stands in `scheduling.stages`; what follows is done here.
`scheduling.roster` knows the messages, `scheduling.destinations` what waits for whom.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from fopemta import maillog
from fopemta.background import supervise
from fopemta.config.model import Configuration
from fopemta.interfaces import ICourier, IQueue, IRuleCounts, ISpool, SpoolTrouble, UnknownMessage
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult
from fopemta.mail.queued import QueuedMessage, RecipientState, Unfinished
from fopemta.queue import orders
from fopemta.queue.damage_watch import DamageWatch
from fopemta.queue.demanding import Demanding
from fopemta.queue.made_here import MadeHere
from fopemta.queue.moves import Moves
from fopemta.queue.outcomes import Outcomes
from fopemta.queue.repeated import Repeated
from fopemta.queue.rounds import Load, Rounds
from fopemta.queue.waiting import Waiting
from fopemta.queue.ways import Round, Ways
from fopemta.retry.standing import Pacing
from fopemta.retry.standings import AnyStandings
from fopemta.retry.timetable import sane
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Via
from fopemta.routing.values import NextHop
from fopemta.scheduling.destinations import Destinations
from fopemta.scheduling.roster import LEAST_BULK, Entry, Pressing, Roster
from fopemta.scheduling.stages import Act, Event, Stage

# The agenda is looked at at least so often, whatever the clock on the wall does.
_LONGEST_NAP = 30.0
# Room in memory, in recipients (see `LEAST_BULK`): beyond it, new messages wait as ids.  Of it, so much for those that
# were deferred before: a queue full of these must not keep new mail waiting.
_ROOM = 2000 * LEAST_BULK
_ROOM_DEFERRED = 1500 * LEAST_BULK
# So many messages are being read at a time.
_MOST_READING = 100
# Seconds of a turn of the reactor that go by with what is due.
_TURN = 0.02
# Overdue mail is spread over so many seconds after a restart, once there is more than a handful.
_SPREAD = 60.0
_HANDFUL = 200
# Messages of which an operator has let the demands fall are read so many at a time.
_LOWERED_AT_ONCE = 20
# A message without an owner between two steps of one turn of the reactor is not seen; for longer, within this time.
_WATCH = 30.0


class _Until(enum.Enum):
    """What has to come before more of what is due is fetched."""

    DUE = "the moment of the next"
    ROOM = "room in memory"
    READING = "the end of what is being read"
    TURN = "the next turn of the reactor"


@implementer(IQueue)
class Dispatcher:
    """`couriers` by the kind of route, `now` the wall time; `standings` where this is not the only queue; `demanding`
    where others, too, ask what is demanded: before MAIL they do.
    """

    # What is waited for before more of what is due is fetched; no destination could call what waits for it, for want of
    # room; no more deliveries at a time than so many.
    _until = _Until.DUE
    _full = False
    _most: int | None = None
    # Going on, and asked to go on again, or to look for what is due, too.
    _going = _again = _look_again = False
    _stopping = False
    _alarm: IDelayedCall | None = None
    _idle: Deferred[None] | None = None

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
        def seconds() -> float:
            """Not `clock.seconds` itself: a reactor is given its steady clock later (see `run_steadily`)."""
            return clock.seconds()

        self._spool, self._couriers, self._config = spool, couriers, config
        self._clock, self._seconds, self._now, self._noise = clock, seconds, now, noise
        # What is made here goes to its recipients as all other mail does.
        self.made_here = MadeHere(config, now)
        self._ways = ways = Ways(config)
        self._roster = roster = Roster(seconds, now)
        self._demanding = asked = demanding or Demanding(spool, config, now, in_thread)
        places: Destinations[NextHop, Load]
        self._destinations = places = Destinations(*_limits(config), standings, self._stands_otherwise, _named)
        self._outcomes = outcomes = Outcomes(
            spool, config, asked, roster, now, noise, self._wait, self.accepted, self._go_on, self.made_here, counts
        )
        self._rounds = Rounds(
            roster, places, ways, outcomes, couriers, seconds, now, noise, self._leaves, self._go_on, self._delivered
        )
        self._waiting = Waiting(roster, places, ways, asked, seconds, now)
        self._orders = orders.Orders(spool, roster, asked, ways, outcomes, now, in_thread, places.wake)
        self._moves = Moves(spool, lambda message_id: roster.get(message_id) is not None, self._has_room)
        self._damage = DamageWatch(spool, config, now, self.made_here, self.accepted)
        self._watch = Repeated(clock, _WATCH, self._find_lost)
        self._performers = self._by_act()

    def _by_act(self) -> Mapping[Act, Callable[[Entry], None]]:
        """Who does what follows from an event; the other acts are done by whoever tells of it."""
        return {
            Act.READ: self._read,
            Act.BEGIN: self._rounds.begin,
            Act.LINE_UP: self._waiting.line_up,
            Act.HURRY: self._waiting.hurry,
            Act.WITHDRAW: self._withdraw,
            Act.OBEY: self._obey,
            Act.PUT_OFF: self._put_off,
            Act.TRY_LATER: self._try_later,
            Act.TRY_NOW: self._try_now,
            Act.FORGET: self._forget,
        }

    # --- the life of the queue -------------------------------------------------------------------------------------

    def start(self, messages: Sequence[Unfinished]) -> None:
        """Take over what the spool recovered, oldest first."""
        self._roster.begin()
        self._watch.start()
        self._take_over(iter(messages), 0)

    def found(self, messages: Sequence[Unfinished]) -> None:
        """Take over what the spool has found waiting since the start, in any order."""
        self._take_over(iter(messages), _HANDFUL)

    def _take_over(self, messages: Iterator[Unfinished], overdue: int) -> None:
        """As many as a turn of the reactor has time for; there may be hundreds of thousands."""
        if self._stopping:
            return
        end = self._seconds() + _TURN
        for message in messages:
            if self._seconds() >= end:
                self._clock.callLater(0, self._take_over, chain([message], messages), overdue)
                return
            overdue += self._found(message, overdue)
        self._go_on(look=True)

    def _found(self, message: Unfinished, overdue: int) -> bool:
        """Take over one; whether its moment is past."""
        now, due = self._now(), message.due
        if self._roster.get(message.id) is not None:
            return False  # an order has brought it in before its turn
        entry = self._roster.enter(message.id, message.arrived, message.domains)
        entry.bound, entry.untried = message.bound, self._demanding.keeps_earlier
        entry.told = due != 0.0
        if due is None:
            self._happens(entry, Event.RECOVERED_HELD)
            return False
        self._happens(entry, Event.RECOVERED)
        late = due <= now
        if late:
            due = now if overdue < _HANDFUL else now + self._noise.random() * _SPREAD
        self._roster.set_moment(entry, sane(self._config.retry, due, now))
        return late

    def stop(self, deadline: float = 10.0) -> Deferred[None]:
        """Start nothing more; fires when what is under way has ended, or after `deadline` seconds."""
        self._stopping = True
        self._watch.stop()
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
        """Use `config` from now on: routes and demands are worked out anew at each attempt, and for all that waits for
        its turn.
        """
        self._config = config
        self._outcomes.reconfigure(config)
        if self._demanding.reconfigure(config):
            for entry in self._roster:
                entry.untried = True
        self._damage.config = self._ways.config = self.made_here.config = config
        self._destinations.limit(*_limits(config, self._most))
        # What waits for a destination may have another now.
        for message_id in self._destinations.leave_lines():
            waiting = self._roster.get(message_id)
            if waiting is not None and waiting.stage is Stage.WAITING:
                self._roster.set_moment(waiting, self._now() + self._noise.random() * _SPREAD)
        self._rounds.withdraw_all()

    def allow(self, most: int) -> None:
        """No more deliveries than so many at a time: the system has no descriptors for more."""
        self._most = most
        self._destinations.limit(*_limits(self._config, most))

    def accepted(self, message: QueuedMessage) -> None:
        """See IQueue."""
        entry = self._roster.enter(message.id, message.arrived, message.domains)
        entry.bound = message.bound
        if self._stopping or self._bulk >= _ROOM:
            self._happens(entry, Event.NO_ROOM)
        elif self._demanding.applies_to(message):
            self._happens(entry, Event.ACCEPTED_UNJUDGED)
            self._roster.weigh(entry, len(message.recipients))
            supervise(self._bring_in(entry, message), f"what is demanded for {message.id}")
        elif self._destinations.crowd and not message.envelope.held and self._waiting.is_crowded_out(entry):
            self._happens(entry, Event.CROWDED)
            self._set_alarm()
        else:
            entry.round = Round(message, edition=self._demanding.edition)
            self._happens(entry, Event.ACCEPTED)
            self._go_on()

    def flush(self, domain: str) -> Deferred[int]:
        """See IQueue."""
        moving, woken, pressing = set(), set(), Pressing(domains=frozenset({domain}))
        for entry, each in self._roster.of_domain(domain):
            if each not in woken:
                woken.add(each)
                self._destinations.wake(*self._ways.by_domain((each,)))
            act = self._roster.happens(entry, Event.FLUSHED)
            if act is not Act.NOTHING:
                moving.add(entry.id)
                entry.pressing |= pressing
                self._do(act, entry)
        self._go_on(look=True)
        return succeed(len(moving))

    def order(self, message_id: str, order: Order) -> Deferred[OrderResult]:
        """See IQueue."""
        entry = self._roster.get(message_id)
        if entry is None:
            # The spool may have what has not been taken over yet.
            entry = self._roster.enter(message_id, self._now())
        obeyed = orders.give(entry, order)
        self._happens(entry, Event.ORDERED)
        return obeyed

    def let_demands_fall(self, lowered_by: str) -> None:
        """See IQueue."""
        # Each has to be read: a few at a time, or a long queue comes into memory as a whole.
        left = iter(self._orders.let_fall(self._config))
        for _ in range(_LOWERED_AT_ONCE):
            supervise(self._lower(left, Order(kind=OrderKind.LOWER, by=lowered_by)), "lowering demands")

    async def _lower(self, left: Iterator[Entry], order: Order) -> None:
        for entry in left:
            if self._stopping:
                return
            if self._roster.get(entry.id) is entry:
                await self.order(entry.id, order)

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        """See IQueue."""
        return Deferred.fromCoroutine(self._orders.freed_by(config))

    def pressed(self, hop: NextHop) -> bool:
        """Other mail waits for a place that this destination has, though it has not answered yet."""
        return self._destinations.pressed(hop)

    def stalls(self, consignment: Consignment) -> bool:
        """Its server has the message, and does not answer: True where somebody else has its place from now on."""
        return self._rounds.stalls(consignment)

    @property
    def size(self) -> int:
        """Unfinished messages."""
        return self._roster.moving

    # --- going on --------------------------------------------------------------------------------------------------

    def _happens(self, entry: Entry, event: Event) -> None:
        """Do what the table says."""
        self._do(self._roster.happens(entry, event), entry)

    def _do(self, act: Act, entry: Entry) -> None:
        perform = self._performers.get(act)
        if perform is not None:
            perform(entry)

    def _go_on(self, look: bool = False) -> None:
        """Start whatever may start; `look` for what is due, too.

        The end of one message begins another: each within the last would need a deeper stack for every message.
        """
        self._again = True
        self._look_again |= look
        if self._going:
            return
        self._going = True
        try:
            while self._again and not self._stopping:
                self._again = False
                if self._look_again:
                    self._look_again = False
                    self._look()
                self._call_and_carry()
        finally:
            self._going = False

    def _look(self) -> None:
        """Begin what is due, and set the alarm again whatever happens: mail must not wait for a chance."""
        try:
            self._damage.look()
            self._destinations.over(self._seconds())
            self._until = self._take_in(self._seconds() + _TURN)
        finally:
            self._set_alarm()

    def _take_in(self, end: float) -> _Until:
        """Fetch what is due, until `end`: then clients, signals and commands have their turn, and the rest the next."""
        while self._seconds() < end:
            # How many recipients they bring is known once they are here.
            if self._roster.count(Stage.READING) >= _MOST_READING:
                return _Until.READING
            if self._bulk >= _ROOM:
                return _Until.ROOM
            entry = self._roster.next_in_backlog()
            if entry is None and self._bulk >= _ROOM_DEFERRED:
                return _Until.ROOM
            entry = entry or self._roster.next_due()
            if entry is None:
                return _Until.DUE
            self._happens(entry, Event.CROWDED if self._waiting.must_wait(entry) else Event.DUE)
        return _Until.TURN

    def _call_and_carry(self) -> None:
        """Bring in what destinations have room for, and start what has a place."""
        seconds = self._seconds()
        while not self._stopping:
            if self._destinations.asking and self._call(seconds):
                continue
            # With no room for outcomes no new delivery starts: it would be repeated.
            taken = None if self._outcomes.unwritten else self._destinations.take(seconds)
            if taken is None:
                break
            self._rounds.carry(taken)
        if self._destinations.next_moment() is not None:
            self._set_alarm()  # a destination that has had its rate has begun to wait

    def _call(self, seconds: float) -> bool:
        """Have a destination call what waits for it; whether one did."""
        bulk = self._bulk
        self._full = bulk >= _ROOM or self._roster.count(Stage.READING) >= _MOST_READING
        called = None if self._full else self._destinations.call(seconds, bulk >= _ROOM_DEFERRED)
        if called is not None:
            self._called(*called)
        return called is not None

    def _called(self, hop: NextHop, message_id: str) -> None:
        entry = self._roster.get(message_id)
        act = Act.NOTHING if entry is None else self._roster.happens(entry, Event.CALLED)
        if entry is not None and act is Act.ADMIT:
            self._rounds.admit(entry, hop)
        elif entry is not None and act is Act.READ:
            self._read(entry, hop)

    def _stands_otherwise(self, hop: NextHop) -> None:
        """Another queue has found out about a destination, or left places to this one."""
        self._rounds.park_for_rest(hop)
        self._go_on()

    def _delivered(self) -> None:
        """A delivery has ended, and its outcomes are written."""
        if not self._destinations.running:
            self._ended_idle()

    def _set_alarm(self) -> None:
        if self._stopping:
            return
        wait = self._roster.wait() if self._until is _Until.DUE else None
        # What is full is woken by the round that ends, what is busy by what has been read.
        nap = 0.0 if self._until is _Until.TURN else min(_LONGEST_NAP if wait is None else wait, _LONGEST_NAP)
        pause_over = self._destinations.next_moment()
        if pause_over is not None:
            nap = min(nap, max(pause_over - self._seconds(), 0.0))
        if self._alarm is not None and self._alarm.active():
            # Too early a look does no harm, and is cheaper than an alarm that is set anew for every message.
            if self._alarm.getTime() <= self._seconds() + nap:
                return
            self._alarm.cancel()
        self._alarm = self._clock.callLater(nap, self._go_on, True)

    @property
    def _bulk(self) -> int:
        """Room in memory that is taken; what is to be moved in the spool takes some, too."""
        return self._roster.bulk + len(self._moves) * LEAST_BULK

    def _has_room(self) -> None:
        """There may be room for more."""
        if self._full:
            self._go_on()
        if self._until is _Until.ROOM or (self._roster.count(Stage.BACKLOG) and self._until is _Until.DUE):
            self._go_on(look=True)

    # --- reading ---------------------------------------------------------------------------------------------------

    def _read(self, entry: Entry, caller: NextHop | None = None) -> None:
        if caller is not None:
            self._destinations.comes(caller)
        supervise(self._bring_in(entry, None, caller), f"reading {entry.id} from the spool")

    async def _bring_in(self, entry: Entry, message: QueuedMessage | None, caller: NextHop | None = None) -> None:
        """Into memory, where it is not there as a `message` yet, for the destination that has called it."""
        entry.at_work += 1
        event = await self._read_and_judged(entry, message)
        entry.at_work -= 1
        if caller is not None:
            # What comes may be of no use to it: gone, held, or on another way now.
            self._destinations.came(caller)
        self._happens(entry, event)
        few = self._roster.count(Stage.READING) < _MOST_READING // 2
        self._go_on(look=few and self._until is _Until.READING)

    async def _read_and_judged(self, entry: Entry, message: QueuedMessage | None) -> Event:
        """With what rules demand of it, which may take some reading.  Does not fail."""
        try:
            message = message or await self._spool.load(entry.id)
            # Before it is asked: what changes meanwhile makes the answer an old one.
            edition = self._demanding.edition
            entry.round = Round(message, await self._demanding.of(message), edition)
            self._roster.weigh(entry, len(message.recipients))
        except UnknownMessage:
            return Event.VANISHED
        except SpoolTrouble as trouble:
            maillog.spool_trouble(f"{entry.id} cannot be read: {trouble}")
            return Event.UNREADABLE
        except Exception:  # noqa: BLE001  a bug of ours must not lose mail: it waits and the log says why
            maillog.failed_unexpectedly(f"reading {entry.id}")
            return Event.UNREADABLE
        return Event.READ_TO_OBEY if entry.orders else Event.READ

    # --- the end of a round ----------------------------------------------------------------------------------------

    def _leaves(self, entry: Entry) -> None:
        """Nothing is done for it any more."""
        if entry.round.message.finished:
            event = Event.FINISHED
        elif entry.orders:
            event = Event.LEFT_TO_OBEY
        elif entry.stage is Stage.OBEYING and self._waiting.may_go(entry):
            event = Event.LEFT_PRESSED
        else:
            event = Event.LEFT_HELD if self._waiting.due_after(entry) is None else Event.LEFT
        self._happens(entry, event)
        self._has_room()

    def _put_off(self, entry: Entry) -> None:
        round_: Round = entry.round
        moment = self._waiting.put_off(entry)
        if round_.changed:
            # One that waits for a place, as it did before, is for that alone not moved.
            self._moves.move(entry.id)
            if moment is not None:
                maillog.deferred(entry.id, len(round_.message.pending), moment)
        self._set_alarm()

    def _forget(self, entry: Entry) -> None:
        round_: Round | None = entry.round
        orders.cannot(entry, Obeyed.UNKNOWN)
        if round_ is not None:
            states = [each.state for each in round_.message.recipients]
            maillog.finished(entry.id, states.count(RecipientState.DELIVERED), states.count(RecipientState.FAILED))

    def _try_later(self, entry: Entry) -> None:
        orders.cannot(entry, Obeyed.UNREADABLE)
        self._roster.set_moment(entry, self._now() + self._config.retry.first)

    def _try_now(self, entry: Entry) -> None:
        maillog.stood_still(entry.id)
        entry.round = None
        self._roster.set_moment(entry, self._now())
        self._set_alarm()

    def _find_lost(self) -> None:
        """Whatever the bug, nothing that was accepted stands still."""
        queued = {entry.id for entry, _, _ in self._destinations.loads()}
        for entry in tuple(self._roster.ownerless(queued)):
            self._happens(entry, Event.LOST)

    # --- orders ----------------------------------------------------------------------------------------------------

    def _withdraw(self, entry: Entry) -> None:
        self._rounds.withdraw(entry)
        if entry.stage is Stage.ACTIVE:
            orders.see_to_afterwards(entry)

    def _obey(self, entry: Entry) -> None:
        supervise(self._obey_all(entry), f"orders for {entry.id}")

    async def _obey_all(self, entry: Entry) -> None:
        entry.at_work += 1
        try:
            await self._orders.obey(entry)
        finally:
            entry.at_work -= 1
        self._leaves(entry)
        self._go_on()

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


def _named(hop: NextHop) -> bool:
    """A route says where it is, not the DNS of a stranger's domain."""
    return not hop.route.by_mx


def _limits(config: Configuration, most: int | None = None) -> tuple[int, Pacing, float]:
    delivery, workers = config.delivery, config.workers
    rate = delivery.rate_per_destination / workers.count
    connections = workers.share(delivery.connections)
    connections = connections if most is None else min(connections, most)
    return connections, Pacing.of(delivery.connections_per_destination, config.retry), rate
