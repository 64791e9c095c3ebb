"""One message on its way (shell room, but no I/O)."""

from __future__ import annotations

from collections import UserDict

import attrs

from fopemta.mail.queued import QueuedMessage
from fopemta.queue.demanding import NO_DEMANDS, MessageDemands
from fopemta.routing.values import NextHop
from fopemta.trust.demand import Demand


@attrs.define
class Round:
    """What is known of `message` by now, what is demanded of its ways, by the `edition` of the configuration, and how
    many of its consignments are `out`.

    `parked`: destinations that some recipients wait for.  `uncalled`: some wait until they are asked for.  `changed`:
    something of it was written down.  `broken`: a bug of ours came between, so that it is tried again later.
    `moments`: when those whom a destination has put off are tried again, all together, by how often they have been
    tried.
    """

    message: QueuedMessage
    demands: MessageDemands = NO_DEMANDS
    edition: object = None
    out: int = 0
    parked: list[NextHop] = attrs.Factory(list)
    uncalled: bool = False
    changed: bool = False
    broken: bool = False
    moments: dict[tuple[NextHop | None, int], float] = attrs.Factory(dict)
    # What a notice about the message keeps to, once somebody is to be told.
    inherited: tuple[Demand, ...] | None = None


class Rounds(UserDict[str, Round]):
    """Those that are under way, by message id; `recipients` is how many their messages have together."""

    def __init__(self) -> None:
        super().__init__()
        self.recipients = 0

    def __setitem__(self, message_id: str, round_: Round) -> None:
        if message_id not in self:
            self.recipients += len(round_.message.recipients)
        super().__setitem__(message_id, round_)

    def __delitem__(self, message_id: str) -> None:
        self.recipients -= len(self[message_id].message.recipients)
        super().__delitem__(message_id)
