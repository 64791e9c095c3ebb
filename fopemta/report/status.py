"""The part for programs (pure): message/delivery-status of RFC 3464, message/global-delivery-status of RFC 6533."""

from __future__ import annotations

import re

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Arrival, OriginalRecipient
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.received import date_time
from fopemta.report.facts import Facts
from fopemta.report.kinds import Kind
from fopemta.report.multipart import Part
from fopemta.report.notices import Notice
from fopemta.report.quotation import quoted_codes, said_by_server
from fopemta.report.subjects import subjects
from fopemta.report.wording import clean
from fopemta.smtp.xtext import encode_unitext, encode_xtext
from fopemta.trust.verdict import Result, VerdictRecord

# RFC 5322 2.1.1 recommends lines of 78 and allows 998 octets.  Only words of remote texts can be longer; a letter has
# up to four octets.
_WIDTH = 76
_LONGEST_WORD = 900
_PIECE = _LONGEST_WORD // 4

_STATUS = re.compile(r"[245](\.[0-9]{1,3}\.[0-9]{1,3})")


def status_part(facts: Facts, notice: Notice, message: QueuedMessage, *, utf8: bool) -> Part:
    """The second part of a report.  `utf8`: it is sent with SMTPUTF8, and addresses need no encoding."""
    text = _groups(facts, notice, message, utf8).replace("\n", "\r\n")
    content_type = "message/delivery-status" if text.isascii() else "message/global-delivery-status"
    return Part.as_it_is(content_type, "Delivery report", text.encode("utf-8"))


def _groups(facts: Facts, notice: Notice, message: QueuedMessage, utf8: bool) -> str:
    """The fields of the message, then those of each recipient after a blank line; lines end with LF."""
    groups = [_of_message(facts, message)]
    for subject in subjects(message, notice.verdicts):
        fields = _of_recipient(facts, notice.kind, message, subject.verdict, utf8)
        groups.append(_addresses(subject.options.original, subject.address, utf8) + fields)
    return "\n".join("".join(group) for group in groups)


def _of_message(facts: Facts, message: QueuedMessage) -> list[str]:
    """RFC 3464 2.2."""
    fields = []
    if message.envelope.envelope_id is not None:
        # RFC 3461 6.3: without the encoding that it had in MAIL.
        fields.append(field("Original-Envelope-Id", clean(message.envelope.envelope_id, ascii_only=True)))
    fields.append(field("Reporting-MTA", "dns;", facts.hostname))
    if message.envelope.arrival is not None:
        fields.append(field("Received-From-MTA", "dns;", *_client(message.envelope.arrival)))
    fields.append(field("Arrival-Date", date_time(message.arrived)))
    fields.append(field("X-Fopemta-Queue-ID", message.id))
    return fields


def _client(arrival: Arrival) -> tuple[str, str]:
    return clean(arrival.helo, ascii_only=True), f"([{arrival.client_address}])"


def _addresses(original: OriginalRecipient | None, recipient: Mailbox, utf8: bool) -> list[str]:
    """RFC 3464 2.3.1 and 2.3.2.  Original-Recipient only if the sender gave one (RFC 3461 6.3)."""
    kind = "utf-8" if recipient.internationalised else "rfc822"
    final = field("Final-Recipient", f"{kind};", _address(kind, str(recipient), utf8))
    if original is None:
        return [final]
    return [field("Original-Recipient", f"{original.kind};", _address(original.kind, original.address, utf8)), final]


def _address(kind: str, address: str, utf8: bool) -> str:
    """As it is; or in the encoding of its type, if a field cannot contain it."""
    if kind == "utf-8" and not utf8:
        return encode_unitext(address)
    if address.isprintable() and (kind == "utf-8" or address.isascii()):
        return address
    return encode_unitext(address) if kind == "utf-8" else encode_xtext(address.encode("utf-8").decode("latin-1"))


def _of_recipient(facts: Facts, kind: Kind, message: QueuedMessage, verdict: VerdictRecord, utf8: bool) -> list[str]:
    """RFC 3464 2.3.3 to 2.3.9."""
    fields = [field("Action", kind.action), field("Status", _status(kind, verdict.enhanced))]
    peer = _peer(verdict)
    if peer is not None:
        fields.append(field("Remote-MTA", "dns;", peer))
    if kind is not Kind.SUCCESS:
        fields.append(_diagnostic_code(verdict, peer, utf8))
    fields.append(field("Last-Attempt-Date", date_time(verdict.time)))
    if kind is Kind.DELAY:
        fields.append(field("Will-Retry-Until", date_time(tried_until(message, verdict, facts.lifetime))))
    if verdict.diagnosis is not None:
        fields.append(field("X-Fopemta-Diagnosis", verdict.diagnosis))
    if verdict.protocol is not None:
        words = verdict.proof_words.split()
        fields.append(field("X-Fopemta-TLS", verdict.protocol, str(verdict.cipher), f"({verdict.bits} bits),", *words))
    return fields


def tried_until(message: QueuedMessage, verdict: VerdictRecord, lifetime: float) -> float:
    """When a recipient is given up at the latest: at the end of the queue `lifetime` or of the time limit of forced
    TLS, whichever comes first.
    """
    end = message.arrived + lifetime
    return end if verdict.tls_deadline is None else min(end, verdict.tls_deadline)


def _status(kind: Kind, enhanced: str) -> str:
    """RFC 3464 2.3.4: the class must agree with the action, whatever a server has replied."""
    match = _STATUS.fullmatch(enhanced)
    return kind.status_class + (match[1] if match else ".0.0")


def _peer(verdict: VerdictRecord) -> str | None:
    if verdict.host is not None:
        return clean(verdict.host, ascii_only=True)
    return f"[{verdict.address}]" if verdict.address is not None else None


def _diagnostic_code(verdict: VerdictRecord, peer: str | None, utf8: bool) -> str:
    """RFC 3464 2.3.6: type "smtp" for a server's reply, ours for our own findings."""
    # The diagnosis of a delivered message is about TLS.
    said = said_by_server(verdict) or (verdict.result is Result.DELIVERED and peer is not None)
    codes = quoted_codes(verdict) if said else _codes(verdict)
    kind = "smtp;" if said else "X-Fopemta;"
    return field("Diagnostic-Code", kind, *codes, *clean(verdict.text, ascii_only=not utf8).split())


def _codes(verdict: VerdictRecord) -> tuple[str, ...]:
    code = str(verdict.code)
    # A given-up recipient has an enhanced code that agrees with the Status and not with the reply.
    return (code, verdict.enhanced) if verdict.enhanced.startswith(code[0]) else (code,)


def field(name: str, *words: str) -> str:
    """One field with its LF, folded between `words`; a word is split only if it does not fit a line."""
    lines, line = [], f"{name}:"
    for word in words:
        for piece in _pieces(word):
            if len(line) + 1 + len(piece) > _WIDTH and line != f"{name}:":
                lines.append(line)
                line = ""
            line += f" {piece}"
    return "\n".join([*lines, line]) + "\n"


def _pieces(word: str) -> list[str]:
    word = word if word.isprintable() else clean(word)
    if len(word.encode("utf-8")) <= _LONGEST_WORD:
        return [word]
    return [word[start : start + _PIECE] for start in range(0, len(word), _PIECE)]
