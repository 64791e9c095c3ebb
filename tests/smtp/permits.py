"""Permits for sessions that are driven without a connection."""

from __future__ import annotations

from fopemta.smtp.client_effects import Transaction
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.levels import Level
from fopemta.trust.permit import Ground, Permit, permitted
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.rungs import Rung

_TLS = HandshakeEvidence(
    protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", bits=256, group=None, chain=(), chain_errors=(),
    server_name=None,
)  # fmt: skip
ANYHOW = TlsPlan(Level.OPPORTUNISTIC, tuple(Rung), Fallback.IMMEDIATE)


def permit_for(transaction: Transaction, tls: bool) -> Permit:
    """One that lets it go as it is."""
    ground = Ground(recipients=frozenset(transaction.recipients), plan=ANYHOW, judged=None)
    permit = permitted(ground, _TLS if tls else None)
    assert isinstance(permit, Permit), permit
    return permit
