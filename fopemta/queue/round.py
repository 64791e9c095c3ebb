"""One message on its way (shell room, but no I/O)."""

from __future__ import annotations

import attrs

from fopemta.mail.queued import QueuedMessage
from fopemta.queue.demanding import NO_DEMANDS, MessageDemands
from fopemta.routing.values import NextHop


@attrs.define
class Round:
    """What is known of `message` by now, what is demanded of its ways, and how many of its consignments are `out`.

    `parked`: destinations that some recipients wait for.  `uncalled`: some wait until they are asked for.  `changed`:
    something of it was written down.
    """

    message: QueuedMessage
    demands: MessageDemands = NO_DEMANDS
    out: int = 0
    parked: list[NextHop] = attrs.Factory(list)
    uncalled: bool = False
    changed: bool = False
