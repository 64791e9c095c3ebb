"""Mail that waits until its server asks for it (shell room, but no I/O): the routes of RFC 1985."""

from __future__ import annotations

from fopemta.mail.address import path_text
from fopemta.mail.consignment import Consignment
from fopemta.mail.queued import RecipientStatus
from fopemta.queue.clocks import is_of
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import Result, VerdictRecord


def asked_for(pressed: str | None, consignment: Consignment) -> bool:
    """Somebody wants mail for `pressed` tried (see `is_of`), "" for all; None where nobody does."""
    if pressed is None:
        return False
    return not pressed or any(is_of(pressed, each.domain) for each in consignment.recipients)


def not_asked_for(consignment: Consignment, status: RecipientStatus, now: float, until: float) -> VerdictRecord:
    """What stands in for an attempt that is not made.  `until`: when it is looked at again.

    It is no attempt: it bears the number of the last one that was made.
    """
    row = explain(Diagnosis.NOT_ASKED_FOR)
    return VerdictRecord(
        time=now,
        message=consignment.message.id,
        sender=path_text(consignment.message.envelope.sender),
        recipient=str(status.address),
        attempt=status.attempts,
        result=Result.DEFERRED,
        code=451,
        enhanced=row.held,
        diagnosis=Diagnosis.NOT_ASKED_FOR.value,
        text=row.sender,
        next_try=until,
    )
