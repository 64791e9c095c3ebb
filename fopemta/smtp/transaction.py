"""One message being received, as the session sees it (pure): the envelope, and the content as judged."""

from __future__ import annotations

import enum
from operator import attrgetter

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import NO_OPTIONS, BodyType, Envelope, RecipientOptions
from fopemta.mail.reply import Reply
from fopemta.mail.trace import ReceivedCount
from fopemta.smtp import server_replies as replies
from fopemta.smtp.dot_stuffing import ChunkText, Unstuffer
from fopemta.smtp.parameters import MailOptions

_BARE_LINE_END = Reply.of(550, "5.6.11", "Lines of a message must end with CR LF: a bare CR or LF is refused here")
_NUL = Reply.of(550, "5.6.0", "A message with NUL characters is refused here")
_TOO_MANY_HOPS = Reply.of(554, "5.4.6", "Too many hops: this message is going round in a circle")

_NOTHING_OF_MAIL = MailOptions()
# MAIL parameters have the same names in the envelope, except `body`; the size is measured.
_SAID = [field.name for field in attrs.fields(MailOptions) if field.name != "size"]
_KEPT = ["body_type" if each == "body" else each for each in _SAID]
_said_in = attrgetter(*_SAID)


class BareLineEnds(enum.Enum):
    """What to do with a CR or LF that stands alone in a message."""

    NORMALISE = "normalise"
    REJECT = "reject"


class Nul(enum.Enum):
    """What to do with NUL characters in a message that is not BINARYMIME; none is passed on."""

    REJECT = "reject"
    REMOVE = "remove"


@attrs.frozen(kw_only=True)
class ContentLimits:
    """Limits of one message: `message_size` in octets and `hops` in Received fields; 0 for no limit."""

    message_size: int
    hops: int
    bare_newlines: BareLineEnds
    nul: Nul = Nul.REJECT


class ContentIntake:
    """Receives the content of one message: CRLF-only and without NUL unless it is binary, measured and judged.

    `refusal` is set as soon as it is certain that the message will be refused; from then on no content is returned.
    """

    def __init__(self, limits: ContentLimits, body_type: BodyType) -> None:
        self._limits = limits
        self._body_type = body_type
        self._unstuffer = Unstuffer()
        self._chunk_text = ChunkText()
        self._received = ReceivedCount()
        self._eight_bit = False
        # NUL characters that were taken out: they count as sent, or a message of nothing else would never be too large.
        self._removed = 0
        self.size = 0
        self.refusal: Reply | None = None

    @property
    def body_type(self) -> BodyType:
        """As declared; undeclared 8-bit content counts as declared."""
        if self._eight_bit and self._body_type is BodyType.SEVEN_BIT:
            return BodyType.EIGHT_BIT_MIME
        return self._body_type

    def data(self, octets: bytes) -> bytes:
        """Process octets after DATA; returns the content that is certain so far."""
        content = self._unstuffer.feed(octets)
        return self._judged(content, octets, self._unstuffer)

    @property
    def rest(self) -> bytes | None:
        """The octets after the end of data; None until it has ended."""
        return self._unstuffer.rest if self._unstuffer.ended else None

    def chunk(self, octets: bytes, last: bool) -> bytes:
        """Process octets of BDAT; `last`: they end the message."""
        if self._body_type is BodyType.BINARY_MIME:
            return self._judged(octets, octets, _BINARY)
        return self._judged(self._chunk_text.feed(octets, last), octets, self._chunk_text)

    def _judged(self, content: bytes, octets: bytes, seen: Unstuffer | ChunkText) -> bytes:
        """`content` is what `octets`, as they came, have made certain."""
        self.size += len(content)
        if seen.nul:
            self._removed += octets.count(0)
        self._received.feed(content)
        self._eight_bit = self._eight_bit or not content.isascii()
        # Judged again with every piece, so that the same flaw is reported however the message was cut.
        self.refusal = self._flaw(seen)
        return b"" if self.refusal is not None else content

    def _flaw(self, seen: Unstuffer | ChunkText) -> Reply | None:
        limits = self._limits
        if 0 < limits.message_size < self.size + self._removed:
            return replies.TOO_LARGE
        if seen.bare and limits.bare_newlines is BareLineEnds.REJECT:
            return _BARE_LINE_END
        if seen.nul and limits.nul is Nul.REJECT:
            return _NUL
        return _TOO_MANY_HOPS if 0 < limits.hops < self._received.count else None


# RFC 3030 3: every octet is allowed.
_BINARY = ChunkText()


@attrs.define
class IncomingTransaction:
    """The state of one message; a new one is made for each, so nothing can be left over."""

    sender: Mailbox | None = None
    mail: MailOptions = _NOTHING_OF_MAIL
    # A dict keeps the order; a repeated address is one recipient, with the parameters given first.
    recipients: dict[Mailbox, RecipientOptions] = attrs.Factory(dict)
    asked: tuple[Mailbox, RecipientOptions] | None = None
    content: ContentIntake | None = None
    # Whether the spool has been asked to discard it.
    aborted: bool = False

    def envelope(self) -> Envelope:
        """The envelope from MAIL and RCPT, without an arrival."""
        return Envelope(
            sender=self.sender,
            recipients=tuple(self.recipients),
            options=tuple(
                (each, said) for each, said in self.recipients.items() if said is not NO_OPTIONS and said != NO_OPTIONS
            ),
            **dict(zip(_KEPT, _said_in(self.mail), strict=True)),
        )

    def recipient_accepted(self) -> bool:
        """Add the recipient that policy has accepted; False if it was one already."""
        assert self.asked is not None
        recipient, said = self.asked
        known = len(self.recipients)
        self.recipients.setdefault(recipient, said)
        return len(self.recipients) > known
