"""Operators' orders, which wait until nothing of their message is on its way (shell), and what a reload frees."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.few_at_once import InThread
from fopemta.interfaces import ISpool, SpoolTrouble
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult, lowered, verdicts_of
from fopemta.queue.demanding import Demanding
from fopemta.queue.outcomes import Outcomes
from fopemta.queue.ways import Round, Ways, found_for
from fopemta.routing.values import NextHop
from fopemta.scheduling.roster import Entry, Pressing, Roster
from fopemta.scheduling.stages import IN_MEMORY
from fopemta.trust.verdict import VerdictRecord

# After these orders a message is tried at once.
_PRESSING = frozenset({OrderKind.RELEASE, OrderKind.RETRY})


@attrs.define(eq=False)
class _Pending:
    order: Order
    answer: Deferred[OrderResult] | None

    def tell(self, result: OrderResult) -> None:
        """Answer who gave it, once."""
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.callback(result)


def give(entry: Entry, order: Order) -> Deferred[OrderResult]:
    """Note an order; fires when it has been seen to, or put off."""
    answer: Deferred[OrderResult] = Deferred()
    entry.orders = [*(entry.orders or ()), _Pending(order, answer)]
    return answer


def see_to_afterwards(entry: Entry) -> None:
    """Something of its message is on its way: answer now, and do it later."""
    for pending in entry.orders or ():
        pending.tell(OrderResult(Obeyed.AFTERWARDS))


def cannot(entry: Entry, why: Obeyed) -> None:
    """Its message is not there, or cannot be read."""
    pending, entry.orders = entry.orders or (), None
    for each in pending:
        each.tell(OrderResult(why))


class Orders:
    """`wake` ends the rest of a destination; `in_thread` runs a call off the reactor thread."""

    def __init__(
        self,
        spool: ISpool,
        roster: Roster,
        demanding: Demanding,
        ways: Ways,
        outcomes: Outcomes,
        now: Callable[[], float],
        in_thread: InThread,
        wake: Callable[[NextHop], None],
    ) -> None:
        self._spool = spool
        self._roster = roster
        self._demanding = demanding
        self._ways = ways
        self._outcomes = outcomes
        self._now = now
        self._in_thread = in_thread
        self._wake = wake
        # By what an operator has let demands fall: what has ceased since is not what was allowed.
        self._lowering = demanding

    async def obey(self, entry: Entry) -> None:
        """What is pending for a message of which nothing is on its way."""
        round_: Round = entry.round
        # What they change may be what waits for a destination.
        round_.parked.clear()
        pending, entry.orders = entry.orders or (), None
        for each in pending:
            concerned = await self._obey(entry, round_, each.order)
            each.tell(OrderResult(Obeyed.DONE if concerned else Obeyed.NOTHING, concerned))

    async def _obey(self, entry: Entry, round_: Round, order: Order) -> tuple[str, ...]:
        """Those whom it concerns."""
        if order.kind is OrderKind.LOWER:
            verdicts = await self._lowered(order, round_)
            concerned = tuple(dict.fromkeys(each.recipient for each in verdicts))
        else:
            concerned = tuple(str(each.address) for each in round_.message.recipients if order.concerns(each))
            verdicts = verdicts_of(order, round_.message, self._now())
        await self._outcomes.order(round_, verdicts, order.report)
        if not concerned:
            return ()
        if order.kind in _PRESSING:
            entry.pressing |= Pressing(recipients=frozenset(concerned))
            for status in round_.message.pending:
                if str(status.address) in concerned:
                    self._wake(self._ways.hop(status.address, found_for(status, round_.demands)))
        maillog.ordered(entry.id, order.kind.value, concerned, order.reason, order.by, order.override_tls)
        return concerned

    async def _lowered(self, order: Order, round_: Round) -> Sequence[VerdictRecord]:
        """What is to be written down of those for whom less is demanded now than is stored."""
        message, now, lowering = round_.message, self._now(), self._lowering
        allowed = await lowering.of(message, stored=False)
        return [
            lowered(order, message, each, lowering.to_store(each, allowed), now)
            for each in message.pending
            if self._ways.lowers(each, round_.demands, allowed, lowering.config)
        ]

    # --- what a reload frees ---------------------------------------------------------------------------------------

    def let_fall(self, config: Configuration) -> list[Entry]:
        """What `config` has ceased to demand is demanded no more; those that are to get an order that says so."""
        self._demanding.let_fall()
        self._lowering = Demanding(self._spool, config, self._now, self._in_thread)
        return [entry for entry in self._roster if entry.bound or entry.stage in IN_MEMORY]

    async def freed_by(self, config: Configuration) -> int:
        """For how many recipients less would be demanded under `config`."""
        new = Demanding(self._spool, config, self._now)
        freed = 0
        for entry in [each for each in self._roster if self._may_be_bound(each)]:
            try:
                message = await self._spool.load(entry.id)
            except SpoolTrouble:
                continue  # it has gone, or keeps to the old rules as long as it cannot be read
            before, after = await self._demanding.of(message), await new.of(message, stored=False)
            freed += self._ways.freed(message, before, after, config)
        return freed

    @staticmethod
    def _may_be_bound(entry: Entry) -> bool:
        """What is on its way for the first time has not been put off, and is bound all the same."""
        round_: Round | None = entry.round
        on_its_way = round_.message.bound if round_ is not None else entry.stage in IN_MEMORY
        return entry.bound or entry.untried or on_its_way
