"""The delivery manager (shell): carries a consignment over SMTP by the strongest TLS its way allows.

It owns an attempt: asks for the hosts, sets the floor before anything is dialled, has the walk done, and answers with
one verdict record per recipient.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from fopemta import maillog
from fopemta.attempt.findings import Finding, Scribe, local_trouble
from fopemta.config.model import Configuration
from fopemta.interfaces import (
    Ended,
    ICourier,
    SpoolTrouble,
)
from fopemta.outbound.context import OutboundContext
from fopemta.outbound.walk import Walk
from fopemta.routing.consignment import Consignment
from fopemta.routing.plan import plan_towards
from fopemta.routing.values import NextHop, RoutingFailure
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.plan import TlsPlan
from fopemta.trust.verdict import Result, VerdictRecord


@implementer(ICourier)
class DeliveryManager:
    """Every attempt asks for the context in force, which a reload replaces."""

    def __init__(self, context: OutboundContext) -> None:
        self.context = context

    def close(self) -> None:
        """See ICourier: say goodbye in every session that waits for more."""
        self.context.pool.close()

    def leave(self, next_hop: NextHop) -> None:
        """Say goodbye in the sessions opened on the way there that wait for more."""
        self.context.pool.leave(next_hop)

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` for the attempts to come, on connections of their own."""
        self.context = self.context.under(config)
        self.distrust()

    def distrust(self) -> None:
        """What certificates have proven counts no more: end the sessions that stand, offer none to be resumed."""
        self.context.pool.close()
        self.context.resumptions.clear()

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        """See ICourier."""
        return Deferred.fromCoroutine(self._deliver(consignment, ended))

    async def _deliver(self, consignment: Consignment, ended: Ended) -> Sequence[VerdictRecord]:
        walk = None
        if consignment.message.envelope.require_tls:
            # Not sent on before it is enforced, however it came into the queue.
            return _not_enforced(consignment, self.context.now())
        try:
            found = await self.context.router.hosts(consignment.next_hop)
            if isinstance(found, RoutingFailure):
                return _unroutable(consignment, found, self.context.now())
            walk = Walk(self, consignment, self.plan(consignment), found, ended)
            await walk.run()
        except SpoolTrouble as trouble:
            maillog.spool_trouble(f"{consignment.message.id} cannot be read: {trouble}")
        except Exception:  # noqa: BLE001  a bug of ours must not lose mail: it waits and the log says why
            maillog.failed_unexpectedly(f"delivering {consignment.message.id} to {consignment.next_hop.word}")
        # What had come to its end before the trouble stands: nobody gets the message twice for it.
        return walk.verdicts() if walk is not None else _all_deferred(consignment, self.context.now())

    def plan(self, consignment: Consignment) -> TlsPlan:
        """The floor for a consignment, merged from all who demand something."""
        return plan_towards(consignment.demanded, consignment.next_hop, self.context.config.tls_client)


def _unroutable(consignment: Consignment, failure: RoutingFailure, now: float) -> Sequence[VerdictRecord]:
    finding = Finding(code=failure.code, enhanced=failure.enhanced, text=failure.text, diagnosis=failure.diagnosis)
    result = Result.FAILED if failure.permanent else Result.DEFERRED
    scribe = Scribe(consignment, None, now)
    return [scribe.verdict(each, result, finding) for each in consignment.recipients]


def _not_enforced(consignment: Consignment, now: float) -> Sequence[VerdictRecord]:
    row = explain(Diagnosis.REQUIRETLS_NOT_OFFERED)
    finding = Finding(code=550, enhanced=row.given_up, text=row.sender, diagnosis=Diagnosis.REQUIRETLS_NOT_OFFERED)
    scribe = Scribe(consignment, None, now)
    return [scribe.verdict(each, Result.FAILED, finding) for each in consignment.recipients]


def _all_deferred(consignment: Consignment, now: float) -> Sequence[VerdictRecord]:
    scribe = Scribe(consignment, None, now)
    return [scribe.verdict(each, Result.DEFERRED, local_trouble()) for each in consignment.recipients]
