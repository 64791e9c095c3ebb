"""The cause of a failure, and whether it is final (pure): one table.

RFC 5321 4.2.1, and Postfix's long experience: an error before MAIL is about the host, a later one about the message or
the recipient.
"""

from __future__ import annotations

import enum

from fopemta.mail.reply import Reply
from fopemta.smtp.client_effects import Phase, RecipientResult
from fopemta.trust.diagnosis import Diagnosis


class Disposition(enum.Enum):
    """What to do with a recipient now."""

    DELIVERED = "delivered"
    FAILED = "failed"  # final
    NEXT_HOST = "next host"  # another host may accept it in this attempt; else it is deferred
    DEFERRED = "deferred"  # deferred, without trying other hosts

    __hash__ = object.__hash__  # Enum's own is written in Python, and each outcome looks it up in tables.


N, F, D = Disposition.NEXT_HOST, Disposition.FAILED, Disposition.DEFERRED

# (phase, permanent error) → disposition.
_BY_REPLY: dict[tuple[Phase, bool], Disposition] = {
    # About the host, not the message: another host, or another time, may succeed.
    (Phase.GREETING, False): N,
    (Phase.GREETING, True): N,
    (Phase.HELO, False): N,
    (Phase.HELO, True): N,
    (Phase.STARTTLS, False): N,
    (Phase.STARTTLS, True): N,
    (Phase.HANDSHAKE, False): N,
    (Phase.HANDSHAKE, True): N,
    # About the message or the recipient.
    (Phase.MAIL, False): N,
    (Phase.MAIL, True): F,
    (Phase.RCPT, False): N,
    (Phase.RCPT, True): F,
    (Phase.DATA, False): N,
    (Phase.DATA, True): F,
    (Phase.CONTENT, False): N,
    (Phase.CONTENT, True): F,
    (Phase.FINAL, False): N,
    (Phase.FINAL, True): F,
}

_BY_DIAGNOSIS: dict[Diagnosis, Disposition] = {
    Diagnosis.EIGHT_BIT_NOT_OFFERED: F,
    Diagnosis.BINARY_NOT_OFFERED: F,
    Diagnosis.SMTPUTF8_NOT_OFFERED: F,
    Diagnosis.MESSAGE_TOO_LARGE: F,
    # Not the host's fault: tried again at once, under the present demands.
    Diagnosis.DEMAND_CHANGED: D,
    Diagnosis.POLICY_UNKNOWN: D,
}


def disposition_of(result: RecipientResult) -> Disposition:
    """The disposition of a recipient with this result."""
    if result.accepted:
        return Disposition.DELIVERED
    if result.reply is None:
        return _BY_DIAGNOSIS.get(result.diagnosis, N) if result.diagnosis is not None else N
    return _BY_REPLY[result.phase, is_permanent(result.phase, result.reply)]


def after_break(phase: Phase) -> Disposition:
    """The disposition of a recipient without a result, if the session broke in `phase`.

    After the final dot the host may have accepted the message: trying another at once could duplicate it.
    """
    return D if phase is Phase.FINAL else N


def is_permanent(phase: Phase, reply: Reply) -> bool:
    """Whether the reply is 5yz, except the one that older servers use for "too many recipients" (RFC 5321 4.5.3.1.10),
    which "552 5.3.4" or "552 5.2.2" is not.  An unexpected 2yz or 3yz is temporary.
    """
    too_many = phase is Phase.RCPT and reply.code == 552 and reply.enhanced in _TOO_MANY
    return reply.code >= 500 and not too_many


_TOO_MANY = frozenset({None, "5.5.3"})
