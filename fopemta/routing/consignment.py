"""The load of one delivery attempt (pure): a message, and those of its recipients that share a next hop."""

from __future__ import annotations

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.queued import QueuedMessage
from fopemta.routing.values import NextHop
from fopemta.trust.demand import NOTHING_DEMANDED, Demanded


@attrs.frozen
class Consignment:
    """`recipients` are some of the message's pending ones, in the envelope's order; `demanded` holds for all of them,
    under the configuration `edition`, a mark that changes with each reload.
    """

    message: QueuedMessage
    next_hop: NextHop
    recipients: tuple[Mailbox, ...]
    demanded: Demanded = NOTHING_DEMANDED
    edition: object = attrs.field(default=None, eq=False)

    def attempt_of(self, recipient: Mailbox) -> int:
        """The number of this attempt for `recipient`, counted from 1."""
        return self.message.status_of(str(recipient)).attempts + 1
