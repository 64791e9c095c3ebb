"""What rules are asked about (pure): the facts of a message, each known from a certain stage on.

A fact that is not known says why: not yet, not for now (a lookup failed), or not for good (it cannot be decoded, is
encrypted, is beyond the bound); see RULINGS 5.
"""

from __future__ import annotations

import enum

import attrs

from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import TlsSession


class Direction(enum.StrEnum):
    """RULINGS 4: outbound is from `[relay] networks`, from a login, or made here; all else is inbound."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Stage(enum.IntEnum):
    """How far a message has come; each stage knows what those before it knew."""

    CONNECTED = 0
    SENDER = 1
    RECIPIENT = 2
    CONTENT = 3

    @property
    def word(self) -> str:
        """For people."""
        return ("at the connection", "at MAIL", "at RCPT", "when the message has come")[self]


class Fact(enum.Enum):
    """What a matcher may read; the value is the word of people."""

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


STAGE_OF: dict[Fact, Stage] = {
    Fact.CLIENT: Stage.CONNECTED,
    Fact.LOGIN: Stage.SENDER,
    Fact.TLS: Stage.SENDER,
    Fact.DIRECTION: Stage.SENDER,
    Fact.SENDER: Stage.SENDER,
    Fact.RECIPIENT: Stage.RECIPIENT,
    Fact.RECIPIENTS: Stage.CONTENT,
    Fact.SIZE: Stage.CONTENT,
    Fact.HEADERS: Stage.CONTENT,
    Fact.BODY: Stage.CONTENT,
    Fact.ATTACHMENTS: Stage.CONTENT,
}


@attrs.frozen
class Attachment:
    """`name` decoded, "" where it has none; `media_type` in lower case, without parameters."""

    name: str
    media_type: str


@attrs.frozen
class Gap:
    """Something is not known of a content.  `for_good`: no later look will know it.  `bound` is the key of the bound
    that it is beyond, "" where that is not the reason.
    """

    why: str
    for_good: bool
    bound: str = ""


@attrs.frozen(kw_only=True)
class Asked:
    """What rules read of a content: the `headers` of these names (in lower case; None for all), its text, the names and
    types of files.
    """

    headers: frozenset[str] | None = frozenset()
    body: bool = False
    attachments: bool = False

    def __bool__(self) -> bool:
        """At least something."""
        return self != NOTHING_ASKED

    def __or__(self, other: Asked) -> Asked:
        """What either asks."""
        headers = None
        if self.headers is not None and other.headers is not None:
            headers = self.headers | other.headers
        return Asked(headers=headers, body=self.body or other.body, attachments=self.attachments or other.attachments)


NOTHING_ASKED = Asked()
EVERYTHING = Asked(headers=None, body=True, attachments=True)


@attrs.frozen(kw_only=True)
class ContentFacts:
    """What was read of a message.  Each part may be incomplete: what is there may match, what is not there may not be
    said to be missing.

    The names of headers are in lower case; one header, text or file may be there in several forms.  `…_otherwise` is
    what only some readers of mail would show: where that alone matches, nobody can tell.  `header_gaps` are those of
    headers of one name.
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
        """Why not all that stands in headers of that name, in lower case, is known."""
        return self.headers_gap or next((gap for name, gap in self.header_gaps if name == header), None)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """All of them."""
        found = (self.headers_gap, self.texts_gap, self.attachments_gap, *(gap for _, gap in self.header_gaps))
        return tuple(dict.fromkeys(each for each in found if each is not None))


@attrs.frozen(kw_only=True)
class MessageFacts:
    """`stage` says how much of it counts.  `client` is None for a message made here; `content` None before CONTENT, or
    where nothing asks for it.
    """

    stage: Stage
    direction: Direction
    client: str | None = None
    login: str | None = None
    tls: TlsSession | None = None
    sender: Mailbox | None = None
    recipients: tuple[Mailbox, ...] = ()
    size: int = 0
    content: ContentFacts | None = None
