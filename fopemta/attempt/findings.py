"""The findings of an attempt, from which verdict records are made (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.address.mailbox import Mailbox, path_text
from fopemta.attempt.blame import Disposition, disposition_of, is_permanent
from fopemta.attempt.cursor import Step
from fopemta.mail.reply import Reply
from fopemta.routing.consignment import Consignment
from fopemta.smtp.client_effects import Phase, RecipientResult, SessionFailed
from fopemta.smtp.server_offer import ServerOffer
from fopemta.trust.demand import NameSource
from fopemta.trust.diagnosis import Diagnosis, explain
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.levels import Level
from fopemta.trust.permit import Judged
from fopemta.trust.plan import Judgement, TlsPlan
from fopemta.trust.read_certificate import chain_facts
from fopemta.trust.rungs import Rung
from fopemta.trust.verdict import CertificateFacts, Result, Tested, VerdictRecord


@attrs.frozen(kw_only=True)
class StepFinding:
    """A finding about a host: the step, its TLS, and what failed or was answered.

    `rung` is the one in use, or the one whose handshake failed; None if it did not come to that.  `why_plain` is why a
    plain-text session has no TLS.  `carried_dsn` as in the verdict record.
    """

    code: int
    enhanced: str
    text: str
    diagnosis: Diagnosis | None = None
    step: Step | None = None
    rung: Rung | None = None
    evidence: HandshakeEvidence | None = None
    chain: tuple[CertificateFacts, ...] = ()
    judgement: Judgement | None = None
    downgraded: bool = False
    why_plain: Diagnosis | None = None
    carried_dsn: bool | None = None
    tested: tuple[Tested, ...] = ()

    @property
    def weight(self) -> int:
        """How informative it is: a server's reply most, then TLS, then an unreachable host."""
        if self.step is None or self.diagnosis in _NOBODY_THERE:
            return 0
        return 1 if self.diagnosis not in _SAID else 2


_NOBODY_THERE = frozenset(
    {Diagnosis.CONNECTION_REFUSED, Diagnosis.CONNECTION_TIMEOUT, Diagnosis.HOST_UNREACHABLE, Diagnosis.DNS_UNAVAILABLE}
)
_SAID = frozenset({None, Diagnosis.REFUSED_BY_PEER, Diagnosis.DEFERRED_BY_PEER})


@attrs.frozen
class Session:
    """An established session: its step and what its TLS proved; `why_plain` is set if TLS was wanted and is missing."""

    step: Step
    evidence: HandshakeEvidence | None
    chain: tuple[CertificateFacts, ...]
    judged: Judged | None
    why_plain: Diagnosis | None
    offer: ServerOffer = attrs.Factory(ServerOffer)
    tested: tuple[Tested, ...] = ()

    @property
    def judgement(self) -> Judgement | None:
        """The judgement on its certificate; None if there was none."""
        return None if self.judged is None else self.judged.judgement

    @classmethod
    def of(
        cls,
        step: Step,
        evidence: HandshakeEvidence | None,
        judged: Judged | None,
        why_plain: Diagnosis | None,
        offer: ServerOffer,
    ) -> Session:
        """Make it, with the facts of certificates read once for all recipients."""
        return cls(step, evidence, chain_facts(evidence.chain) if evidence else (), judged, why_plain, offer)

    @property
    def downgraded(self) -> bool:
        """Whether TLS was tried or offered, and plain text is used."""
        return self.why_plain not in (None, Diagnosis.TLS_NOT_OFFERED)

    def finding(
        self, code: int, enhanced: str, text: str, diagnosis: Diagnosis | None, carried_dsn: bool | None = None
    ) -> StepFinding:
        """A finding in this session."""
        return StepFinding(
            code=code, enhanced=enhanced, text=text, diagnosis=diagnosis, step=self.step, evidence=self.evidence,
            rung=self.step.rung if self.evidence is not None else Rung.PLAIN,
            chain=self.chain, judgement=self.judgement, why_plain=self.why_plain,
            downgraded=self.downgraded, tested=self.tested, carried_dsn=carried_dsn,
        )  # fmt: skip


def of_result(session: Session, result: RecipientResult) -> StepFinding:
    """The finding for a server's answer about a recipient, or for what kept us from asking."""
    reply = result.reply
    if reply is None:
        assert result.diagnosis is not None
        row = explain(result.diagnosis)
        if disposition_of(result) is Disposition.FAILED:
            return session.finding(554, row.given_up, row.sender, result.diagnosis)
        return session.finding(451, row.held, row.sender, result.diagnosis)
    if result.accepted:
        return session.finding(reply.code, reply.enhanced or "2.0.0", reply.text, None, session.offer.dsn)
    if is_permanent(result.phase, reply):
        return session.finding(reply.code, reply.enhanced_in("5"), reply.text, Diagnosis.REFUSED_BY_PEER)
    return session.finding(*_put_off(reply))


def _put_off(reply: Reply) -> tuple[int, str, str, Diagnosis]:
    """Code, enhanced code, text and diagnosis of a reply that defers a recipient.  If the reply itself is no temporary
    error, the codes are ours and its own begin the text, so that they never contradict each other.
    """
    if reply.temporary:
        return reply.code, reply.enhanced_in("4"), reply.text, Diagnosis.DEFERRED_BY_PEER
    if reply.code >= 500:
        return _READ_AS.get(reply.code, 451), reply.enhanced_in("4"), reply.whole, Diagnosis.REFUSED_BY_PEER
    return 451, explain(Diagnosis.PROTOCOL_ERROR).held, reply.whole, Diagnosis.PROTOCOL_ERROR


# RFC 5321 4.5.3.1.10
_READ_AS = {552: 452}


def of_failure(step: Step, failure: SessionFailed, session: Session | None = None) -> StepFinding:
    """The finding for a session that broke, or was never established."""
    found = (451, explain(failure.diagnosis).held, failure.text, failure.diagnosis)
    code, enhanced, text, diagnosis = found if failure.reply is None else _put_off(failure.reply)
    if session is not None:
        return session.finding(code, enhanced, text, diagnosis)
    rung = step.rung if failure.phase is Phase.HANDSHAKE else None
    return StepFinding(code=code, enhanced=enhanced, text=text, diagnosis=diagnosis, step=step, rung=rung)


def local_trouble() -> StepFinding:
    """The finding for a local failure: nothing was learned about the destination."""
    row = explain(Diagnosis.LOCAL_TROUBLE)
    return StepFinding(code=451, enhanced=row.held, text=row.sender, diagnosis=Diagnosis.LOCAL_TROUBLE)


def most_telling(findings: Sequence[StepFinding]) -> StepFinding:
    """The finding to report if all failed: the most informative, and the latest of equals."""
    return max(reversed(findings), key=lambda finding: finding.weight)


@attrs.frozen
class Scribe:
    """Writes the verdict records of one attempt; `tls_failed`: a host did not meet the TLS demands."""

    consignment: Consignment
    plan: TlsPlan | None
    now: float
    tls_failed: bool = False

    def verdict(self, recipient: Mailbox, result: Result, finding: StepFinding) -> VerdictRecord:
        """The verdict record of one recipient."""
        step, evidence, judgement = finding.step, finding.evidence, finding.judgement
        level: Level | None = self.plan.level if self.plan else None
        return VerdictRecord(
            time=self.now,
            message=self.consignment.message.id,
            sender=path_text(self.consignment.message.envelope.sender),
            recipient=str(recipient),
            attempt=self.consignment.attempt_of(recipient),
            level=level.word if level is not None else None,
            rules=self.consignment.demanded.rules,
            sources=self.plan.sources if self.plan else (),
            host=step.host.name if step else None,
            address=step.address if step else None,
            port=step.host.port if step else None,
            rung=finding.rung.value if finding.rung else None,
            protocol=evidence.protocol if evidence else None,
            cipher=evidence.cipher if evidence else None,
            bits=evidence.bits if evidence else None,
            group=evidence.group if evidence else None,
            chain=finding.chain,
            names=judgement.names if judgement else (),
            authenticated=judgement.authenticated if judgement else None,
            authenticated_by=judgement.by if judgement else None,
            revocation=judgement.revocation if judgement else None,
            mx_proven_by=self._proven_by(step.host.proven_by) if step else None,
            resumed=evidence.resumed if evidence else None,
            downgraded=finding.downgraded,
            result=result,
            code=finding.code,
            enhanced=finding.enhanced,
            diagnosis=_diagnosis_word(finding),
            text=finding.text,
            carried_dsn=finding.carried_dsn,
            # Nothing was learned about the destination, so there is no reason to wait.
            next_try=self.now if finding.diagnosis is Diagnosis.DEMAND_CHANGED else None,
            tls_since=self.now if self.tls_failed else None,
            tested=finding.tested,
        )

    def _proven_by(self, host_proven_by: str | None) -> str | None:
        """If a rule determines the certificate, the lookup of the host proves nothing more; and a host named by a route
        was not found by a lookup at all.
        """
        proofs = self.plan.proofs if self.plan else ()
        named = proofs and all(each.pins or each.names is not NameSource.MX for each in proofs)
        by_route = self.consignment.next_hop.route.host is not None
        return host_proven_by or ("rule" if named else "route" if by_route else None)


# Rungs of TLS that are better than plain text and no more, with what is said of a delivery by them.
WEAK_RUNGS = {Rung.LEGACY: Diagnosis.WEAK_PROTOCOL, Rung.LENIENT: Diagnosis.WEAK_PARAMETERS}


def _blemish(finding: StepFinding) -> Diagnosis | None:
    """What is wrong with TLS that was good enough; None if nothing."""
    if finding.evidence is None or finding.step is None:
        return None
    if finding.rung in WEAK_RUNGS:
        return WEAK_RUNGS[finding.rung]
    return None if finding.step.hello.named else Diagnosis.SNI_REFUSED


def _diagnosis_word(finding: StepFinding) -> str | None:
    """The word of the failure; without one, of the fault in the certificate, or of the reason for plain text."""
    judged = finding.judgement.diagnosis if finding.judgement is not None else None
    word = finding.diagnosis or _blemish(finding) or judged or finding.why_plain
    return word.value if word is not None else None
