"""A message made ready for one server (shell): in the form that it can take, or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
from twisted.internet.defer import Deferred

from fopemta.attempt.carriage import Form, Needs, form_for
from fopemta.interfaces import IMessageContent
from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import BodyType
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.seven_bit import CannotConvert, seven_bit
from fopemta.outbound.content import PIECE, ContentSource
from fopemta.smtp.client_effects import Transaction
from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.diagnosis import Diagnosis

# A larger message is not put into seven bits: it would have to be in memory as a whole, more than once.
MOST_CONVERTED = 16 * 1024 * 1024

# Runs a call that takes its time in another thread.
InThread: TypeAlias = Callable[[Callable[[bytes], bytes], bytes], Deferred[bytes]]

_BODIES = {
    Form.SEVEN_BIT: BodyType.SEVEN_BIT,
    Form.CONVERTED: BodyType.SEVEN_BIT,
    Form.EIGHT_BIT: BodyType.EIGHT_BIT_MIME,
    Form.BINARY: BodyType.BINARY_MIME,
}


@attrs.frozen
class Prepared:
    """What is said, and what is sent."""

    transaction: Transaction
    source: ContentSource


async def prepare(
    message: QueuedMessage,
    recipients: Sequence[Mailbox],
    content: IMessageContent,
    offer: ServerOffer,
    in_thread: InThread,
) -> Prepared | Diagnosis:
    """For a server with that `offer`; `content` at its beginning.  Raises SpoolTrouble."""
    source = await ContentSource.read(content, message.size)
    needs = needs_of(message, source)
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


def needs_of(message: QueuedMessage, source: ContentSource) -> Needs:
    """C088: whoever asked for SMTPUTF8 may not have needed it."""
    envelope = message.envelope
    sender = envelope.sender
    binary = envelope.body_type is BodyType.BINARY_MIME
    return Needs(
        size=message.size,
        eight_bit=source.eight_bit or (envelope.body_type is not BodyType.SEVEN_BIT and not source.whole),
        binary=binary,
        utf8=envelope.smtputf8 and (not source.header_is_ascii or (sender is not None and sender.internationalised)),
    )


async def _converted(source: ContentSource, size: int, in_thread: InThread) -> bytes | None:
    """In seven bits; None where that cannot be."""
    if size > MOST_CONVERTED:
        return None
    pieces = [source.start]
    while piece := await source.rest.read(PIECE):
        pieces.append(piece)
    whole = b"".join(pieces)
    try:
        return seven_bit(whole) if len(whole) <= PIECE else await in_thread(seven_bit, whole)
    except CannotConvert:
        return None
