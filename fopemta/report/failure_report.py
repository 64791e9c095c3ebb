"""The report of a failure (pure): multipart/report with three parts.

RFC 6522 (the container), RFC 3464 (the machine's part), RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email import policy
from email.message import EmailMessage, Message

from fopemta.mail.queued import QueuedMessage
from fopemta.mail.received import date_time
from fopemta.report.facts import Facts
from fopemta.report.status import status_groups
from fopemta.report.words import explanation
from fopemta.trust.verdict import VerdictRecord

# A message of this size or less comes back whole, of a larger one its headers do.
LARGEST_ENCLOSED = 50 * 1024

_POLICY = policy.SMTP.clone(max_line_length=78)
_END_OF_HEADERS = re.compile(rb"\r\n\r\n")


def failure_report(facts: Facts, message: QueuedMessage, failed: Sequence[VerdictRecord], original: bytes) -> bytes:
    """The report to the sender of `message` as it goes on the wire.

    `failed` is one verdict for each recipient that it is about; `original` is the message's content, or its first
    LARGEST_ENCLOSED octets.
    """
    report = EmailMessage(policy=_POLICY)
    report["From"] = f"Mail Delivery System <{facts.postmaster}>"
    report["To"] = f"<{message.envelope.sender}>"
    report["Subject"] = "Your message could not be delivered"
    report["Date"] = date_time(facts.now)
    report["Message-ID"] = f"<{facts.report_id}@{facts.hostname}>"
    report["Auto-Submitted"] = "auto-replied"
    report["MIME-Version"] = "1.0"
    report["Content-Type"] = (
        f'multipart/report; report-type=delivery-status; boundary="{_boundary(facts.report_id, original)}"'
    )
    parts = [
        _text_part(explanation(facts, message, failed)),
        _status_part(status_groups(facts, message, failed)),
        _original_part(message, original),
    ]
    return _flattened(report, parts)


def _boundary(report_id: str, original: bytes) -> str:
    """A boundary that the original does not hold."""
    number = 0
    while (boundary := f"{report_id}-{number}").encode("ascii") in original:
        number += 1
    return boundary


def _flattened(report: EmailMessage, parts: Sequence[Message]) -> bytes:
    """The report on the wire.  By hand, not by email.generator: the original goes back exactly as it came."""
    boundary = (report.get_boundary() or "").encode("ascii")
    head = _headers(report)
    body = b"".join(b"--" + boundary + b"\r\n" + _headers(part) + b"\r\n" + _payload(part) + b"\r\n" for part in parts)
    return head + b"\r\n" + b"This is a report in MIME format.\r\n\r\n" + body + b"--" + boundary + b"--\r\n"


def _headers(part: Message) -> bytes:
    return b"".join(_POLICY.fold_binary(name, value) for name, value in part.items())


def _payload(part: Message) -> bytes:
    payload = part.get_payload()
    assert isinstance(payload, str)
    return payload.encode("latin-1")


def _text_part(text: str) -> Message:
    part = Message()
    part["Content-Type"] = "text/plain; charset=utf-8"
    part["Content-Transfer-Encoding"] = "7bit" if text.isascii() else "8bit"
    part["Content-Description"] = "Explanation"
    part.set_payload(_crlf(text).encode("utf-8").decode("latin-1"))
    return part


def _status_part(text: str) -> Message:
    part = Message()
    part["Content-Type"] = "message/delivery-status"
    part["Content-Description"] = "Delivery report"
    part.set_payload(_crlf(text))
    return part


def _original_part(message: QueuedMessage, original: bytes) -> Message:
    part = Message()
    whole = message.size <= LARGEST_ENCLOSED
    shown = original if whole else _only_headers(original)
    part["Content-Type"] = "message/rfc822" if whole else "text/rfc822-headers"
    part["Content-Transfer-Encoding"] = "7bit" if shown.isascii() else "8bit"
    part["Content-Description"] = "Your message" if whole else "The headers of your message"
    part.set_payload(shown.decode("latin-1"))
    return part


def _only_headers(original: bytes) -> bytes:
    end = _END_OF_HEADERS.search(original)
    if end is not None:
        return original[: end.start() + 2]
    # Headers without an end within what we have: up to the last whole line.
    return original[: original.rfind(b"\r\n") + 2]


def _crlf(text: str) -> str:
    return text.replace("\n", "\r\n")
