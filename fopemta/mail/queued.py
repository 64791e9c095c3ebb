"""A message in the queue: its envelope and the progress of each recipient (pure)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Envelope
from fopemta.trust.demand import Demanded
from fopemta.trust.verdict import Result, VerdictRecord


class RecipientState(enum.StrEnum):
    """The state of one recipient of one message."""

    QUEUED = "queued"
    HELD = "held"
    DELIVERED = "delivered"
    FAILED = "failed"


_STATE_AFTER = {
    Result.DELIVERED: RecipientState.DELIVERED,
    Result.DEFERRED: RecipientState.QUEUED,
    Result.FAILED: RecipientState.FAILED,
}


def state_after(result: Result, held: bool) -> RecipientState:
    """The state of a recipient after a verdict."""
    return RecipientState.HELD if held else _STATE_AFTER[result]


@attrs.frozen
class RecipientStatus:
    """One recipient: the number of `attempts` made, `last` the newest verdict record (None before the first
    attempt).
    """

    address: Mailbox
    state: RecipientState = RecipientState.QUEUED
    attempts: int = 0
    last: VerdictRecord | None = None

    @property
    def open(self) -> bool:
        """Whether it is still to be delivered."""
        return self.state in (RecipientState.QUEUED, RecipientState.HELD)

    @property
    def next_try(self) -> float | None:
        """Seconds since the epoch; None if never tried (due at once) or finished."""
        return self.last.next_try if self.last is not None and self.open else None

    @property
    def warned(self) -> bool:
        """Whether a delay warning was sent."""
        return self.last is not None and self.last.warned

    @property
    def tls_since(self) -> float | None:
        """When TLS first failed under forced TLS, in seconds since the epoch; None if it has not."""
        return self.last.tls_since if self.last is not None else None

    @property
    def overridden(self) -> str | None:
        """Why an operator has lifted the demands of rules for it; None if not."""
        return self.last.overridden if self.last is not None else None

    def demanded(self, envelope: Envelope) -> Demanded:
        """The TLS demand stored when the message was accepted, or by a later record."""
        if self.last is not None and self.last.demanded is not None:
            return self.last.demanded
        return envelope.options_of(self.address).demanded

    def after(self, verdict: VerdictRecord) -> RecipientStatus:
        """The status after `verdict`.  A verdict with the number of an earlier attempt does not count as an attempt; it
        says why none was made.
        """
        attempts = max(self.attempts, verdict.attempt)
        return RecipientStatus(self.address, state_after(verdict.result, verdict.held), attempts, verdict)


@attrs.frozen
class _Count:
    """`places` of recipients in their message, by address as text; `open` is the number not finished."""

    places: Mapping[str, int]
    open: int

    @classmethod
    def of(cls, recipients: tuple[RecipientStatus, ...]) -> _Count:
        places = {str(each.address): place for place, each in enumerate(recipients)}
        return cls(places, sum([each.open for each in recipients]))


@attrs.frozen
class QueuedMessage:
    """A queued message: `id`, `arrived` in seconds since the epoch, `size` of the wire form in octets (CRLF, not
    dot-stuffed), `recipients` in the envelope's order.
    """

    id: str
    arrived: float
    size: int
    envelope: Envelope
    recipients: tuple[RecipientStatus, ...]
    # Computed when first needed, and passed on by `after`: outcomes of thousands of recipients come one by one, and
    # each must cost its own size, not that of the message.
    _count: _Count | None = attrs.field(init=False, default=None, eq=False, repr=False)

    @classmethod
    def fresh(cls, message_id: str, arrived: float, size: int, envelope: Envelope) -> QueuedMessage:
        """A message that was just accepted."""
        state = RecipientState.HELD if envelope.held else RecipientState.QUEUED
        recipients = tuple([RecipientStatus(each, state) for each in envelope.recipients])
        return cls(message_id, arrived, size, envelope, recipients)

    def after(self, verdicts: Iterable[VerdictRecord]) -> QueuedMessage:
        """The message after `verdicts`, oldest first; a verdict finds its recipient by address."""
        count, recipients = self._counted, list(self.recipients)
        still_open = count.open
        for verdict in verdicts:
            place = count.places.get(verdict.recipient)
            if place is not None:
                before = recipients[place]
                recipients[place] = after = before.after(verdict)
                still_open += after.open - before.open
        message = QueuedMessage(self.id, self.arrived, self.size, self.envelope, tuple(recipients))
        object.__setattr__(message, "_count", _Count(count.places, still_open))
        return message

    def status_of(self, recipient: str) -> RecipientStatus:
        """The status of one recipient, by its address as text.  Raises KeyError if the message has no such
        recipient.
        """
        return self.recipients[self._counted.places[recipient]]

    @property
    def _counted(self) -> _Count:
        if self._count is None:
            object.__setattr__(self, "_count", _Count.of(self.recipients))
        assert self._count is not None
        return self._count

    @property
    def due(self) -> float | None:
        """The earliest time at which a recipient is to be tried, in seconds since the epoch; 0.0 if one was never
        tried, None if all are held or finished.
        """
        moments = [each.next_try or 0.0 for each in self.recipients if each.state is RecipientState.QUEUED]
        return min(moments, default=None)

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains of the recipients to be tried, each once and sorted."""
        return tuple(sorted({each.address.domain for each in self.recipients if each.state is RecipientState.QUEUED}))

    @property
    def bound(self) -> bool:
        """Whether TLS is demanded for any recipient, or rules have matched the message."""
        return self.envelope.bound or any(each.last is not None and each.last.rules for each in self.recipients)

    @property
    def pending(self) -> tuple[RecipientStatus, ...]:
        """The recipients still to be delivered, held ones included."""
        return tuple(each for each in self.recipients if each.open)

    @property
    def finished(self) -> bool:
        """Whether every recipient is finished."""
        return self._counted.open == 0


@attrs.frozen
class Unfinished:
    """The part of a waiting message that is kept in memory: `due`, `domains` and `bound` as in `QueuedMessage`."""

    id: str
    arrived: float
    due: float | None
    domains: tuple[str, ...]
    bound: bool = False

    @classmethod
    def of(cls, message: QueuedMessage) -> Unfinished:
        """Make it from a message that was read."""
        return cls(message.id, message.arrived, message.due, message.domains, message.bound)
