"""What a client session wants done, and what it found (pure)."""

from __future__ import annotations

import enum
from typing import TypeAlias

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.mail.reply import Reply
from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.diagnosis import Diagnosis


class Phase(enum.Enum):
    """The step of the conversation in which something happened."""

    __hash__ = object.__hash__  # Enum's own __hash__ is written in Python and slow; these members are keys of tables.

    GREETING = "greeting"
    HELO = "helo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"
    FINAL = "final"
    QUIT = "quit"


@attrs.frozen
class Write:
    """Write these octets and wait for a reply."""

    data: bytes


@attrs.frozen
class BeginTls:
    """Begin the TLS handshake.  Answer with `secured`; if it fails, close the connection."""


@attrs.frozen
class Linger:
    """More of an answer may come: say `waited` when nothing has come for LINGER seconds since this was said last."""


# Lines that a server writes one by one come within a round trip and its delayed acknowledgement.
LINGER = 0.5


@attrs.frozen
class Ready:
    """A transaction may begin, if the plan allows it over this connection.

    `refused` is the server's reply if it refused STARTTLS, `offered` whether it offered STARTTLS.  `name` is the
    server's name in its reply to EHLO or HELO, `offer` its extensions.
    """

    tls: bool
    offered: bool
    refused: Reply | None = None
    name: str = ""
    offer: ServerOffer = attrs.Factory(ServerOffer)


@attrs.frozen
class SendChunk:
    """Send the next piece of the message by BDAT (RFC 3030).  Answer with `chunk_sent`."""


@attrs.frozen
class SendContent:
    """Stream the message, dot-stuffed and with its final dot.  Answer with `content_sent`."""


@attrs.frozen
class RecipientResult:
    """The result for one recipient: the deciding `reply`, or None where a `diagnosis` of ours decided.

    `accepted` means that the server has taken responsibility.
    """

    recipient: Mailbox
    accepted: bool
    phase: Phase
    reply: Reply | None
    diagnosis: Diagnosis | None = None


@attrs.frozen
class TransactionDone:
    """The transaction is over: one result for each recipient, in the transaction's order."""

    results: tuple[RecipientResult, ...]


@attrs.frozen
class SessionFailed:
    """The session has failed and cannot be used further; `phase`, `diagnosis` and `text` say why."""

    phase: Phase
    diagnosis: Diagnosis
    text: str
    reply: Reply | None = None


@attrs.frozen
class Broken:
    """The session broke off: the failure, and the results that were known before it."""

    failure: SessionFailed
    results: tuple[RecipientResult, ...] = ()


@attrs.frozen
class Hangup:
    """Close the connection."""


ClientEffect: TypeAlias = (
    Write | BeginTls | Linger | Ready | SendContent | SendChunk | TransactionDone | SessionFailed | Hangup
)


@attrs.frozen(kw_only=True)
class Transaction:
    """A message as MAIL and RCPT announce it.

    `size` in octets; `body` as declared in MAIL (BINARY_MIME is sent by BDAT); `utf8`: request SMTPUTF8.  The DSN
    options of `envelope` (RFC 3461) are passed on where the server supports DSN.  `probe`: send no content, only learn
    which recipients the server accepts; the transaction ends in RSET.
    """

    envelope: Envelope
    recipients: tuple[Mailbox, ...]
    size: int
    body: BodyType = BodyType.SEVEN_BIT
    utf8: bool = False
    probe: bool = False
