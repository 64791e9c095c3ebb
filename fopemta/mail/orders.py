"""An operator's orders about queued messages, and their results (pure)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from fopemta.mail.queued import QueuedMessage, RecipientState, RecipientStatus
from fopemta.mail.unattempted import unattempted
from fopemta.trust.demand import Demanded
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import Result, VerdictRecord, rfc3339


class OrderKind(enum.StrEnum):
    """The kinds of orders."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    REMOVE = "remove"
    # Given only by `reload --allow-lower`.
    LOWER = "lower"


@attrs.frozen(kw_only=True)
class Order:
    """One order.  `recipients` None means all.  `report`: report a removal to the sender.  `reason` is the operator's
    text for the record, or "".  `override_tls`: a release also lifts the demands of rules.  `by` is the user name of
    the operator, from the kernel.
    """

    kind: OrderKind
    recipients: frozenset[str] | None = None
    report: bool = False
    reason: str = ""
    override_tls: bool = False
    by: str = "the operator"

    def concerns(self, status: RecipientStatus) -> bool:
        """Whether the order would change anything for this recipient."""
        wanted = self.recipients is None or str(status.address) in self.recipients
        # A recipient waiting for TLS is not held, but may be released without it.
        lifts = self.override_tls and status.state is RecipientState.QUEUED
        return wanted and (lifts or status.state in _CHANGES[self.kind])


class Obeyed(enum.StrEnum):
    """The result of an order."""

    DONE = "done"
    # The message is being delivered; the order is applied afterwards to what is left.
    AFTERWARDS = "afterwards"
    # No recipient is in a state that the order could change.
    NOTHING = "nothing"
    UNKNOWN = "unknown"
    # The spool cannot be read at the moment.
    UNREADABLE = "unreadable"


@attrs.frozen
class OrderResult:
    """The result; `recipients` are those that changed."""

    obeyed: Obeyed
    recipients: tuple[str, ...] = ()


_CODE = 450
_MakeRecord: TypeAlias = Callable[[Order, QueuedMessage, RecipientStatus, float], VerdictRecord]

_CHANGES = {
    OrderKind.HOLD: frozenset({RecipientState.QUEUED}),
    OrderKind.RELEASE: frozenset({RecipientState.HELD}),
    OrderKind.RETRY: frozenset({RecipientState.QUEUED}),
    OrderKind.REMOVE: frozenset({RecipientState.QUEUED, RecipientState.HELD}),
    OrderKind.LOWER: frozenset({RecipientState.QUEUED, RecipientState.HELD}),
}


def verdicts_of(order: Order, message: QueuedMessage, now: float) -> Sequence[VerdictRecord]:
    """The records of an order, one for each recipient that it concerns.  `now` in seconds since the epoch.

    None is an attempt: each has the number of the last attempt made, and a held recipient keeps its findings.
    """
    make = _RECORDS[order.kind]
    if make is None:
        return ()  # it is tried, and the attempt is recorded
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
        text += "; the TLS demands of rules are lifted"
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
    """The record that only `demanded` is stored from now on, and who ordered it."""
    text = f"TLS demands were lowered by {order.by}"
    record, last = unattempted(message, status, now, Diagnosis.DEMAND_LOWERED, _CODE, text), status.last
    if last is not None:
        record = attrs.evolve(record, next_try=last.next_try, held=last.held, warned=last.warned)
    held = status.state is RecipientState.HELD
    return attrs.evolve(record, held=held, demanded=demanded, lowered=f"{order.by} at {rfc3339(now)}")


def _because(order: Order, text: str) -> str:
    return f"{text} ({order.reason})" if order.reason else text


# None: the message is tried, and the attempt is the record.
_RECORDS: Mapping[OrderKind, _MakeRecord | None] = {
    OrderKind.HOLD: _held,
    OrderKind.RELEASE: _released,
    OrderKind.REMOVE: _removed,
    OrderKind.RETRY: None,
    OrderKind.LOWER: None,
}
