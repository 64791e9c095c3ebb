"""The effects that a server session asks for (pure): the protocol performs them in order and reports the result."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.mail.reply import Reply

# Why a connection is closed: the client sent QUIT.
QUIT = "quit"
HEARD_OUT = "heard out"


@attrs.frozen
class Send:
    """Write these octets."""

    data: bytes


@attrs.frozen
class AskSender:
    """Ask policy whether `sender` (None: `<>`) may send here.  Answer with `judged`."""

    sender: Mailbox | None


@attrs.frozen
class AskRecipient:
    """Ask policy whether mail to `recipient` is accepted.  Answer with `judged`."""

    recipient: Mailbox


@attrs.frozen
class AskFlush:
    """ETRN: ask policy, and the queue.  `domain` starts with "@" to include its sub-domains.  Answer with `flushed`."""

    domain: str


@attrs.frozen
class AskLogin:
    """Begin an AUTH exchange; `initial` is decoded, None if absent.  Answer with `challenged`, `logged_in` or
    `login_refused`.
    """

    mechanism: str
    initial: bytes | None


@attrs.frozen
class ContinueLogin:
    """The client's next response, decoded.  Answer as for AskLogin."""

    response: bytes


@attrs.frozen
class AskTls:
    """Ask whether a handshake may begin now.  Answer with `tls_granted` or `tls_refused`."""


@attrs.frozen
class UpgradeToTls:
    """Begin the handshake.  Answer with `secured`, or close."""


@attrs.frozen
class Impersonate:
    """XCLIENT with these attributes.  Answer with `restarted` or `not_impersonated`."""

    attributes: str


@attrs.frozen
class OpenMessage:
    """Open a new message in the spool; `envelope` has no arrival yet.  Answer with `opened` or `failed`."""

    envelope: Envelope


@attrs.frozen
class WriteContent:
    """The next piece of the message content, with dot-stuffing removed."""

    data: bytes


@attrs.frozen
class CommitMessage:
    """The message is complete; `body_type` as found in its content.  Answer with `committed` once it is durable, or
    with `failed`.
    """

    body_type: BodyType


@attrs.frozen
class MessageRefused:
    """The complete message is refused for its content with `reply`.  Needs no answer."""

    reply: Reply


@attrs.frozen
class AbortMessage:
    """Discard the message.  Needs no answer."""


@attrs.frozen
class Close:
    """Close the connection once everything is written; `why` is for the log."""

    why: str


Effect: TypeAlias = (
    Send
    | AskSender
    | AskRecipient
    | AskFlush
    | AskLogin
    | ContinueLogin
    | AskTls
    | UpgradeToTls
    | Impersonate
    | OpenMessage
    | WriteContent
    | CommitMessage
    | MessageRefused
    | AbortMessage
    | Close
)
