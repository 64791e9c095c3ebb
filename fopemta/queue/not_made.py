"""Attempts that are not made (shell room, but no I/O): until the mail is asked for (RFC 1985), until rules can tell."""

from __future__ import annotations

import attrs

from fopemta.mail.queued import QueuedMessage, RecipientStatus
from fopemta.mail.unattempted import unattempted
from fopemta.routing.consignment import Consignment
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import VerdictRecord


def not_asked_for(consignment: Consignment, status: RecipientStatus, now: float, until: float) -> VerdictRecord:
    """What stands in for an attempt that is not made.  `until`: when it is looked at again."""
    return attrs.evolve(_not_made(consignment.message, status, now, Diagnosis.NOT_ASKED_FOR), next_try=until)


def not_judged(message: QueuedMessage, status: RecipientStatus, now: float) -> VerdictRecord:
    """The same, for one that nobody can say for now how it must be protected.  It counts, so that waits grow."""
    return attrs.evolve(_not_made(message, status, now, Diagnosis.POLICY_UNKNOWN), attempt=status.attempts + 1)


def _not_made(message: QueuedMessage, status: RecipientStatus, now: float, why: Diagnosis) -> VerdictRecord:
    return unattempted(message, status, now, why, 451, explain(why).sender)
