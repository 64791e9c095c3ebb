"""Records of recipients without an attempt (pure): orders, and attempts that were not made."""

from __future__ import annotations

from fopemta.address.mailbox import path_text
from fopemta.mail.queued import QueuedMessage, RecipientStatus
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import Result, VerdictRecord


def unattempted(
    message: QueuedMessage, status: RecipientStatus, now: float, diagnosis: Diagnosis, code: int, text: str
) -> VerdictRecord:
    """A deferral with the number of the last attempt; the time for forced TLS keeps running."""
    return VerdictRecord(
        time=now,
        message=message.id,
        sender=path_text(message.envelope.sender),
        recipient=str(status.address),
        attempt=status.attempts,
        result=Result.DEFERRED,
        code=code,
        enhanced=explain(diagnosis).held,
        diagnosis=diagnosis.value,
        text=text,
        tls_since=status.tls_since,
        overridden=status.overridden,
        demanded=None if status.last is None else status.last.demanded,
        lowered=None if status.last is None else status.last.lowered,
    )
