"""Whose words a verdict holds, a server's or ours, and which may be quoted (pure)."""

from __future__ import annotations

import re

from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import Result, VerdictRecord

_SAID_BY_SERVER = frozenset({None, Diagnosis.REFUSED_BY_PEER.value, Diagnosis.DEFERRED_BY_PEER.value})


def said_by_server(verdict: VerdictRecord) -> bool:
    """Whether a server's reply decided.  A local mailbox is no server; and a record without a level stands for an
    attempt that was not made.
    """
    spoken_to = verdict.host is not None or verdict.address is not None
    return spoken_to and verdict.level is not None and verdict.diagnosis in _SAID_BY_SERVER


def quoted_codes(verdict: VerdictRecord) -> tuple[str, ...]:
    """The codes as the server sent them; none if they are part of the text, because those of the record are ours.  An
    enhanced code without detail beyond its class is ours too, and so is one that the text has in another class.
    """
    if _codes_in_text(verdict):
        return ()
    code, enhanced = str(verdict.code), verdict.enhanced
    says_more = verdict.code < 400 or not enhanced.endswith(".0.0")
    contradicted = verdict.text[1:].split(" ")[0] == enhanced[1:] and verdict.text[:1] in "245"
    return (code, enhanced) if says_more and enhanced.startswith(code[0]) and not contradicted else (code,)


def refusal_in(verdict: VerdictRecord) -> tuple[int, str, str] | None:
    """Code, enhanced code and text of a permanent reply that was deferred all the same (see `attempt.findings`)."""
    if verdict.result is not Result.DEFERRED or verdict.diagnosis != Diagnosis.REFUSED_BY_PEER.value:
        return None
    if verdict.code >= 500:
        # As older versions recorded it.
        return verdict.code, "5" + verdict.enhanced[1:], verdict.text
    said = _SAID.fullmatch(verdict.text)
    return None if said is None else (int(said[1]), said[2] or "5" + verdict.enhanced[1:], said[3] or "")


_SAID = re.compile(r"(5\d\d)(?: (5\.\d+\.\d+))?(?: (.*))?", re.DOTALL)


def _codes_in_text(verdict: VerdictRecord) -> bool:
    """Whether reply and verdict differ: a permanent reply was deferred, or a temporary one was final."""
    put_off = verdict.code < 500 and refusal_in(verdict) is not None
    given_up = verdict.result is Result.FAILED and verdict.code >= 500
    return put_off or (given_up and verdict.diagnosis == Diagnosis.DEFERRED_BY_PEER.value)
