"""The recipients that a report is about (pure), under the addresses that the sender knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import RecipientOptions
from fopemta.mail.queued import QueuedMessage
from fopemta.trust.verdict import VerdictRecord


@attrs.frozen
class Subject:
    """`address` is the one the sender gave, `options` its RCPT parameters, `verdict` the result."""

    address: Mailbox
    options: RecipientOptions
    verdict: VerdictRecord


def subjects(message: QueuedMessage, verdicts: Iterable[VerdictRecord]) -> Iterator[Subject]:
    """One for each address that a verdict is about."""
    for verdict in verdicts:
        status = message.status_of(verdict.recipient)
        recipient = status.address
        options = message.envelope.options_of(recipient)
        for known_as in options.stands_for or (recipient,):
            yield Subject(known_as, options, _as_known(verdict, known_as))


def _as_known(verdict: VerdictRecord, known_as: Mailbox) -> VerdictRecord:
    """The verdict without the targets of an alias, which are private, also in a server's words."""
    if verdict.recipient == str(known_as):
        return verdict
    text = re.sub(re.escape(verdict.recipient), lambda _: str(known_as), verdict.text, flags=re.IGNORECASE)
    return attrs.evolve(verdict, recipient=str(known_as), text=text)
