"""The last gate before the wire (pure): no MAIL command is written without a `Permit`, and only this file makes one.

A permit is made for one transaction on one connection, at the moment when it begins: from what is demanded at that
moment and from what this very connection has shown.  Whatever was planned before, and whoever planned it, is asked
nothing: an absent fact, a judgement on something else, or an exception gives no permit.
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
    """What was made of the certificate in `evidence`: for which `proofs`, the recipient's `domain` where one of them
    asks for it.
    """

    evidence: HandshakeEvidence
    judgement: Judgement
    proofs: tuple[Proof, ...]
    domain: str


@attrs.frozen(kw_only=True)
class Ground:
    """What a permit is asked for with.

    `plan` is what is demanded now of the way to all `recipients`, the stricter of what is stored with the message and
    of what rules and routes say at this moment; None where that is not known.  `judged` as this message's demands have
    had it; None where no certificate was judged.
    """

    recipients: frozenset[Mailbox]
    plan: TlsPlan | None
    judged: Judged | None


@attrs.frozen(kw_only=True)
class Permit:
    """A transaction for these recipients may begin on the connection that showed `evidence` (None: plain text).

    Made by `permitted` alone.
    """

    recipients: frozenset[Mailbox]
    level: Level
    evidence: HandshakeEvidence | None = attrs.field(repr=False)
    _seal: object = attrs.field(repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("a permit is made by trust.permit.permitted alone")

    def covers(self, recipients: Iterable[Mailbox], tls: bool) -> bool:
        """It is for all of `recipients`, on a connection with `tls` or without."""
        return self.recipients.issuperset(recipients) and tls is (self.evidence is not None)


@attrs.frozen
class NoPermit:
    """Nothing may be sent: why, for the operator."""

    diagnosis: Diagnosis
    text: str


def permitted(ground: Ground, evidence: HandshakeEvidence | None) -> Permit | NoPermit:
    """A permit for a transaction on the connection whose handshake showed `evidence`, None where there was none.

    Never raises.
    """
    try:
        lack = _lack(ground, evidence)
        if lack is None:
            assert ground.plan is not None
            return Permit(recipients=ground.recipients, level=ground.plan.level, evidence=evidence, seal=_SEAL)
    except Exception as error:  # noqa: BLE001  whatever it is: what cannot be judged is not permitted
        return NoPermit(
            Diagnosis.JUDGING_FAILED, f"whether it may be sent could not be judged ({type(error).__name__})"
        )
    return lack


def _lack(ground: Ground, evidence: HandshakeEvidence | None) -> NoPermit | None:
    """What is missing; None when nothing is."""
    plan = ground.plan
    if plan is None or not ground.recipients:
        return NoPermit(Diagnosis.DEMAND_CHANGED, "what is demanded of the way has changed, or is not known now")
    if evidence is None:
        if plan.level <= Level.OPPORTUNISTIC and plan.plain_allowed:
            return None
        return NoPermit(Diagnosis.TLS_NOT_OFFERED, f"{plan.level.word} TLS is demanded, and there is none")
    if plan.plain_allowed:
        return None  # whatever was negotiated is better than what may be, too
    if rung_of(evidence) not in plan.rungs:
        return NoPermit(Diagnosis.NO_COMMON_CIPHER, f"{evidence.protocol} with {evidence.cipher} is not permitted")
    return None if plan.level < Level.AUTHENTICATED else _unproven(plan, ground.judged, evidence)


def _unproven(plan: TlsPlan, judged: Judged | None, evidence: HandshakeEvidence) -> NoPermit | None:
    """Why the connection is not authenticated as the plan wants it; None when it is."""
    if judged is None or judged.evidence is not evidence:
        return NoPermit(Diagnosis.JUDGING_FAILED, "the certificate of this connection was not judged")
    if judged.domain != plan.domain or not set(plan.proofs) <= set(judged.proofs):
        return NoPermit(Diagnosis.JUDGING_FAILED, "the certificate was judged by other demands than those of now")
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
    """The rung to which what was negotiated belongs, the strongest that has it; None for what is on no rung."""
    if evidence.lenient:
        return Rung.LENIENT
    if evidence.protocol in _OLD:
        return Rung.LEGACY
    return _SUITES.get((evidence.cipher, evidence.protocol == "TLSv1.3"))
