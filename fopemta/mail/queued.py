"""A message in the queue: its envelope and how far each recipient has come (pure)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Envelope
from fopemta.trust.demand import Demanded
from fopemta.trust.verdict import Result, VerdictRecord


class RecipientState(enum.StrEnum):
    """Where one recipient of one message stands."""

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
    """Where a verdict leaves its recipient."""
    return RecipientState.HELD if held else _STATE_AFTER[result]


@attrs.frozen
class RecipientStatus:
    """One recipient: `attempts` made so far, `last` the newest verdict record (None before the first attempt)."""

    address: Mailbox
    state: RecipientState = RecipientState.QUEUED
    attempts: int = 0
    last: VerdictRecord | None = None

    @property
    def open(self) -> bool:
        """Still to be delivered."""
        return self.state in (RecipientState.QUEUED, RecipientState.HELD)

    @property
    def next_try(self) -> float | None:
        """Seconds since the epoch, None when never tried (due at once) or finished."""
        return self.last.next_try if self.last is not None and self.open else None

    @property
    def warned(self) -> bool:
        """The sender has been told that it takes longer."""
        return self.last is not None and self.last.warned

    @property
    def tls_since(self) -> float | None:
        """The first TLS failure under forced TLS."""
        return self.last.tls_since if self.last is not None else None

    @property
    def overridden(self) -> str | None:
        """Why an operator has lifted the demands of rules for it."""
        return self.last.overridden if self.last is not None else None

    def demanded(self, envelope: Envelope) -> Demanded:
        """What is stored as demanded of the way there: when the message was accepted, or by a record since then."""
        if self.last is not None and self.last.demanded is not None:
            return self.last.demanded
        return envelope.options_of(self.address).demanded

    def after(self, verdict: VerdictRecord) -> RecipientStatus:
        """The status once `verdict` has been recorded; one that bears the number of an attempt that was made before
        tells of none, only why none was made.
        """
        attempts = max(self.attempts, verdict.attempt)
        return RecipientStatus(self.address, state_after(verdict.result, verdict.held), attempts, verdict)


@attrs.frozen
class _Count:
    """`places` of recipients in their message, by address as it is written; how many of them are `open`."""

    places: Mapping[str, int]
    open: int

    @classmethod
    def of(cls, recipients: tuple[RecipientStatus, ...]) -> _Count:
        places = {str(each.address): place for place, each in enumerate(recipients)}
        return cls(places, sum([each.open for each in recipients]))


@attrs.frozen
class QueuedMessage:
    """`id` the queue id, `arrived` seconds since the epoch, `size` octets of content as it goes on the wire
    (CRLF, not dot-stuffed), `recipients` in the envelope's order.
    """

    id: str
    arrived: float
    size: int
    envelope: Envelope
    recipients: tuple[RecipientStatus, ...]
    # Counted when first asked for, and handed on by `after`: a message may have thousands of recipients whose outcomes
    # come one by one, and each must cost what it says, not what the message is.
    _count: _Count | None = attrs.field(init=False, default=None, eq=False, repr=False)

    @classmethod
    def fresh(cls, message_id: str, arrived: float, size: int, envelope: Envelope) -> QueuedMessage:
        """A message just accepted."""
        state = RecipientState.HELD if envelope.held else RecipientState.QUEUED
        recipients = tuple([RecipientStatus(each, state) for each in envelope.recipients])
        return cls(message_id, arrived, size, envelope, recipients)

    def after(self, verdicts: Iterable[VerdictRecord]) -> QueuedMessage:
        """The message once `verdicts` have been recorded, oldest first; a verdict finds its recipient by address."""
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
        """That of one recipient, by its address as it is written.  Raises KeyError for one that it does not have."""
        return self.recipients[self._counted.places[recipient]]

    @property
    def _counted(self) -> _Count:
        if self._count is None:
            object.__setattr__(self, "_count", _Count.of(self.recipients))
        assert self._count is not None
        return self._count

    @property
    def due(self) -> float | None:
        """The earliest moment at which a recipient is to be tried, 0.0 for one that never was; None when all are held
        or finished.
        """
        moments = [each.next_try or 0.0 for each in self.recipients if each.state is RecipientState.QUEUED]
        return min(moments, default=None)

    @property
    def domains(self) -> tuple[str, ...]:
        """Those of the recipients that are to be tried, each once and sorted."""
        return tuple(sorted({each.address.domain for each in self.recipients if each.state is RecipientState.QUEUED}))

    @property
    def bound(self) -> bool:
        """Something is demanded of the way to somebody, or rules had a say in it."""
        return self.envelope.bound or any(each.last is not None and each.last.rules for each in self.recipients)

    @property
    def pending(self) -> tuple[RecipientStatus, ...]:
        """The recipients still to be delivered, the held ones too."""
        return tuple(each for each in self.recipients if each.open)

    @property
    def finished(self) -> bool:
        """Nothing is left to do for any recipient."""
        return self._counted.open == 0


@attrs.frozen
class Unfinished:
    """What is kept in memory of a message that waits in the spool: `due` and `domains` as of a `QueuedMessage`.
    `bound` likewise.
    """

    id: str
    arrived: float
    due: float | None
    domains: tuple[str, ...]
    bound: bool = False

    @classmethod
    def of(cls, message: QueuedMessage) -> Unfinished:
        """Of a message that has been read."""
        return cls(message.id, message.arrived, message.due, message.domains, message.bound)
