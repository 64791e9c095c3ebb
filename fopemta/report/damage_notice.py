"""The notice to postmaster about damage in the spool (pure): a plain message, not a delivery report."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from fopemta.mail.damage import PutAside
from fopemta.mail.received import date_time
from fopemta.report.facts import Facts
from fopemta.report.multipart import header
from fopemta.report.wording import clean

# A broken disk may damage thousands; these are enough to show what has happened.
MOST_LISTED = 50
_WIDTH = 72
_OPENING = (
    "Something in the mail spool was damaged and has been quarantined. It may contain accepted mail: that mail is not "
    "delivered, and its senders have not been notified. All other mail is delivered."
)
_ADVICE = (
    'Each item is in the folder "corrupt" of the spool, with a file of the same name ending in ".reason". '
    "Nothing there is deleted or read again by the server. Look for the cause: a failing disk, a crash of the "
    "machine with a disk that loses what it has confirmed, or another program that writes into the spool."
)


def damage_notice(facts: Facts, damage: Sequence[PutAside]) -> bytes:
    """The message about `damage`, at least one item, in wire form."""
    count = len(damage)
    things = f"{count} damaged item{'s' if count > 1 else ''}"
    headers = [
        header("From", f"Mail Delivery System <{facts.postmaster}>"),
        header("To", f"<{facts.postmaster}>"),
        header("Subject", f"{facts.hostname}: {things} in the mail spool"),
        header("Date", date_time(facts.now)),
        header("Message-ID", f"<{facts.report_id}@{facts.hostname}>"),
        header("Auto-Submitted", "auto-generated"),
        header("MIME-Version", "1.0"),
        header("Content-Type", "text/plain; charset=us-ascii"),
    ]
    text = "\r\n".join(_lines(facts, things, damage)) + "\r\n"
    return b"".join(headers) + b"\r\n" + text.encode("ascii", "replace")


def _lines(facts: Facts, things: str, damage: Sequence[PutAside]) -> list[str]:
    lines = [f"This is the mail server {facts.hostname}.", "", *_wrapped(_OPENING), "", f"{things}:", ""]
    for each in damage[:MOST_LISTED]:
        lines += [f"  {clean(each.what, ascii_only=True)[:900]}", f"      {clean(each.why, ascii_only=True)[:900]}"]
    if len(damage) > MOST_LISTED:
        lines.append(f"  and {len(damage) - MOST_LISTED} more")
    return [*lines, "", *_wrapped(_ADVICE)]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_on_hyphens=False)
