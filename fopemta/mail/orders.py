"""What an operator wants done with a message in the queue, and what became of that (pure)."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from fopemta.mail.queued import QueuedMessage, RecipientState, RecipientStatus
from fopemta.mail.unattempted import unattempted
from fopemta.trust.demand import Demanded
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import Result, VerdictRecord, rfc3339


class OrderKind(enum.StrEnum):
    """The orders there are."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    REMOVE = "remove"
    # Comes with `reload --allow-lower` alone.
    LOWER = "lower"


@attrs.frozen(kw_only=True)
class Order:
    """`recipients` are those that it is about, None for all.  `report`: the sender is told of a removal.  `reason` is
    the operator's own, for the record, "" without one.  `override_tls`: a release lifts the demands of rules, too.
    `by` is the user who gave it, as the kernel names him.
    """

    kind: OrderKind
    recipients: frozenset[str] | None = None
    report: bool = False
    reason: str = ""
    override_tls: bool = False
    by: str = "the operator"

    def concerns(self, status: RecipientStatus) -> bool:
        """It would change something for this recipient."""
        wanted = self.recipients is None or str(status.address) in self.recipients
        # Who waits for TLS is not held, and may be let go without it.
        lifts = self.override_tls and status.state is RecipientState.QUEUED
        return wanted and (lifts or status.state in _CHANGES[self.kind])


class Obeyed(enum.StrEnum):
    """What became of an order."""

    DONE = "done"
    # The message is being delivered at this moment; the order is carried out for what is left of it afterwards.
    AFTERWARDS = "afterwards"
    # None of its recipients is in a state that the order could change.
    NOTHING = "nothing"
    UNKNOWN = "unknown"
    # The spool cannot be read now.
    UNREADABLE = "unreadable"


@attrs.frozen
class OrderResult:
    """`recipients` are those for whom something changed."""

    obeyed: Obeyed
    recipients: tuple[str, ...] = ()


_CODE = 450
_CHANGES = {
    OrderKind.HOLD: frozenset({RecipientState.QUEUED}),
    OrderKind.RELEASE: frozenset({RecipientState.HELD}),
    OrderKind.RETRY: frozenset({RecipientState.QUEUED}),
    OrderKind.REMOVE: frozenset({RecipientState.QUEUED, RecipientState.HELD}),
    OrderKind.LOWER: frozenset({RecipientState.QUEUED, RecipientState.HELD}),
}


def verdicts_of(order: Order, message: QueuedMessage, now: float) -> Sequence[VerdictRecord]:
    """What is to be written down of it, one for each recipient that it concerns.  `now` in seconds since the epoch.

    None is an attempt: each bears the number of the last one that was made, and a held recipient keeps what that found.
    """
    make = _RECORDS.get(order.kind)
    if make is None:
        return ()  # it is tried, and that will be written down
    return [make(order, message, each, now) for each in message.recipients if order.concerns(each)]


def _held(order: Order, message: QueuedMessage, status: RecipientStatus, now: float) -> VerdictRecord:
    text = _because(order, f"Held by {order.by}")
    last = status.last
    if last is None:
        return attrs.evolve(unattempted(message, status, now, Diagnosis.HELD, _CODE, text), held=True)
    return attrs.evolve(
        last, time=now, result=Result.DEFERRED, held=True, next_try=None, text=f"{text}; before that: {last.text}"
    )


def _released(order: Order, message: QueuedMessage, status: RecipientStatus, now: float) -> VerdictRecord:
    text = _because(order, f"Released by {order.by}")
    if order.override_tls:
        text += "; what rules demand of TLS is lifted"
    warned = status.last.warned if status.last is not None else False
    record = unattempted(message, status, now, Diagnosis.RELEASED, _CODE, text)
    overridden = f"{order.reason} (TLS lifted by {order.by})" if order.override_tls else status.overridden
    return attrs.evolve(record, next_try=now, warned=warned, overridden=overridden)


def _removed(order: Order, message: QueuedMessage, status: RecipientStatus, now: float) -> VerdictRecord:
    row = explain(Diagnosis.REMOVED)
    record = unattempted(message, status, now, Diagnosis.REMOVED, _CODE, row.sender)
    return attrs.evolve(record, result=Result.FAILED, code=554, enhanced=row.given_up)


def lowered(
    order: Order, message: QueuedMessage, status: RecipientStatus, demanded: Demanded, now: float
) -> VerdictRecord:
    """The record that from now on no more is stored than what is `demanded`, and who has ordered it."""
    text = f"What is demanded of the way was lowered by {order.by}"
    record, last = unattempted(message, status, now, Diagnosis.DEMAND_LOWERED, _CODE, text), status.last
    if last is not None:
        record = attrs.evolve(record, next_try=last.next_try, held=last.held, warned=last.warned)
    held = status.state is RecipientState.HELD
    return attrs.evolve(record, held=held, demanded=demanded, lowered=f"{order.by} at {rfc3339(now)}")


def _because(order: Order, text: str) -> str:
    return f"{text} ({order.reason})" if order.reason else text


_RECORDS = {
    OrderKind.HOLD: _held,
    OrderKind.RELEASE: _released,
    OrderKind.REMOVE: _removed,
}
