"""The delivery manager (shell): delivers a consignment by SMTP over the strongest TLS the receiving server supports.

It owns an attempt: finds the hosts, sets the lower limit of TLS before any connection, runs the walk, and returns one
verdict record per recipient.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from fopemta import maillog
from fopemta.attempt.findings import Scribe, StepFinding, local_trouble
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
    """Every attempt uses the context in force, which a reload replaces."""

    def __init__(self, context: OutboundContext) -> None:
        self.context = context

    def close(self) -> None:
        """See ICourier: send QUIT in every idle session."""
        self.context.pool.close()

    def leave(self, next_hop: NextHop) -> None:
        """Send QUIT in the idle sessions that were opened for that next hop."""
        self.context.pool.leave(next_hop)

    def reconfigure(self, config: Configuration) -> None:
        """Use `config` for later attempts, on new connections."""
        self.context = self.context.under(config)
        self.distrust()

    def distrust(self) -> None:
        """Certificates must be verified again: end open sessions, and resume none."""
        self.context.pool.close()
        self.context.resumptions.clear()

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        """See ICourier."""
        return Deferred.fromCoroutine(self._deliver(consignment, ended))

    async def _deliver(self, consignment: Consignment, ended: Ended) -> Sequence[VerdictRecord]:
        walk = None
        if consignment.message.envelope.require_tls:
            # REQUIRETLS is not enforced yet, so such mail is not sent, however it came into the queue.
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
        # Verdicts from before the failure are kept: no recipient gets the message twice.
        return walk.verdicts() if walk is not None else _all_deferred(consignment, self.context.now())

    def plan(self, consignment: Consignment) -> TlsPlan:
        """The lower limit for a consignment, from all demands combined."""
        return plan_towards(consignment.demanded, consignment.next_hop, self.context.config.tls_client)


def _unroutable(consignment: Consignment, failure: RoutingFailure, now: float) -> Sequence[VerdictRecord]:
    finding = StepFinding(code=failure.code, enhanced=failure.enhanced, text=failure.text, diagnosis=failure.diagnosis)
    result = Result.FAILED if failure.permanent else Result.DEFERRED
    scribe = Scribe(consignment, None, now)
    return [scribe.verdict(each, result, finding) for each in consignment.recipients]


def _not_enforced(consignment: Consignment, now: float) -> Sequence[VerdictRecord]:
    row = explain(Diagnosis.REQUIRETLS_NOT_OFFERED)
    finding = StepFinding(code=550, enhanced=row.given_up, text=row.sender, diagnosis=Diagnosis.REQUIRETLS_NOT_OFFERED)
    scribe = Scribe(consignment, None, now)
    return [scribe.verdict(each, Result.FAILED, finding) for each in consignment.recipients]


def _all_deferred(consignment: Consignment, now: float) -> Sequence[VerdictRecord]:
    scribe = Scribe(consignment, None, now)
    return [scribe.verdict(each, Result.DEFERRED, local_trouble()) for each in consignment.recipients]
