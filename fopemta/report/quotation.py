"""Whose words a verdict holds, a server's or ours, and what of them may be quoted (pure)."""

from __future__ import annotations

from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import VerdictRecord

_SAID_BY_SERVER = frozenset({None, Diagnosis.REFUSED_BY_PEER.value, Diagnosis.DEFERRED_BY_PEER.value})


def said_by_server(verdict: VerdictRecord) -> bool:
    """What kept the message was an answer to it.  A mailbox on this machine is no server; and a record without a level
    stands in for an attempt that was not made.
    """
    spoken_to = verdict.host is not None or verdict.address is not None
    return spoken_to and verdict.level is not None and verdict.diagnosis in _SAID_BY_SERVER


def quoted_codes(verdict: VerdictRecord) -> tuple[str, ...]:
    """The codes as they were said.  An enhanced one of another class than the reply's is ours, and says whether the
    failure is final; so may be one that says nothing more than its class.
    """
    code = str(verdict.code)
    says_more = verdict.code < 400 or not verdict.enhanced.endswith(".0.0")
    return (code, verdict.enhanced) if says_more and verdict.enhanced.startswith(code[0]) else (code,)
