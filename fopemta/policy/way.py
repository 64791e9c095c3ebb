"""The route of a recipient, and the demands on it (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fopemta.address.mailbox import Mailbox
from fopemta.policy.demands import RuleDemands
from fopemta.routing.route import Route
from fopemta.routing.routes import hop_by, next_hop
from fopemta.routing.values import NextHop
from fopemta.trust.demand import Demanded


class Way(NamedTuple):
    """`unsure`: why rules cannot tell for now what is demanded; then nothing may be sent."""

    hop: NextHop
    demanded: Demanded
    unsure: str | None


def way_of(recipient: Mailbox, found: RuleDemands, routes: Sequence[Route]) -> Way:
    """The route to `recipient`, given the demands `found`: that of a rule, else that of its domain."""
    route, domain = found.route, recipient.domain
    hop = next_hop(domain, routes) if route is None else hop_by(route, domain)
    return Way(hop, found.demanded, found.unsure)
