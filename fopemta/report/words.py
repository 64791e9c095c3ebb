"""The part for people (pure): what happened, why, and what to do, for readers who know nothing about mail servers."""

from __future__ import annotations

import textwrap

from fopemta.mail.envelope import Notify
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.received import date_time
from fopemta.report.enclosure import Back
from fopemta.report.facts import Facts
from fopemta.report.kinds import Kind
from fopemta.report.multipart import Part
from fopemta.report.notices import Notice
from fopemta.report.quotation import quoted_codes, said_by_server
from fopemta.report.status import tried_until
from fopemta.report.subjects import Subject, subjects
from fopemta.report.wording import clean
from fopemta.trust.diagnosis import Diagnosis, explain, is_tls_failure
from fopemta.trust.levels import Level
from fopemta.trust.verdict import VerdictRecord

_WIDTH = 72
_SAID_BY_SERVER = frozenset({Diagnosis.REFUSED_BY_PEER.value, Diagnosis.DEFERRED_BY_PEER.value})


def text_part(facts: Facts, notice: Notice, message: QueuedMessage, back: Back, *, utf8: bool) -> Part:
    """The first part of a report; `back`: how much of the message is returned."""
    text = "\r\n".join(_lines(facts, notice, message, back)) + "\r\n"
    make = Part.as_it_is if utf8 else Part.in_ascii
    return make("text/plain; charset=utf-8", "Explanation", text.encode("utf-8"))


def _lines(facts: Facts, notice: Notice, message: QueuedMessage, back: Back) -> list[str]:
    about = tuple(subjects(message, notice.verdicts))
    moments = [tried_until(message, each.verdict, facts.lifetime) for each in about]
    opening = _opening(notice.kind, message, len(about), min(moments, default=message.arrived))
    lines = [f"This is the mail server {facts.hostname}.", "", *_wrapped(opening)]
    for subject in about:
        lines += ["", f"<{clean(str(subject.address))}>"]
        for sentence in _about(facts, notice.kind, message, subject, min(moments)):
            lines += _wrapped(sentence)
    for paragraph in (back.why_not, _HELP[notice.kind].format(facts.postmaster)):
        lines += ["", *_wrapped(paragraph)] if paragraph else []
    return lines


# --- what happened ---------------------------------------------------------------------------------------------------


def _opening(kind: Kind, message: QueuedMessage, count: int, until: float) -> str:
    return _OPENINGS[kind].format(
        arrived=date_time(message.arrived),
        recipients="the following recipient" if count == 1 else f"the following {count} recipients",
        mailboxes="the mailbox of the following recipient" if count == 1 else f"the mailboxes of {count} recipients",
        until=date_time(until),
    )


_OPENINGS = {
    Kind.FAILURE: "Your message of {arrived} could not be delivered to {recipients}. No further attempts will be made.",
    Kind.DELAY: "Your message of {arrived} has not reached {recipients} yet. This is only a warning: "
    "delivery will be attempted until {until}.",
    Kind.SUCCESS: "Your message of {arrived} has been delivered to {mailboxes}.",
    Kind.RELAYED: "Your message of {arrived} has been passed on to the next mail server for {recipients}.",
    Kind.DOUBLE_BOUNCE: "This server had to notify the sender of a message, and could not deliver that notice of "
    "{arrived} to {recipients}. No further attempts will be made, and only you are informed.",
}


# --- why, and what now -----------------------------------------------------------------------------------------------


def _about(facts: Facts, kind: Kind, message: QueuedMessage, subject: Subject, until: float) -> list[str]:
    """`until`: when the first recipient of the report is given up, as its first sentence says."""
    verdict = subject.verdict
    sentences = [_why(kind, verdict)]
    if _lacks_tls(kind, verdict):
        sentences += _forced(verdict, facts.rules.get(verdict.recipient, ()))
    elif kind in (Kind.FAILURE, Kind.DOUBLE_BOUNCE) and verdict.code < 500 and verdict.attempt > 0:
        sentences.append(f"Delivery was attempted {_times(verdict.attempt)} since {date_time(message.arrived)}.")
    if kind is Kind.DELAY:
        own = tried_until(message, verdict, facts.lifetime)
        if own != until:
            sentences.append(f"For this recipient delivery will be attempted until {date_time(own)}.")
        sentences.append(_while_waiting(subject))
    else:
        sentences.append(_NOW.get(kind) or (_AFTER_TLS if _lacks_tls(kind, verdict) else _after_failure(verdict)))
    if kind is not Kind.SUCCESS:
        sentences.append(_quoted(kind, verdict))
    return sentences


def _lacks_tls(kind: Kind, verdict: VerdictRecord) -> bool:
    """Whether forced TLS is, or was, the obstacle."""
    waits = kind in (Kind.FAILURE, Kind.DELAY, Kind.DOUBLE_BOUNCE) and verdict.tls_since is not None
    return waits and verdict.diagnosis is not None and is_tls_failure(Diagnosis(verdict.diagnosis))


def _forced(verdict: VerdictRecord, rules: tuple[str, ...]) -> list[str]:
    """What was demanded, of which host, and since when; the rule is named only if it permits that."""
    named = f" ({', '.join(clean(each) for each in rules)})" if rules else ""
    how = "an encrypted connection" if verdict.level == Level.ENCRYPT.word else _PROVEN
    demanded = f"The rules of this server{named} permit this message only over {how}."
    assert verdict.tls_since is not None
    host = clean(verdict.host or verdict.address or "the receiving mail server")
    since = f"There has been no such connection to {host} since {date_time(verdict.tls_since)}."
    return [demanded, since]


_PROVEN = "an encrypted connection to a server whose certificate proves its identity"
_AFTER_TLS = (
    "Please reach the recipient in another way for now. The recipient's mail administrator can fix this: please "
    "forward this report to them; the message itself has not left this server."
)


def _why(kind: Kind, verdict: VerdictRecord) -> str:
    if kind is Kind.SUCCESS:
        return "You asked for this notice."
    if kind is Kind.RELAYED:
        return "You asked for a notice, and that server does not notify senders of deliveries."
    if verdict.diagnosis in _SAID_BY_SERVER and not _host(verdict):
        return "This mail server could not put the message into the mailbox."
    if verdict.diagnosis is None:
        who = "The receiving" if _host(verdict) else "This"
        return f"{who} mail server refused the message."
    if kind is Kind.DELAY and verdict.diagnosis in _WHY_NOT_YET:
        return _WHY_NOT_YET[verdict.diagnosis]
    return explain(Diagnosis(verdict.diagnosis)).sender


# For diagnoses whose sentence is about a final failure.
_WHY_NOT_YET = {
    Diagnosis.DEFERRED_BY_PEER.value: "The receiving mail server asks us to come again later.",
    Diagnosis.LOCAL_TROUBLE.value: "There is a problem on this mail server.",
}


_NOW = {
    Kind.SUCCESS: "You need not do anything. This does not mean that the message was read.",
    Kind.RELAYED: "You need not do anything: if delivery fails there, that server has to notify you.",
    Kind.DOUBLE_BOUNCE: "If many of these come, somebody may be sending mail with a false sender through this server.",
}


def _while_waiting(subject: Subject) -> str:
    now = "You need not do anything, and need not send it again"
    told = subject.options.wants(Notify.FAILURE)
    return f"{now}; if delivery finally fails, you will be notified." if told else f"{now}."


def _after_failure(verdict: VerdictRecord) -> str:
    if verdict.diagnosis in _AFTER_FAILURE:
        return _AFTER_FAILURE[verdict.diagnosis]
    if verdict.enhanced.startswith("5.1."):
        return _CORRECT_ADDRESS
    if verdict.diagnosis in _SAID_BY_SERVER:
        return "Please read the server's words below, or ask the recipient in another way."
    return "Please reach the recipient in another way, and ask for this report to be shown to the mail administrator."


_CORRECT_ADDRESS = "Please correct the address and send the message again."
_AFTER_FAILURE = {
    Diagnosis.DOMAIN_NOT_FOUND.value: _CORRECT_ADDRESS,
    Diagnosis.NULL_MX.value: "Please reach the recipient in another way.",
    Diagnosis.MESSAGE_TOO_LARGE.value: "Please send a smaller message, or a link instead of what is attached.",
    Diagnosis.EIGHT_BIT_NOT_OFFERED.value: "Please send it again as plain text, without signature or encryption.",
    Diagnosis.BINARY_NOT_OFFERED.value: "Please send it again with another mail program.",
    Diagnosis.SMTPUTF8_NOT_OFFERED.value: "Please use addresses of plain Latin letters, if there are such, "
    "for everybody in the message.",
}


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times"


def _quoted(kind: Kind, verdict: VerdictRecord) -> str:
    """The technical words, complete enough to search for."""
    if said_by_server(verdict) or (kind is Kind.RELAYED and _host(verdict)):
        said = " ".join([*quoted_codes(verdict), verdict.text])
        return f'The server {_host(verdict)} said: "{_unquoted(said)}"'
    return f"In technical words: {_unquoted(f'{verdict.code} {verdict.enhanced} {verdict.text}')}"


def _unquoted(text: str) -> str:
    return clean(text).replace('"', "'")


def _host(verdict: VerdictRecord) -> str:
    """The server that was contacted; "" if there was none, as for a mailbox on this machine."""
    return clean(verdict.host or verdict.address or "")


# --- where there is help ---------------------------------------------------------------------------------------------


_FORWARD = "please forward this report to {} or to your own administrator; the second part has the technical details."
_HELP = {
    Kind.FAILURE: f"If you need help, {_FORWARD}",
    Kind.DELAY: f"If you need help, {_FORWARD}",
    Kind.SUCCESS: f"If you have not asked for this, {_FORWARD}",
    Kind.RELAYED: f"If you have not asked for this, {_FORWARD}",
    Kind.DOUBLE_BOUNCE: "The notice is enclosed; the second part has the technical details.",
}


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, _WIDTH, break_on_hyphens=False)
