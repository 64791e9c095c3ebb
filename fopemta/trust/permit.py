"""The last gate before sending (pure): no MAIL command is written without a `Permit`, and only this file makes one.

A permit is for one transaction on one connection, made when it begins: from the demands of that moment and the evidence
of this very connection.  Earlier plans do not count; a missing fact, a judgement on something else, or an exception
gives no permit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.trust.demand import Proof
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.levels import Level
from fopemta.trust.plan import Judgement, TlsPlan
from fopemta.trust.rungs import OFFERS, Rung

_SEAL: Final = object()


@attrs.frozen(kw_only=True)
class Judged:
    """The judgement on the certificate in `evidence`, for these `proofs`; `domain` is the recipient's if a proof needs
    it.
    """

    evidence: HandshakeEvidence
    judgement: Judgement
    proofs: tuple[Proof, ...]
    domain: str


@attrs.frozen(kw_only=True)
class Ground:
    """The facts on which a permit is decided.

    `plan` holds the present demands on all `recipients`, the stricter of those stored with the message and those of
    rules and routes; None if unknown.  `judged` is the judgement under this message's demands; None if no certificate
    was judged.
    """

    recipients: frozenset[Mailbox]
    plan: TlsPlan | None
    judged: Judged | None


@attrs.frozen(kw_only=True)
class Permit:
    """Permission to begin a transaction for these recipients on the connection with `evidence` (None: plain text).

    Made only by `permitted`.
    """

    recipients: frozenset[Mailbox]
    level: Level
    evidence: HandshakeEvidence | None = attrs.field(repr=False)
    _seal: object = attrs.field(repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("a permit is made by trust.permit.permitted alone")

    def covers(self, recipients: Iterable[Mailbox], tls: bool) -> bool:
        """Whether it covers all of `recipients`, on a connection with or without `tls`."""
        return self.recipients.issuperset(recipients) and tls is (self.evidence is not None)


@attrs.frozen
class NoPermit:
    """Nothing may be sent; the diagnosis and text are for the operator."""

    diagnosis: Diagnosis
    text: str


def permitted(ground: Ground, evidence: HandshakeEvidence | None) -> Permit | NoPermit:
    """A permit for a transaction on the connection with this `evidence`, None for plain text.

    Never raises.
    """
    try:
        lack = _lack(ground, evidence)
        if lack is None:
            assert ground.plan is not None
            return Permit(recipients=ground.recipients, level=ground.plan.level, evidence=evidence, seal=_SEAL)
    except Exception as error:  # noqa: BLE001  whatever it is: what cannot be judged is not permitted
        return NoPermit(
            Diagnosis.JUDGING_FAILED, f"whether it may be sent could not be decided ({type(error).__name__})"
        )
    return lack


def _lack(ground: Ground, evidence: HandshakeEvidence | None) -> NoPermit | None:
    """What is missing; None if nothing is."""
    plan = ground.plan
    if plan is None or not ground.recipients:
        return NoPermit(Diagnosis.DEMAND_CHANGED, "the TLS demands have changed, or are unknown at the moment")
    if evidence is None:
        if plan.level <= Level.OPPORTUNISTIC and plan.plain_allowed:
            return None
        return NoPermit(Diagnosis.TLS_NOT_OFFERED, f"{plan.level.word} TLS is demanded, and there is none")
    if plan.plain_allowed:
        return None  # whatever was negotiated is better than the permitted plain text
    if rung_of(evidence) not in plan.rungs:
        return NoPermit(Diagnosis.NO_COMMON_CIPHER, f"{evidence.protocol} with {evidence.cipher} is not permitted")
    return None if plan.level < Level.AUTHENTICATED else _unproven(plan, ground.judged, evidence)


def _unproven(plan: TlsPlan, judged: Judged | None, evidence: HandshakeEvidence) -> NoPermit | None:
    """Why the connection is not authenticated as the plan demands; None if it is."""
    if judged is None or judged.evidence is not evidence:
        return NoPermit(Diagnosis.JUDGING_FAILED, "the certificate of this connection was not judged")
    if judged.domain != plan.domain or not set(plan.proofs) <= set(judged.proofs):
        return NoPermit(
            Diagnosis.JUDGING_FAILED, "the certificate was judged under other demands than the present ones"
        )
    if not judged.judgement.authenticated or evidence.judging_error is not None:
        diagnosis = judged.judgement.diagnosis or Diagnosis.JUDGING_FAILED
        return NoPermit(diagnosis, judged.judgement.text or "the server is not authenticated")
    return None


_SUITES = {
    (suite, tls13): rung
    for rung, offer in reversed(OFFERS.items())
    if rung is not Rung.LENIENT
    for tls13, suites in ((True, offer.tls13), (False, offer.tls12))
    for suite in suites
}
_OLD = frozenset({"TLSv1", "TLSv1.1"})


def rung_of(evidence: HandshakeEvidence) -> Rung | None:
    """The strongest rung that includes what was negotiated; None if none does."""
    if evidence.lenient:
        return Rung.LENIENT
    if evidence.protocol in _OLD:
        return Rung.LEGACY
    return _SUITES.get((evidence.cipher, evidence.protocol == "TLSv1.3"))
