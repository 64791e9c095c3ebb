"""Accept messages of local users without a connection (shell), by the same gate and reception as others.

Such a user may send anywhere, with any sender, as with every sendmail command; the user is recorded in Received and the
log.  A temporary refusal leaves the whole message waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.header import Header

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from fopemta.address.grammar import NotInGrammar
from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Listener, ListenerKind, ListenerTls
from fopemta.inbound.context import InboundContext, InboundServices
from fopemta.inbound.gate import Gate
from fopemta.inbound.reception import Reception
from fopemta.interfaces import HandedIn, ILocalIntake, Later, NextPiece
from fopemta.mail.envelope import Arrival, Envelope, RecipientOptions
from fopemta.mail.header_field import header_field
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.sendmail.dropped import DroppedLetter
from fopemta.smtp.grammar import local_sender
from fopemta.smtp.transaction import BareLineEnds, ContentIntake, ContentLimits, Nul

# The client address for rules: the message has crossed no network.
_HERE = "127.0.0.1"
_CRLF = "\r\n"
_BAD_SENDER = Reply.of(501, "5.1.7", "Bad sender address")
_BAD_RECIPIENT = Reply.of(501, "5.1.3", "Bad recipient address")


@implementer(ILocalIntake)
class LocalIntake:
    """Works under one configuration; see `Reconfigured`."""

    def __init__(self, config: Configuration, services: InboundServices) -> None:
        # As for a listener: the clients are mail programs without TLS.
        listener = Listener(endpoint="drop", kind=ListenerKind.SUBMISSION, tls=ListenerTls.OFF)
        self.context = InboundContext(listener, config, services)

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` for later messages."""
        self.context = self.context.under(config)

    def take(
        self,
        message_id: str,
        letter: DroppedLetter,
        uid: int,
        piece: NextPiece,
        refuse: Callable[[HandedIn], Deferred[None]],
    ) -> Deferred[HandedIn]:
        """See ILocalIntake."""
        return Deferred.fromCoroutine(self._take(message_id, letter, uid, piece, refuse))

    async def _take(
        self,
        message_id: str,
        letter: DroppedLetter,
        uid: int,
        piece: NextPiece,
        refuse: Callable[[HandedIn], Deferred[None]],
    ) -> HandedIn:
        home = self.context.config.node.postmaster.domain
        sender: Mailbox | None = None
        try:
            sender = local_sender(letter.sender, home) if letter.sender else None
            gate = Gate(self, _HERE, local=True)
            if (refusal := _final(gate.sender(sender, None))) is not None:
                return _refused(letter, home, sender, refusal)
            good, refused = await self._judged(gate, letter, home)
            some = HandedIn(sender=sender, refused=refused, notify=letter.notify)
            if not good:
                return some
            if refused:
                piece = await _begun(piece)
                await refuse(some)
            envelope = _envelope(letter, sender, good).arrived(Arrival(_HERE, "localhost", "local", uid=uid), False)
            outcome = await self._received(message_id, gate, envelope, letter, piece)
        except NotInGrammar:
            # There is no sender to report to.
            return _refused(letter, home, None, _BAD_SENDER)
        except _NotNow as now:
            raise Later(_refused(letter, home, sender, now.reply)) from now
        if isinstance(outcome, Reply):
            every = tuple((str(each), outcome) for each in good)
            return HandedIn(sender=sender, refused=every, notify=letter.notify)
        return HandedIn(sender=sender, message=outcome, notify=letter.notify)

    async def _judged(
        self, gate: Gate, letter: DroppedLetter, home: str
    ) -> tuple[tuple[Mailbox, ...], tuple[tuple[str, Reply], ...]]:
        """The accepted recipients, and the refused ones."""
        good: dict[Mailbox, None] = {}
        refused: list[tuple[str, Reply]] = []
        for text in letter.recipients:
            try:
                recipient = local_sender(text, home)
            except NotInGrammar:
                refused.append((text, _BAD_RECIPIENT))
                continue
            answer = gate.recipient(recipient)
            refusal = _final(await answer if isinstance(answer, Deferred) else answer)
            if refusal is None:
                good[recipient] = None
            else:
                refused.append((str(recipient), refusal))
        return tuple(good), tuple(refused)

    async def _received(
        self, message_id: str, gate: Gate, envelope: Envelope, letter: DroppedLetter, piece: NextPiece
    ) -> QueuedMessage | Reply:
        """Raises what `piece` does; then nothing is stored."""
        waits: list[Deferred[None]] = []
        sent_as = _from_field(letter, envelope.sender)
        reception = Reception(self.context, gate, envelope, waits.append, message_id, sent_as)
        intake = ContentIntake(self._limits(), letter.body)
        try:
            while data := await piece():
                reception.write(intake.chunk(data, last=False))
                await _all(waits)
                if intake.refusal is not None:
                    reception.abort()
                    return intake.refusal
            reception.write(intake.chunk(b"", last=True))
        except BaseException:
            reception.abort()
            raise
        if intake.refusal is not None:
            reception.abort()
            return intake.refusal
        committing = reception.commit(intake.body_type)
        outcome = await committing if isinstance(committing, Deferred) else committing
        if isinstance(outcome, Reply):
            _final(outcome)
        return outcome

    def _limits(self) -> ContentLimits:
        limits = self.context.config.limits
        return ContentLimits(
            message_size=limits.message_size, hops=limits.hops, bare_newlines=BareLineEnds.NORMALISE, nul=Nul.REMOVE
        )


class _NotNow(Exception):
    """A refusal that is only temporary."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.whole)
        self.reply = reply


def _final(refusal: Reply | None) -> Reply | None:
    """The refusal if it is permanent.  Raises _NotNow if it is temporary."""
    if refusal is not None and refusal.temporary:
        raise _NotNow(refusal)
    return refusal


def _refused(letter: DroppedLetter, home: str, sender: Mailbox | None, reply: Reply) -> HandedIn:
    """The refusal of all recipients."""
    every = tuple((_in_full(each, home), reply) for each in letter.recipients)
    return HandedIn(sender=sender, refused=every, notify=letter.notify)


def _in_full(text: str, home: str) -> str:
    try:
        return str(local_sender(text, home))
    except NotInGrammar:
        return text


async def _begun(piece: NextPiece) -> NextPiece:
    """The same, with the first piece read: a report includes the beginning of the content."""
    first: list[bytes] = [await piece()]
    return lambda: succeed(first.pop()) if first else piece()


async def _all(waits: list[Deferred[None]]) -> None:
    while waits:
        await waits.pop()


def _envelope(letter: DroppedLetter, sender: Mailbox | None, recipients: tuple[Mailbox, ...]) -> Envelope:
    """The envelope, without an arrival."""
    utf8 = any(each.internationalised for each in (*recipients, *_present(sender)))
    options = RecipientOptions(letter.notify)
    return Envelope(
        sender,
        recipients,
        letter.body,
        smtputf8=utf8,
        returned=letter.returned,
        envelope_id=letter.envelope_id,
        options=tuple((each, options) for each in recipients) if letter.notify else (),
    )


def _present(sender: Mailbox | None) -> Iterator[Mailbox]:
    if sender is not None:
        yield sender


def _from_field(letter: DroppedLetter, sender: Mailbox | None) -> bytes:
    """The From field for a message without one; a report, with the null sender, gets none."""
    if sender is None:
        return b""
    if sender.internationalised:
        # RFC 6532: such a header is UTF-8 throughout.
        return f"From: <{sender}>\r\n".encode()
    name = letter.full_name.replace("\\", "").replace('"', "")
    if name.isascii():
        return header_field("From", f'"{name}" <{sender}>' if name else f"<{sender}>")
    # RFC 2047 5 (3): of a mailbox only the name may be encoded.
    return f"From: {Header(name, 'utf-8').encode(linesep=_CRLF)}{_CRLF} <{sender}>{_CRLF}".encode("ascii")
