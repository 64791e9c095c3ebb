"""The file that sendmail leaves for the server (pure): a line of fixed length, the envelope as JSON, the content.

    fopemta-drop 1 <octets of the envelope> <octets of the content> <CRC-32 of both>

The line is written last, over a placeholder, and the file gets its name only then; so a file with that name is whole,
but for what a disk, or a user who writes such files by hand, does to it.  Addresses are as the program gave them.
"""

from __future__ import annotations

import json
import re
from typing import Any

import attrs

from fopemta.mail.envelope import BodyType, Notify, Returned

# Names of complete files; others are being written, or do not belong here.
WHOLE = re.compile(r"[0-9a-f]{32}")
UNFINISHED = "tmp."

LARGEST_ENVELOPE = 4 * 1024 * 1024
MOST_RECIPIENTS = 10_000
LONGEST_TEXT = 1024
_HEAD = re.compile(rb"fopemta-drop 1 ([0-9]{8}) ([0-9]{15}) ([0-9a-f]{8})\n")
HEAD_SIZE = len(b"fopemta-drop 1 00000000 000000000000000 00000000\n")
PLACEHOLDER = b"\0" * HEAD_SIZE


class Damaged(Exception):
    """It is no such file; the text says what is wrong."""


@attrs.frozen
class Head:
    """Octets of envelope and content, and the CRC-32 of both together."""

    envelope: int
    content: int
    checksum: int

    def octets(self) -> bytes:
        """The HEAD_SIZE octets of the line."""
        return b"fopemta-drop 1 %08d %015d %08x\n" % (self.envelope, self.content, self.checksum)

    @property
    def file_size(self) -> int:
        """The size of the whole file."""
        return HEAD_SIZE + self.envelope + self.content


def head_of(octets: bytes) -> Head:
    """Parse the first HEAD_SIZE octets of a file.  Raises Damaged."""
    match = _HEAD.fullmatch(octets)
    if match is None:
        raise Damaged("it does not begin as a dropped message does")
    head = Head(int(match[1]), int(match[2]), int(match[3], 16))
    if head.envelope > LARGEST_ENVELOPE:
        raise Damaged(f"its envelope is larger than {LARGEST_ENVELOPE} octets")
    return head


@attrs.frozen(kw_only=True)
class DroppedLetter:
    """The envelope from a program.  `sender` "" is the null sender; it and `recipients` may lack a domain.  `full_name`
    is for a missing From field; the others are as in `mail.envelope.Envelope`.
    """

    sender: str
    recipients: tuple[str, ...]
    full_name: str = ""
    body: BodyType = BodyType.SEVEN_BIT
    notify: frozenset[Notify] = frozenset()
    returned: Returned | None = None
    envelope_id: str | None = None

    def octets(self) -> bytes:
        """As JSON."""
        plain = {
            "sender": self.sender,
            "recipients": list(self.recipients),
            "full_name": self.full_name,
            "body": self.body.value,
            "notify": sorted(each.value for each in self.notify),
            "returned": None if self.returned is None else self.returned.value,
            "envelope_id": self.envelope_id,
        }
        return json.dumps(plain).encode("ascii")


def letter_of(octets: bytes) -> DroppedLetter:
    """Parse a letter.  Raises Damaged; unknown keys are ignored."""
    try:
        plain = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise Damaged("its envelope is not JSON") from error
    if not isinstance(plain, dict):
        raise Damaged("its envelope is no object")
    try:
        return _letter(plain)
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"its envelope is not as it should be: {type(error).__name__}") from error


def _letter(plain: dict[str, Any]) -> DroppedLetter:
    recipients = plain["recipients"]
    if not isinstance(recipients, list) or not 0 < len(recipients) <= MOST_RECIPIENTS:
        raise ValueError("recipients")
    returned, envelope_id, body = plain.get("returned"), plain.get("envelope_id"), BodyType(plain.get("body", "7BIT"))
    notify = frozenset(Notify(each) for each in plain.get("notify", ()))
    # The content has lines; and NEVER excludes the others (RFC 3461 4.1).
    if body is BodyType.BINARY_MIME or (Notify.NEVER in notify and len(notify) > 1):
        raise ValueError("body, notify")
    return DroppedLetter(
        sender=_text(plain["sender"]),
        recipients=tuple(dict.fromkeys(_text(each) for each in recipients)),
        full_name=_text(plain.get("full_name", "")),
        body=body,
        notify=notify,
        returned=None if returned is None else Returned(returned),
        envelope_id=None if envelope_id is None else _text(envelope_id),
    )


def _text(value: object) -> str:
    """Of limited length, and without line breaks."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise ValueError("text")
    return value
