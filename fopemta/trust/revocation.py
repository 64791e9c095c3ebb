"""What is known of a chain's revocation, and what follows from it (pure).

Where it comes from: `trust.ocsp`, `trust.crl`; who is asked: `trust.revocation_sources` and `lookup.revocation`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from fopemta.trust.demand import Proof, Revocation
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.plan import Judgement


class Status(enum.Enum):
    """How things stand with one certificate, the worst last."""

    NOT_NEEDED = "not needed"
    GOOD = "good"
    NO_SOURCE = "no source"
    UNKNOWN = "unknown"
    # RFC 7633: the certificate itself says that it is none without a stapled response.
    STAPLE_MISSING = "staple missing"
    REVOKED = "revoked"


@attrs.frozen
class Finding:
    """`by` "staple", "crl", "ocsp" or ""; `text` why, for the operator; `until` the moment up to which it holds, in
    seconds since the epoch, 0 where it is not to be remembered.
    """

    status: Status
    by: str = ""
    text: str = ""
    until: float = 0.0

    @property
    def decided(self) -> bool:
        """Nobody else need be asked."""
        return self.status in (Status.GOOD, Status.REVOKED)


@attrs.frozen
class Conclusion:
    """`diagnosis` what keeps the chain from proving anything, None when nothing does; `record` as in the verdict record
    (None: nothing was asked); `text` for the operator.
    """

    diagnosis: Diagnosis | None
    record: str | None
    text: str = ""


_SEVERITY = tuple(Status)

# What of a chain keeps it from being good.  Whatever does not stand here does not.
_FAULTS: dict[tuple[Revocation, Status], Diagnosis] = {
    (Revocation.HARD, Status.REVOKED): Diagnosis.CERT_REVOKED,
    (Revocation.HARD, Status.STAPLE_MISSING): Diagnosis.CERT_UNUSABLE,
    (Revocation.HARD, Status.UNKNOWN): Diagnosis.REVOCATION_UNKNOWN,
    (Revocation.HARD, Status.NO_SOURCE): Diagnosis.REVOCATION_UNKNOWN,
    (Revocation.SOFT, Status.REVOKED): Diagnosis.CERT_REVOKED,
    (Revocation.SOFT, Status.STAPLE_MISSING): Diagnosis.CERT_UNUSABLE,
}


def combine(findings: Sequence[Finding], mode: Revocation, sourceless_passes: bool = False) -> Conclusion:
    """What the findings on the leaf and its intermediates come to.

    `sourceless_passes`: a certificate that names no source is recorded only, also where `mode` is hard.
    No finding at all is as good as nothing known.
    """
    if mode is Revocation.OFF:
        return Conclusion(None, None)
    worst = max(findings or (Finding(Status.UNKNOWN, text="nothing was looked at"),), key=_severity)
    diagnosis = _FAULTS.get((mode, worst.status))
    if worst.status is Status.NO_SOURCE and sourceless_passes:
        diagnosis = None
    return Conclusion(diagnosis, _record(worst, findings), worst.text)


def _severity(finding: Finding) -> int:
    return _SEVERITY.index(finding.status)


def _record(worst: Finding, findings: Sequence[Finding]) -> str:
    if worst.status is Status.GOOD:
        by = dict.fromkeys(each.by for each in findings if each.status is Status.GOOD)
        return f"good ({', '.join(by)})"
    if worst.status in (Status.REVOKED, Status.NOT_NEEDED):
        return str(worst.status.value)
    return f"unknown ({worst.text or worst.status.value})"


def mode_of(default: Revocation, proofs: Sequence[Proof]) -> Revocation:
    """How much must be known where all of `proofs` are asked for: the strictest.  One that does not say is `default`;
    without any, so is the whole.
    """
    modes = [default if each.revocation is None else each.revocation for each in proofs] or [default]
    return min(modes, key=_STRICTEST_FIRST.index)


_STRICTEST_FIRST = tuple(Revocation)


def sourceless_passes(private_roots: bool, proofs: Sequence[Proof]) -> bool:
    """Whether a certificate that names no source is recorded only: where all roots in question are of one's own, and no
    rule asks for `hard` itself.  `private_roots`: those of proofs that name none are.
    """
    if any(each.revocation is Revocation.HARD and each.strict for each in proofs):
        return False
    return all(private_roots or each.roots is not None for each in proofs) if proofs else private_roots


def with_revocation(judgement: Judgement, conclusion: Conclusion) -> Judgement:
    """`judgement` with what is known of revocation: that can take a proof away, and never give one."""
    if not judgement.authenticated or conclusion.diagnosis is None:
        return attrs.evolve(judgement, revocation=conclusion.record)
    return attrs.evolve(
        judgement,
        authenticated=False,
        by=None,
        diagnosis=conclusion.diagnosis,
        text=conclusion.text or conclusion.diagnosis.value,
        revocation=conclusion.record,
    )
