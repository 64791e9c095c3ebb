"""One message on its way in, as the session sees it (pure): what MAIL and RCPT said, and its content as judged."""

from __future__ import annotations

import enum
from operator import attrgetter

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Envelope, RecipientOptions
from fopemta.mail.reply import Reply
from fopemta.mail.trace import ReceivedCount
from fopemta.smtp import server_replies as replies
from fopemta.smtp.dot_stuffing import ChunkText, Unstuffer
from fopemta.smtp.parameters import MailOptions

_BARE_LINE_END = Reply.of(550, "5.6.11", "Lines of a message must end with CR LF: a bare CR or LF is refused here")
_NUL = Reply.of(550, "5.6.0", "A message with NUL characters is refused here")
_TOO_MANY_HOPS = Reply.of(554, "5.4.6", "Too many hops: this message is going round in a circle")

_NOTHING_OF_MAIL = MailOptions()
# What MAIL says is in the envelope under the same names, but for `body`; the size is measured.
_SAID = [field.name for field in attrs.fields(MailOptions) if field.name != "size"]
_KEPT = ["body_type" if each == "body" else each for each in _SAID]
_said_in = attrgetter(*_SAID)


class BareLineEnds(enum.Enum):
    """What becomes of a CR or LF that stands alone in a message."""

    NORMALISE = "normalise"
    REJECT = "reject"


class Nul(enum.Enum):
    """What becomes of NUL characters in a message that is not BINARYMIME; none is passed on."""

    REJECT = "reject"
    REMOVE = "remove"


@attrs.frozen(kw_only=True)
class ContentLimits:
    """`message_size` octets, 0 for no limit; `hops` Received fields, 0 for no limit."""

    message_size: int
    hops: int
    bare_line_ends: BareLineEnds
    nul: Nul = Nul.REJECT


class ContentIntake:
    """The content of one message: made CRLF-only and without NUL unless it is binary, measured, judged.

    `refusal` is set as soon as it is known that the message will not be taken; from then on nothing comes out.
    """

    def __init__(self, limits: ContentLimits, body_type: BodyType) -> None:
        self._limits = limits
        self._body_type = body_type
        self._unstuffer = Unstuffer()
        self._chunk_text = ChunkText()
        self._received = ReceivedCount()
        self._eight_bit = False
        self.size = 0
        self.refusal: Reply | None = None

    @property
    def body_type(self) -> BodyType:
        """As declared; 8-bit content that was not declared counts as if it had been."""
        if self._eight_bit and self._body_type is BodyType.SEVEN_BIT:
            return BodyType.EIGHT_BIT_MIME
        return self._body_type

    def data(self, octets: bytes) -> bytes:
        """What follows DATA: the content that is now certain."""
        content = self._unstuffer.feed(octets)
        return self._judged(content, self._unstuffer)

    @property
    def rest(self) -> bytes | None:
        """What came behind the end of data; None until it has ended."""
        return self._unstuffer.rest if self._unstuffer.ended else None

    def chunk(self, octets: bytes, last: bool) -> bytes:
        """Octets of BDAT; `last`: nothing of the message follows these."""
        if self._body_type is BodyType.BINARY_MIME:
            return self._judged(octets, _BINARY)
        return self._judged(self._chunk_text.feed(octets, last), self._chunk_text)

    def _judged(self, content: bytes, seen: Unstuffer | ChunkText) -> bytes:
        self.size += len(content)
        self._received.feed(content)
        self._eight_bit = self._eight_bit or not content.isascii()
        # Judged anew with every piece, so that of several flaws the same is told however the message was cut.
        self.refusal = self._flaw(seen)
        return b"" if self.refusal is not None else content

    def _flaw(self, seen: Unstuffer | ChunkText) -> Reply | None:
        limits = self._limits
        if 0 < limits.message_size < self.size:
            return replies.TOO_LARGE
        if seen.bare and limits.bare_line_ends is BareLineEnds.REJECT:
            return _BARE_LINE_END
        if seen.nul and limits.nul is Nul.REJECT:
            return _NUL
        return _TOO_MANY_HOPS if 0 < limits.hops < self._received.count else None


# RFC 3030 3: every octet may stand there.
_BINARY = ChunkText()


@attrs.define
class Transaction:
    """What one message has come to; a new one is made for each, so nothing can be left over."""

    sender: Mailbox | None = None
    mail: MailOptions = _NOTHING_OF_MAIL
    # A dict keeps the order; an address given twice is one recipient, with what was said of it first.
    recipients: dict[Mailbox, RecipientOptions] = attrs.Factory(dict)
    asked: tuple[Mailbox, RecipientOptions] | None = None
    content: ContentIntake | None = None
    # The spool has been told to forget it.
    aborted: bool = False

    def envelope(self) -> Envelope:
        """What MAIL and RCPT have said, without an arrival."""
        return Envelope(
            sender=self.sender,
            recipients=tuple(self.recipients),
            options=tuple((each, said) for each, said in self.recipients.items() if said != _NOTHING_SAID),
            **dict(zip(_KEPT, _said_in(self.mail), strict=True)),
        )

    def recipient_accepted(self) -> bool:
        """The recipient that policy was asked about is one; False when it was already."""
        assert self.asked is not None
        recipient, said = self.asked
        known = len(self.recipients)
        self.recipients.setdefault(recipient, said)
        return len(self.recipients) > known


_NOTHING_SAID = RecipientOptions()
