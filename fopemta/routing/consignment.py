"""One attempt's load for a courier: a message, and those of its recipients that share a next hop (pure)."""

from __future__ import annotations

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.mail.queued import QueuedMessage
from fopemta.routing.values import NextHop
from fopemta.trust.demand import NOTHING_DEMANDED, Demanded


@attrs.frozen
class Consignment:
    """`recipients` is a part of the message's pending ones, in the envelope's order; of the way to all of them the same
    is `demanded`, by what stood in `edition`: a mark that is another after each reload.
    """

    message: QueuedMessage
    next_hop: NextHop
    recipients: tuple[Mailbox, ...]
    demanded: Demanded = NOTHING_DEMANDED
    edition: object = attrs.field(default=None, eq=False)

    def attempt_of(self, recipient: Mailbox) -> int:
        """Which attempt this is for `recipient`, counted from 1."""
        return self.message.status_of(str(recipient)).attempts + 1
