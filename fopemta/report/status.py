"""The part for machines (pure): message/delivery-status, RFC 3464."""

from __future__ import annotations

from collections.abc import Sequence

from fopemta.mail.queued import QueuedMessage
from fopemta.mail.received import date_time
from fopemta.report.facts import Facts
from fopemta.trust.verdict import VerdictRecord

# RFC 5322 2.1.1 wants 78 and allows 998; remote texts may be of any length (C143).
_WIDTH = 76
_LONGEST_TEXT = 2000


def status_groups(facts: Facts, message: QueuedMessage, failed: Sequence[VerdictRecord]) -> str:
    """The fields per message, and after a blank line each those of a recipient; lines end with LF."""
    groups = [
        [
            field("Reporting-MTA", f"dns; {facts.hostname}"),
            field("X-Fopemta-Queue-ID", message.id),
            field("Arrival-Date", date_time(message.arrived)),
        ],
        *(_recipient(verdict) for verdict in failed),
    ]
    return "\n".join("".join(group) for group in groups)


def _recipient(verdict: VerdictRecord) -> list[str]:
    fields = [
        field("Final-Recipient", f"rfc822; {verdict.recipient}"),
        field("Action", "failed"),
        field("Status", verdict.enhanced),
    ]
    if verdict.host is not None or verdict.address is not None:
        fields.append(field("Remote-MTA", f"dns; {verdict.host or f'[{verdict.address}]'}"))
    fields.append(field("Diagnostic-Code", f"smtp; {verdict.code} {verdict.enhanced} {verdict.text}".rstrip()))
    fields.append(field("Last-Attempt-Date", date_time(verdict.time)))
    if verdict.diagnosis is not None:
        fields.append(field("X-Fopemta-Diagnosis", verdict.diagnosis))
    if verdict.protocol is not None:
        fields.append(field("X-Fopemta-TLS", f"{verdict.protocol} {verdict.cipher} ({verdict.bits} bits)"))
    return fields


def field(name: str, value: str) -> str:
    """One field with its LF: printable ASCII, folded at blanks, over-long words cut into pieces."""
    words = _clean(value).split()
    lines, line = [], f"{name}:"
    for word in words:
        for piece in _pieces(word):
            if len(line) + 1 + len(piece) > _WIDTH and line.strip() != f"{name}:":
                lines.append(line)
                line = ""
            line += f" {piece}"
    return "\n".join([*lines, line]) + "\n"


def _pieces(word: str) -> list[str]:
    width = _WIDTH - 2
    return [word[start : start + width] for start in range(0, len(word), width)]


def _clean(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" if letter.isprintable() else " " for letter in text)[
        :_LONGEST_TEXT
    ]
