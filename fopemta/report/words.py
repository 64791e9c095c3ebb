"""The part for people (pure): what happened, why, what now, in three sentences each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from fopemta.mail.queued import QueuedMessage
from fopemta.mail.received import date_time
from fopemta.report.facts import Facts
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.verdict import VerdictRecord

_WIDTH = 72
_SAID_BY_SERVER = frozenset({Diagnosis.REFUSED_BY_PEER.value, Diagnosis.DEFERRED_BY_PEER.value})


def explanation(facts: Facts, message: QueuedMessage, failed: Sequence[VerdictRecord]) -> str:
    """The text, lines ended by LF."""
    count = "the following recipient" if len(failed) == 1 else f"the following {len(failed)} recipients"
    paragraphs = [
        f"This is the mail server {facts.hostname}.",
        f"Your message of {date_time(message.arrived)} could not be delivered to {count}. It will not be tried again.",
        *(_about(verdict, message, facts) for verdict in failed),
        "If you need help, please forward this report to "
        f"{facts.postmaster} or to your own administrator; the second part holds the technical details.",
    ]
    return "\n\n".join(_wrapped(paragraph) for paragraph in paragraphs) + "\n"


def _about(verdict: VerdictRecord, message: QueuedMessage, facts: Facts) -> str:
    lines = [f"<{verdict.recipient}>", _why(verdict)]
    if verdict.code < 500:
        lines.append(f"We have tried since {date_time(message.arrived)}, {verdict.attempt} times in all.")
    lines.append(_what_now(verdict))
    if verdict.diagnosis in _SAID_BY_SERVER:
        lines.append(f'The server {verdict.host or verdict.address} said: "{_quoted(verdict)}"')
    else:
        lines.append(f"In technical words: {_quoted(verdict)}")
    return "\n".join(lines)


def _why(verdict: VerdictRecord) -> str:
    if verdict.diagnosis is None:
        return "The receiving mail server refused the message."
    return explain(Diagnosis(verdict.diagnosis)).sender


def _what_now(verdict: VerdictRecord) -> str:
    if verdict.diagnosis == Diagnosis.DOMAIN_NOT_FOUND.value or verdict.enhanced.startswith("5.1."):
        return "Please correct the address and send the message again."
    if verdict.diagnosis in _SAID_BY_SERVER:
        return "Please read the server's words below, or ask the recipient by another way."
    return "Please reach the recipient by another way, and ask him to tell his mail administrator of this report."


def _quoted(verdict: VerdictRecord) -> str:
    return f"{verdict.code} {verdict.enhanced} {verdict.text}".replace('"', "'")


def _wrapped(paragraph: str) -> str:
    lines = []
    for line in paragraph.split("\n"):
        lines += textwrap.wrap(line, _WIDTH, break_on_hyphens=False) or [""]
    return "\n".join(lines)
