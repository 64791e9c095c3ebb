"""The present demands on a consignment (shell), asked for before each of its transactions.

A consignment may have waited long, and its walk for slow servers; whatever was planned then, it is sent by what is
demanded now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from twisted.internet.defer import Deferred

from fopemta.address.mailbox import Mailbox
from fopemta.outbound.context import OutboundInForce
from fopemta.policy.way import Way
from fopemta.routing.consignment import Consignment
from fopemta.routing.plan import plan_towards
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.levels import Level
from fopemta.trust.permit import Ground, Judged
from fopemta.trust.plan import TlsPlan


class Grounds:
    """The grounds of a walk by `plan`."""

    def __init__(self, in_force: OutboundInForce, consignment: Consignment, plan: TlsPlan) -> None:
        self._in_force = in_force
        self._consignment = consignment
        self._plan = plan
        self._edition: object = None
        self._client: TlsClient | None = None
        self._found: Mapping[Mailbox, TlsPlan | Diagnosis] = {}

    async def look(self) -> None:
        """Find the present demands."""
        context = self._in_force.context
        # Noted first: if the configuration changes meanwhile, the answer is outdated.
        self._edition, self._client = context.demands.edition, context.config.tls_client
        found = context.demands.ways_in_force(self._consignment)
        ways = await found if isinstance(found, Deferred) else found
        self._found = {each: self._plan_by(way, self._client) for each, way in ways.items()}

    def against(self, recipient: Mailbox) -> Diagnosis | None:
        """Why nothing can be sent to `recipient` under the walk's plan; None if it can."""
        found = self._found.get(recipient, Diagnosis.POLICY_UNKNOWN)
        if isinstance(found, Diagnosis):
            return found
        return None if found is self._plan or found == self._plan else Diagnosis.DEMAND_CHANGED

    def of(self, recipients: Iterable[Mailbox], judged: Judged | None, era: int) -> Callable[[], Ground]:
        """A function that returns the ground of a permit for `recipients` at the time of its call; `era` is `Pool.era`
        when the connection was made.
        """
        named = frozenset(recipients)
        return lambda: Ground(recipients=named, plan=self._plan_now(named, era), judged=judged)

    def _plan_now(self, recipients: frozenset[Mailbox], era: int) -> TlsPlan | None:
        """The plan for all of them; None if they have no common one, if the configuration has changed since, or if the
        connection's certificate must be verified again.
        """
        context = self._in_force.context
        if context.demands.edition is not self._edition or context.config.tls_client is not self._client:
            return None
        plans = {self._found.get(each) for each in recipients}
        plan = plans.pop() if len(plans) == 1 else None
        if not isinstance(plan, TlsPlan) or (plan is not self._plan and plan != self._plan):
            return None
        return None if plan.level >= Level.AUTHENTICATED and era != context.pool.era else plan

    def _plan_by(self, way: Way, client: TlsClient) -> TlsPlan | Diagnosis:
        """The plan for a recipient with that `way`, else why there is none."""
        if way.unsure is not None:
            return Diagnosis.POLICY_UNKNOWN
        hop = self._consignment.next_hop
        if way.hop is not hop and way.hop != hop:
            return Diagnosis.DEMAND_CHANGED
        return plan_towards(way.demanded, way.hop, client)
