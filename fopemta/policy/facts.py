"""The facts of a message that rules can ask for (pure), each known from a certain stage on.

An unknown fact has a reason: not yet, not for now (a lookup failed), or not for good (undecodable, encrypted, beyond a
bound).
"""

from __future__ import annotations

import enum

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction, Envelope, TlsSession


class RuleStage(enum.IntEnum):
    """The stage of a message; each stage includes the facts of those before it."""

    CONNECTED = 0
    SENDER = 1
    RECIPIENT = 2
    CONTENT = 3

    @property
    def word(self) -> str:
        """The stage in words."""
        return ("at the connection", "at MAIL", "at RCPT", "when the message has come")[self]


class Fact(enum.Enum):
    """A fact that a matcher may read; the value is its name in words."""

    CLIENT = "client"
    LOGIN = "login"
    TLS = "TLS"
    DIRECTION = "direction"
    SENDER = "sender"
    RECIPIENT = "recipient"
    RECIPIENTS = "number of recipients"
    SIZE = "size"
    HEADERS = "headers"
    BODY = "body"
    ATTACHMENTS = "attachments"


STAGE_OF: dict[Fact, RuleStage] = {
    Fact.CLIENT: RuleStage.CONNECTED,
    Fact.LOGIN: RuleStage.SENDER,
    Fact.TLS: RuleStage.SENDER,
    Fact.DIRECTION: RuleStage.RECIPIENT,
    Fact.SENDER: RuleStage.SENDER,
    Fact.RECIPIENT: RuleStage.RECIPIENT,
    Fact.RECIPIENTS: RuleStage.CONTENT,
    Fact.SIZE: RuleStage.CONTENT,
    Fact.HEADERS: RuleStage.CONTENT,
    Fact.BODY: RuleStage.CONTENT,
    Fact.ATTACHMENTS: RuleStage.CONTENT,
}


@attrs.frozen
class Attachment:
    """`name` decoded, "" if it has none; `media_type` in lower case, without parameters."""

    name: str
    media_type: str


@attrs.frozen
class Gap:
    """Part of the content is unknown.  `for_good`: it will never be known.  `bound` is the key of an exceeded bound, or
    "".
    """

    why: str
    for_good: bool
    bound: str = ""


@attrs.frozen(kw_only=True)
class Asked:
    """What rules read of a message's content: `headers` of these names (in lower case; None for all), its text, the
    names and types of files.
    """

    headers: frozenset[str] | None = frozenset()
    body: bool = False
    attachments: bool = False

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return self != NOTHING_ASKED

    def __or__(self, other: Asked) -> Asked:
        """The union of both."""
        headers = None
        if self.headers is not None and other.headers is not None:
            headers = self.headers | other.headers
        return Asked(headers=headers, body=self.body or other.body, attachments=self.attachments or other.attachments)

    def covers(self, other: Asked) -> bool:
        """All that the other asks."""
        return other is self or self | other == self


NOTHING_ASKED = Asked()
EVERYTHING = Asked(headers=None, body=True, attachments=True)


@attrs.frozen(kw_only=True)
class ContentFacts:
    """What was read of a message.  Each part may be incomplete: matches in what is there count, but nothing may be
    called missing.

    Header names are in lower case; one header, text or file may be there in several forms.  `…_otherwise` is what only
    some mail readers would show: if only that matches, the answer is unknown.  `header_gaps` are those of headers of
    one name.
    """

    headers: tuple[tuple[str, str], ...] = ()
    headers_otherwise: tuple[tuple[str, str], ...] = ()
    headers_gap: Gap | None = None
    header_gaps: tuple[tuple[str, Gap], ...] = ()
    texts: tuple[str, ...] = ()
    texts_otherwise: tuple[str, ...] = ()
    texts_gap: Gap | None = None
    attachments: tuple[Attachment, ...] = ()
    attachments_otherwise: tuple[Attachment, ...] = ()
    attachments_gap: Gap | None = None

    def gap_of(self, header: str) -> Gap | None:
        """The gap in headers of that name, in lower case; None if all of them are known."""
        return self.headers_gap or next((gap for name, gap in self.header_gaps if name == header), None)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """All gaps."""
        found = (self.headers_gap, self.texts_gap, self.attachments_gap, *(gap for _, gap in self.header_gaps))
        return tuple(dict.fromkeys(each for each in found if each is not None))


@attrs.frozen(kw_only=True)
class RecipientFacts:
    """`address` is where the mail goes; `addresses` are that and all it stands for: a rule that names one of them names
    the recipient.
    """

    address: Mailbox
    addresses: tuple[Mailbox, ...]
    direction: Direction


@attrs.frozen(kw_only=True)
class MessageFacts:
    """`stage` says how much of it is valid.  `client` is None for a message made here; `recipient_count` is the number
    that the client named; `content` is None before CONTENT, or if no rule asks for it.

    Nothing has a default: only `facts_of` makes these, for the gate, the queue and `fopemta explain`.
    """

    stage: RuleStage
    client: str | None
    login: str | None
    tls: TlsSession | None
    sender: Mailbox | None
    recipients: tuple[RecipientFacts, ...]
    recipient_count: int
    size: int
    content: ContentFacts | None


def facts_of(envelope: Envelope, stage: RuleStage, size: int, content: ContentFacts | None) -> MessageFacts:
    """The facts of a message with that envelope; `size` in octets, 0 before CONTENT."""
    arrival = envelope.arrival
    return MessageFacts(
        stage=stage,
        client=None if arrival is None else arrival.client_address,
        login=None if arrival is None else arrival.login,
        tls=None if arrival is None else arrival.tls,
        sender=envelope.sender,
        recipients=tuple([recipient_facts(envelope, each) for each in envelope.recipients]),
        recipient_count=envelope.named or len(envelope.recipients),
        size=size,
        content=content,
    )


def recipient_facts(envelope: Envelope, recipient: Mailbox) -> RecipientFacts:
    """The facts of one recipient of that envelope."""
    said = envelope.options_of(recipient)
    addresses = tuple(dict.fromkeys((recipient, *said.stands_for, *said.by_way_of)))
    return RecipientFacts(address=recipient, addresses=addresses, direction=envelope.direction_of(recipient))
