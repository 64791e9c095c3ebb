"""What is written down of attempts that are not made (pure), so that nobody waits without a reason."""

from __future__ import annotations

import attrs

from fopemta.address.mailbox import path_text
from fopemta.mail.queued import QueuedMessage, RecipientStatus
from fopemta.mail.unattempted import unattempted
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import Result, VerdictRecord, rfc3339


def not_asked_for(message: QueuedMessage, status: RecipientStatus, now: float, until: float) -> VerdictRecord:
    """Its route waits until somebody asks for the mail (RFC 1985).  `until`: when it is looked at again."""
    return attrs.evolve(_not_made(message, status, now, Diagnosis.NOT_ASKED_FOR), next_try=until)


def not_judged(message: QueuedMessage, status: RecipientStatus, now: float) -> VerdictRecord:
    """Nobody can say for now how it must be protected.  It counts, so that waits grow."""
    return attrs.evolve(_not_made(message, status, now, Diagnosis.POLICY_UNKNOWN), attempt=status.attempts + 1)


def destination_rests(
    cause: VerdictRecord, message: QueuedMessage, status: RecipientStatus, now: float, until: float
) -> VerdictRecord:
    """Another message has found the `cause` of its destination's rest.  It is no attempt: it bears the number of the
    last one that was made.  Nothing of the demands and the session of the other message: they are its own.
    """
    return VerdictRecord(
        time=now,
        message=message.id,
        sender=path_text(message.envelope.sender),
        recipient=str(status.address),
        attempt=status.attempts,
        host=cause.host,
        address=cause.address,
        port=cause.port,
        result=Result.DEFERRED,
        code=cause.code,
        enhanced=cause.enhanced,
        diagnosis=cause.diagnosis,
        text=f"Not tried, since another message found at {rfc3339(cause.time)}: {cause.text}",
        next_try=until,
    )


def _not_made(message: QueuedMessage, status: RecipientStatus, now: float, why: Diagnosis) -> VerdictRecord:
    return unattempted(message, status, now, why, 451, explain(why).sender)
