"""Prepare a message for one server (shell): in a form that the server supports, or with the reason why there is
none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
from twisted.internet.defer import Deferred

from fopemta.address.mailbox import Mailbox
from fopemta.attempt.carriage import Form, Needs, form_for
from fopemta.interfaces import IMessageContent, ISpool
from fopemta.mail.envelope import BodyType, Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.seven_bit import CannotConvert, seven_bit
from fopemta.mail.survey import Survey
from fopemta.outbound.content import PIECE, ContentSource
from fopemta.smtp.client_effects import Transaction
from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.diagnosis import Diagnosis

# A larger message is not converted to seven bits: it would need to be in memory more than once.
MOST_CONVERTED = 16 * 1024 * 1024

# Runs a slow call in another thread.
InThread: TypeAlias = Callable[[Callable[[bytes], bytes], bytes], Deferred[bytes]]

_BODIES = {
    Form.SEVEN_BIT: BodyType.SEVEN_BIT,
    Form.CONVERTED: BodyType.SEVEN_BIT,
    Form.EIGHT_BIT: BodyType.EIGHT_BIT_MIME,
    Form.BINARY: BodyType.BINARY_MIME,
}


@attrs.frozen
class Prepared:
    """The transaction, and its content."""

    transaction: Transaction
    source: ContentSource


class Reader:
    """One message's content during one attempt; it is surveyed once, and only if needed."""

    def __init__(self, spool: ISpool, message_id: str) -> None:
        self._spool = spool
        self._id = message_id
        self._survey: Survey | None = None

    async def open(self) -> IMessageContent:
        """The content, at its beginning.  Raises SpoolTrouble."""
        return await self._spool.content(self._id)

    async def survey(self) -> Survey:
        """Survey all of it, piece by piece.  Raises SpoolTrouble."""
        if self._survey is None:
            content, survey = await self.open(), Survey()
            try:
                while piece := await content.read(PIECE):
                    survey.feed(piece)
            finally:
                content.close()
            self._survey = survey
        return self._survey


async def prepare(
    message: QueuedMessage,
    recipients: Sequence[Mailbox],
    content: IMessageContent,
    offer: ServerOffer,
    in_thread: InThread,
    reader: Reader,
) -> Prepared | Diagnosis:
    """Prepare for a server with that `offer`; `content` at its beginning, `reader` to read it again.  Raises
    SpoolTrouble.
    """
    source = await ContentSource.read(content, message.size)
    survey, complete = Survey().feed(source.start), source.whole
    if not complete and _undecided(survey, message.envelope, offer):
        survey, complete = await reader.survey(), True
    needs = needs_of(message, survey, complete)
    form = form_for(needs, offer)
    size = message.size
    if form is Form.CONVERTED:
        converted = await _converted(source, message.size, in_thread)
        if converted is None:
            return Diagnosis.BINARY_NOT_OFFERED if needs.binary else Diagnosis.EIGHT_BIT_NOT_OFFERED
        source, size = ContentSource.of(converted), len(converted)
        if 0 < offer.size < size:
            return Diagnosis.MESSAGE_TOO_LARGE
    if isinstance(form, Diagnosis):
        return form
    utf8 = needs.utf8 or (offer.smtputf8 and any(each.internationalised for each in recipients))
    transaction = Transaction(
        envelope=message.envelope, recipients=tuple(recipients), size=size, body=_BODIES[form], utf8=utf8
    )
    return Prepared(transaction, source)


def _undecided(survey: Survey, envelope: Envelope, offer: ServerOffer) -> bool:
    """Whether the first piece is not enough to choose the form."""
    header = envelope.smtputf8 and survey.header_is_ascii and not survey.header_ended
    # Binary mail has its own form, whatever its octets are; 8-bit mail that was declared and is offered is declared
    # again.
    known = {BodyType.BINARY_MIME} | ({BodyType.EIGHT_BIT_MIME} if offer.eight_bit else set())
    return header or not (survey.eight_bit or envelope.body_type in known)


def needs_of(message: QueuedMessage, survey: Survey, complete: bool) -> Needs:
    """By the octets of the content; by its declaration only if the survey is not `complete`.

    A client that asked for SMTPUTF8 may not have needed it.
    """
    envelope = message.envelope
    sender = envelope.sender
    declared = envelope.body_type is BodyType.EIGHT_BIT_MIME
    return Needs(
        size=message.size,
        eight_bit=survey.eight_bit or (declared and not complete),
        binary=envelope.body_type is BodyType.BINARY_MIME,
        utf8=envelope.smtputf8 and (not survey.header_is_ascii or (sender is not None and sender.internationalised)),
    )


async def _converted(source: ContentSource, size: int, in_thread: InThread) -> bytes | None:
    """Convert to seven bits; None if that is impossible."""
    if size > MOST_CONVERTED:
        return None
    pieces = [source.start]
    while piece := await source.more():
        pieces.append(piece)
    whole = b"".join(pieces)
    try:
        return await in_thread(seven_bit, whole)
    except CannotConvert:
        return None
