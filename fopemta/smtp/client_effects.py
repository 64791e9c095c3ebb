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
    """Where in the conversation something happened."""

    __hash__ = object.__hash__  # enum's own is a call of Python for each look into a table

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
    """Begin the handshake.  Answer with `secured`, or with `lost`."""


@attrs.frozen
class Ready:
    """The session stands and a transaction may begin, if the plan allows it as it is.

    `refused` is the server's answer where it refused STARTTLS; `offered` whether it offered it at all.  `name` is what
    the server calls itself in its answer to EHLO or HELO, `offer` what it has.
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
    """How one recipient fared: the deciding `reply`, or None where a `diagnosis` of ours decided.

    `accepted` means that the server has taken responsibility.
    """

    recipient: Mailbox
    accepted: bool
    phase: Phase
    reply: Reply | None
    diagnosis: Diagnosis | None = None


@attrs.frozen
class TransactionDone:
    """Every recipient has its result, in the transaction's order."""

    results: tuple[RecipientResult, ...]


@attrs.frozen
class SessionFailed:
    """The session is no good any more, and why."""

    phase: Phase
    diagnosis: Diagnosis
    text: str
    reply: Reply | None = None


@attrs.frozen
class Broken:
    """The session broke: what it was about, and the results that were known by then."""

    failure: SessionFailed
    results: tuple[RecipientResult, ...] = ()


@attrs.frozen
class Hangup:
    """Close the connection."""


ClientEffect: TypeAlias = Write | BeginTls | Ready | SendContent | SendChunk | TransactionDone | SessionFailed | Hangup


@attrs.frozen(kw_only=True)
class Transaction:
    """A message as MAIL and RCPT say it.

    `size` octets; `body` as MAIL declares it, BINARY_MIME goes by BDAT; `utf8`: SMTPUTF8 is asked for.  `envelope` is
    asked for what the sender wants to be told (RFC 3461), which is passed on where the server knows DSN.  `probe`:
    nothing is sent, only who would be taken is asked; the transaction ends in RSET.
    """

    envelope: Envelope
    recipients: tuple[Mailbox, ...]
    size: int
    body: BodyType = BodyType.SEVEN_BIT
    utf8: bool = False
    probe: bool = False
