"""Add the revocation check to a judgement (shell)."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.interfaces import IRevocations
from fopemta.trust.client_settings import TlsClient
from fopemta.trust.demand import Proof, Revocation
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.plan import Judgement
from fopemta.trust.revocation import Finding, combine, mode_of, sourceless_passes, with_revocation

_SYSTEM = "system"


@attrs.frozen
class Weighing:
    """The mode of the check, and its source; without `revocations` nothing is known."""

    mode: Revocation
    sourceless_passes: bool
    revocations: IRevocations | None

    @classmethod
    def of(cls, client: TlsClient, proofs: tuple[Proof, ...], revocations: IRevocations | None) -> Weighing:
        """For a plan with these `proofs`, and [tls.client] for what they leave open."""
        mode = mode_of(client.revocation, proofs)
        return cls(mode, sourceless_passes(client.roots != _SYSTEM, proofs), revocations)

    def known(self, judgement: Judgement, paths: Sequence[HandshakeEvidence]) -> Judgement:
        """From cached results only, at once: for mail that does not depend on the certificate."""
        if not self._concerns(judgement):
            return judgement
        findings = list[Finding]()
        if self.revocations is not None:
            for each in paths:
                findings += self.revocations.known(each.verified, each.staple)
        return with_revocation(judgement, combine(findings, Revocation.SOFT))

    async def found_out(self, judgement: Judgement, paths: Sequence[HandshakeEvidence]) -> Judgement:
        """From all sources, within the time that a session can wait."""
        if not self._concerns(judgement):
            return judgement
        findings = list[Finding]()
        if self.revocations is not None:
            # All are started before the first is awaited: they share the time that a session can wait.
            asked = [self.revocations.check(each.verified, each.staple) for each in paths]
            for each in asked:
                findings += await each
        return with_revocation(judgement, combine(findings, self.mode, self.sourceless_passes))

    def _concerns(self, judgement: Judgement) -> bool:
        """Whether revocation matters: a proof that does not rely on authorities cannot be revoked by them."""
        return self.mode is not Revocation.OFF and judgement.by == "pkix"
