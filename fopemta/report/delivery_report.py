"""A complete report (pure): multipart/report with a part for people, one for programs, and the returned message.

RFC 6522 (the container), RFC 3464 and 6533 (the part for programs), RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

from fopemta.address.mailbox import Mailbox
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.received import date_time
from fopemta.report.enclosure import Enclosed, enclosure, extent
from fopemta.report.facts import Facts
from fopemta.report.multipart import header, multipart
from fopemta.report.notices import Notice
from fopemta.report.status import status_part
from fopemta.report.words import text_part


def delivery_report(
    facts: Facts, notice: Notice, message: QueuedMessage, original: bytes, *, most: Enclosed = Enclosed.WHOLE
) -> bytes:
    """The report for `notice`, in wire form.

    `message` is the one it is about, `original` its content, or the first LARGEST_ENCLOSED octets; empty if it cannot
    be read.  `most` limits what is returned, whatever RET says.
    """
    utf8 = needs_smtputf8(facts, notice.to)
    back = extent(notice.kind, message, most, original)
    enclosed = enclosure(message, original, back.extent, utf8=utf8)
    parts = [
        text_part(facts, notice, message, back, utf8=utf8),
        status_part(facts, notice, message, utf8=utf8),
        *([enclosed] if enclosed is not None else []),
    ]
    return multipart(_headers(facts, notice), parts, facts.report_id)


def needs_smtputf8(facts: Facts, to: Mailbox) -> bool:
    """Whether a report to `to` needs SMTPUTF8 (RFC 6531): then it uses UTF-8 throughout.

    Any other report is ASCII, since the path back may support nothing else.
    """
    return to.internationalised or not facts.postmaster.isascii()


def _headers(facts: Facts, notice: Notice) -> list[bytes]:
    """RFC 3834 3.1.7: Auto-Submitted keeps automatic responders from answering.  The other headers are what filters
    look for.
    """
    return [
        header("From", f"Mail Delivery System <{facts.postmaster}>"),
        header("To", f"<{notice.to}>"),
        header("Subject", notice.kind.subject),
        header("Date", date_time(facts.now)),
        header("Message-ID", f"<{facts.report_id}@{facts.hostname}>"),
        header("Auto-Submitted", "auto-replied"),
        header("MIME-Version", "1.0"),
    ]
