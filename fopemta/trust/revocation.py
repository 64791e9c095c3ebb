"""Conclusions from what is known about a chain's revocation (pure).

The findings come from `trust.ocsp` and `trust.crl`; the sources from `trust.revocation_sources` and
`lookup.revocation`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from fopemta.trust.demand import Proof, Revocation
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.plan import Judgement


class Status(enum.Enum):
    """The revocation status of one certificate, the worst last."""

    NOT_NEEDED = "not needed"
    GOOD = "good"
    NO_SOURCE = "no source"
    UNKNOWN = "unknown"
    # RFC 7633: the certificate itself demands a stapled response.
    STAPLE_MISSING = "staple missing"
    REVOKED = "revoked"


@attrs.frozen
class Finding:
    """`by` is "staple", "crl", "ocsp" or ""; `text` explains it to the operator; `until` is how long it may be cached,
    in seconds since the epoch, 0 for not at all.
    """

    status: Status
    by: str = ""
    text: str = ""
    until: float = 0.0

    @property
    def decided(self) -> bool:
        """Whether no other source need be asked."""
        return self.status in (Status.GOOD, Status.REVOKED)


@attrs.frozen
class RevocationConclusion:
    """`diagnosis` is why the chain proves nothing, None if nothing is wrong; `record` as in the verdict record (None:
    not checked); `text` is for the operator.
    """

    diagnosis: Diagnosis | None
    record: str | None
    text: str = ""


_SEVERITY = tuple(Status)

# Status that makes a chain invalid, by mode.  Anything else does not.
_FAULTS: dict[tuple[Revocation, Status], Diagnosis] = {
    (Revocation.HARD, Status.REVOKED): Diagnosis.CERT_REVOKED,
    (Revocation.HARD, Status.STAPLE_MISSING): Diagnosis.CERT_UNUSABLE,
    (Revocation.HARD, Status.UNKNOWN): Diagnosis.REVOCATION_UNKNOWN,
    (Revocation.HARD, Status.NO_SOURCE): Diagnosis.REVOCATION_UNKNOWN,
    (Revocation.SOFT, Status.REVOKED): Diagnosis.CERT_REVOKED,
    (Revocation.SOFT, Status.STAPLE_MISSING): Diagnosis.CERT_UNUSABLE,
}


def combine(findings: Sequence[Finding], mode: Revocation, sourceless_passes: bool = False) -> RevocationConclusion:
    """Combine the findings on the leaf and its intermediates.

    `sourceless_passes`: a certificate without any CRL or OCSP address is recorded only, even if `mode` is hard.  No
    findings at all count as unknown.
    """
    if mode is Revocation.OFF:
        return RevocationConclusion(None, None)
    worst = max(findings or (Finding(Status.UNKNOWN, text="nothing was looked at"),), key=_severity)
    diagnosis = _FAULTS.get((mode, worst.status))
    if worst.status is Status.NO_SOURCE and sourceless_passes:
        diagnosis = None
    return RevocationConclusion(diagnosis, _record(worst, findings), worst.text)


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
    """The mode if all of `proofs` are required: the strictest.  A proof without one has the `default`, and so has the
    result without proofs.
    """
    modes = [default if each.revocation is None else each.revocation for each in proofs] or [default]
    return min(modes, key=_STRICTEST_FIRST.index)


_STRICTEST_FIRST = tuple(Revocation)


def sourceless_passes(private_roots: bool, proofs: Sequence[Proof]) -> bool:
    """Whether a certificate without any CRL or OCSP address is recorded only: if all roots in question are private, and
    no rule demands `hard` itself.  `private_roots`: those of proofs without roots are.
    """
    if any(each.revocation is Revocation.HARD and each.strict for each in proofs):
        return False
    return all(private_roots or each.roots is not None for each in proofs) if proofs else private_roots


def with_revocation(judgement: Judgement, conclusion: RevocationConclusion) -> Judgement:
    """`judgement` with the conclusion, which can only remove a proof, never add one."""
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
