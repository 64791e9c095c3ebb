"""What a server session wants done (pure): the protocol performs these in order and says how it went."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.mail.reply import Reply

# Why a connection is closed by the client's own wish.
QUIT = "quit"
HEARD_OUT = "heard out"


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
class AskFlush:
    """ETRN: policy, and the queue.  `domain` has "@" before it for its sub-domains too.  Answer with `flushed`."""

    domain: str


@attrs.frozen
class AskLogin:
    """Begin an AUTH exchange; `initial` is decoded, None where there is none.  Answer with `challenged`, `logged_in` or
    `login_refused`.
    """

    mechanism: str
    initial: bytes | None


@attrs.frozen
class ContinueLogin:
    """The client's next response, decoded.  Answer as to AskLogin."""

    response: bytes


@attrs.frozen
class AskTls:
    """May a handshake begin now?  Answer with `tls_granted` or `tls_refused`."""


@attrs.frozen
class StartTls:
    """Begin the handshake.  Answer with `secured`, or close."""


@attrs.frozen
class Impersonate:
    """XCLIENT with these attributes.  Answer with `restarted` or `not_impersonated`."""

    attributes: str


@attrs.frozen
class OpenMessage:
    """Make room for a message; `envelope` is without an arrival.  Answer with `opened` or `failed`."""

    envelope: Envelope


@attrs.frozen
class WriteContent:
    """The next piece of the message, as it goes on the wire, not dot-stuffed."""

    data: bytes


@attrs.frozen
class CommitMessage:
    """The message is whole; `body_type` as it turned out to be.  Answer with `committed` once it is durable, or with
    `failed`.
    """

    body_type: BodyType


@attrs.frozen
class MessageRefused:
    """The message has come and is not taken, for what it is: the client hears `reply`.  Nothing answers."""

    reply: Reply


@attrs.frozen
class AbortMessage:
    """Forget the message; nothing answers."""


@attrs.frozen
class Close:
    """Close the connection once everything is written; `why` for the log."""

    why: str


Effect: TypeAlias = (
    Send
    | AskSender
    | AskRecipient
    | AskFlush
    | AskLogin
    | ContinueLogin
    | AskTls
    | StartTls
    | Impersonate
    | OpenMessage
    | WriteContent
    | CommitMessage
    | MessageRefused
    | AbortMessage
    | Close
)
