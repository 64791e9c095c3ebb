"""Judge a session's certificate under a plan (shell)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fopemta.attempt.cursor import Step
from fopemta.attempt.findings import Session
from fopemta.interfaces import IClientTls, IRevocations
from fopemta.outbound.weighing import Weighing
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.demand import Demand
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.levels import Level
from fopemta.trust.permit import Judged
from fopemta.trust.plan import TlsPlan
from fopemta.trust.proofs import Against, in_question, proven, rests_on_name
from fopemta.trust.rungs import Rung
from fopemta.trust.verdict import Tested


class Bench:
    """Judges by the proofs of `plan`; `now` gives the wall time.  `domain` is the recipient's even if the plan does not
    need it, since rules in test mode may.
    """

    def __init__(
        self,
        plan: TlsPlan,
        tls: IClientTls,
        client: TlsClient,
        revocations: IRevocations | None,
        now: Callable[[], float],
        domain: str = "",
    ) -> None:
        self._plan = plan
        self._tls = tls
        self._client = client
        self._revocations = revocations
        self._now = now
        self._domain = domain

    async def judged(self, step: Step, evidence: HandshakeEvidence) -> Judged:
        """Judge the certificate; if the message depends on it, with a complete check of revocation."""
        against, proofs = self._against(evidence), self._plan.proofs
        judgement = proven(proofs, against, _name(step), self._plan.domain, self._now())
        weighing = Weighing.of(self._client, proofs, self._revocations)
        paths = in_question(proofs, against)
        if self._plan.level < Level.AUTHENTICATED:
            judgement = weighing.known(judgement, paths)
        else:
            judgement = await weighing.found_out(judgement, paths)
        return Judged(evidence=evidence, judgement=judgement, proofs=proofs, domain=self._plan.domain)

    def tested(self, demands: Sequence[Demand], session: Session) -> tuple[Tested, ...]:
        """What rules in test mode would have decided about a session."""
        return tuple(self._tested(each, session) for each in demands if each.level >= Level.ENCRYPT)

    def _tested(self, demand: Demand, session: Session) -> Tested:
        rule, evidence = demand.source.removeprefix("rule "), session.evidence
        if evidence is None:
            return Tested(rule, False, (session.why_plain or Diagnosis.TLS_NOT_OFFERED).value)
        if _ORDER.index(session.step.rung) > _ORDER.index(demand.lowest_rung or Rung.COMPATIBLE):
            return Tested(rule, False, Diagnosis.NO_COMMON_CIPHER.value)
        if demand.level < Level.AUTHENTICATED:
            return Tested(rule, True)
        proofs, against = () if demand.proof is None else (demand.proof,), self._against(evidence)
        if not session.step.hello.named and rests_on_name(proofs, _name(session.step), self._domain):
            # If enforced, it would not have opened this session.
            return Tested(rule, False, Diagnosis.SNI_REFUSED.value)
        judgement = proven(proofs, against, _name(session.step), self._domain, self._now())
        weighing = Weighing.of(self._client, proofs, self._revocations)
        known = weighing.known(judgement, in_question(proofs, against))
        return Tested(rule, known.authenticated, None if known.diagnosis is None else known.diagnosis.value)

    def _against(self, evidence: HandshakeEvidence) -> Against:
        return lambda roots: evidence if roots is None else self._tls.against(evidence, roots)


_ORDER = tuple(Rung)


def _name(step: Step) -> str:
    """The name by which the host was found."""
    return step.host.name if step.host.name is not None else step.address
