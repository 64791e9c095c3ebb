"""Queued messages, for programs and people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fopemta.address.mailbox import path_text
from fopemta.cli.table import age, escaped, size_words, until
from fopemta.mail.listed import Listed
from fopemta.mail.queued import QueuedMessage, RecipientState, RecipientStatus
from fopemta.trust.verdict import VerdictRecord, from_rfc3339, rfc3339

HEADINGS = ("ID", "AGE", "SIZE", "SENDER", "RECIPIENT", "STATE", "NEXT TRY", "LAST ANSWER")


def rows(message: Listed, recipients: Sequence[Listed], now: float) -> Iterator[Sequence[str]]:
    """A row for each of `recipients`; only the first names the message."""
    head = (
        message["id"],
        age(now - from_rfc3339(message["arrived"])),
        size_words(message["size"]),
        f"<{message['sender']}>",
    )
    for each in recipients:
        moment, last = each["next_try"], each["last"]
        queued = each["state"] == RecipientState.QUEUED.value
        next_try = until(None if moment is None else from_rfc3339(moment), now) if queued else "-"
        answer = "-" if last is None else _words(last["diagnosis"], last["code"], last["enhanced"], last["text"])
        yield (*head, f"<{each['address']}>", each["state"], next_try, answer)
        head = ("", "", "", "")


def portrait(message: QueuedMessage, history: Sequence[VerdictRecord], now: float) -> Iterator[str]:
    """Everything about a message, line by line; for each recipient the result of every attempt, oldest first."""
    arrival = message.envelope.arrival
    yield f"message   {message.id}"
    yield f"arrived   {rfc3339(message.arrived)} ({age(now - message.arrived)} ago)"
    yield f"size      {message.size} octets"
    yield f"sender    <{escaped(path_text(message.envelope.sender))}>"
    if arrival is None:
        yield "from      fopemta itself"
    else:
        tls = f", {arrival.tls.protocol} {arrival.tls.cipher} ({arrival.tls.bits} bits)" if arrival.tls else ""
        yield f"from      {arrival.client_address} ({escaped(arrival.helo)}) by {arrival.protocol}{tls}"
    for note in message.envelope.rules:
        yield f"rule      {escaped(note.rule)}: {escaped(note.why)}"
    for status in message.recipients:
        yield ""
        yield f"<{escaped(str(status.address))}>"
        yield f"  state       {status.state.value}, {count(status.attempts, 'attempt')}"
        if status.open:
            yield f"  next try    {_next_try(status, now)}"
        yield from _past([each for each in history if each.recipient == str(status.address)])


def _past(history: Sequence[VerdictRecord]) -> Iterator[str]:
    """The last attempt in full; earlier ones in a line each."""
    if len(history) > 1:
        yield "  before"
        for earlier in history[:-1]:
            yield f"    {rfc3339(earlier.time)} {earlier.result.value}: {escaped(_answer(earlier))}{_where(earlier)}"
    if history:
        yield from _verdict_lines(history[-1])


def _verdict_lines(last: VerdictRecord) -> Iterator[str]:
    yield f"  last try    {rfc3339(last.time)}: {last.result.value}"
    yield f"  answer      {last.code} {last.enhanced} {escaped(last.text)}"
    if last.diagnosis is not None:
        yield f"  diagnosis   {last.diagnosis}"
        yield from _explanation(last.diagnosis)
    if last.host is not None or last.address is not None:
        named = f"{escaped(last.host)} " if last.host is not None else ""
        yield f"  host        {named}[{last.address}]:{last.port}"
    if last.level is not None:
        yield f"  TLS wanted  {last.level} ({', '.join(last.sources)})"
    if last.rules:
        yield f"  rules       {', '.join(escaped(each) for each in last.rules)}"
    if last.tls_since is not None:
        until_then = f", given up from {rfc3339(last.tls_deadline)} on" if last.tls_deadline is not None else ""
        yield f"  TLS fails   since {rfc3339(last.tls_since)}{until_then}"
    if last.overridden is not None:
        yield f"  overridden  {escaped(last.overridden)}"
    for each in last.tested:
        outcome = "would let it pass" if each.passed else f"would hold it: {each.diagnosis}"
        yield f"  tested      rule {escaped(each.rule)} {outcome}"
    if last.protocol is not None:
        group = f", {last.group}" if last.group else ""
        yield f"  TLS had     {last.rung}: {last.protocol} {last.cipher} ({last.bits} bits{group})"
        proven = f"{last.proof_words} by {last.authenticated_by}" if last.authenticated else last.proof_words
        revocation = f", revocation {last.revocation}" if last.revocation is not None else ""
        yield f"  certificate {proven} for {', '.join(last.names) or '-'}{revocation}"
    for certificate in last.chain:
        subject, issuer = escaped(certificate.subject), escaped(certificate.issuer)
        yield f"              {subject}, until {certificate.not_after}, issued by {issuer}"


def _explanation(word: str) -> Iterator[str]:
    from fopemta.trust.diagnosis import Diagnosis, explain

    try:
        row = explain(Diagnosis(word))
    except ValueError:  # a word of another version
        return
    yield f"  cause       {row.cause}"
    yield f"  remedy      {row.remedy}"


def _where(verdict: VerdictRecord) -> str:
    return f" at {escaped(verdict.host or verdict.address or '')}" if verdict.host or verdict.address else ""


def _answer(last: VerdictRecord) -> str:
    return _words(last.diagnosis, last.code, last.enhanced, last.text)


def _words(diagnosis: str | None, code: int, enhanced: str, text: str) -> str:
    return f"{f'{diagnosis}: ' if diagnosis else ''}{code} {enhanced} {text}"


def _next_try(status: RecipientStatus, now: float) -> str:
    return until(status.next_try, now) if status.state is RecipientState.QUEUED else "-"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 message, 2 messages."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
