"""What a server session wants done (pure): the protocol performs these in order and says how it went."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import BodyType


@attrs.frozen
class Send:
    """Write these octets."""

    data: bytes


@attrs.frozen
class AskSender:
    """Policy: may `sender` (None: `<>`) send here?  Answer with `judged`."""

    sender: Mailbox | None


@attrs.frozen
class AskRecipient:
    """Policy: may mail go to `recipient`?  Answer with `judged`."""

    recipient: Mailbox


@attrs.frozen
class StartTls:
    """Begin the handshake.  Answer with `secured`, or close."""


@attrs.frozen
class OpenMessage:
    """Make room for a message.  Answer with `opened` or `failed`."""

    sender: Mailbox | None
    recipients: tuple[Mailbox, ...]
    body_type: BodyType


@attrs.frozen
class WriteContent:
    """The next piece of the message, as it goes on the wire, not dot-stuffed."""

    data: bytes


@attrs.frozen
class CommitMessage:
    """The message is whole.  Answer with `committed` once it is durable, or with `failed`."""


@attrs.frozen
class AbortMessage:
    """Forget the message; nothing answers."""


@attrs.frozen
class Close:
    """Close the connection once everything is written; `why` for the log."""

    why: str


Effect: TypeAlias = (
    Send | AskSender | AskRecipient | StartTls | OpenMessage | WriteContent | CommitMessage | AbortMessage | Close
)
