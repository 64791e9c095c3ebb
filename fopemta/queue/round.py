"""One message on its way (shell room, but no I/O)."""

from __future__ import annotations

import attrs

from fopemta.mail.queued import QueuedMessage
from fopemta.routing.values import NextHop


@attrs.define
class Round:
    """What is known of `message` by now, and how many of its consignments are `out`.

    `parked`: destinations that some recipients wait for.  `uncalled`: some wait until they are asked for.  `changed`:
    something of it was written down.
    """

    message: QueuedMessage
    out: int = 0
    parked: list[NextHop] = attrs.Factory(list)
    uncalled: bool = False
    changed: bool = False
