"""Check an inbound session against a `require_tls` rule (pure).

The texts tell the sender's administrator what is required; they never name a rule.
"""

from __future__ import annotations

from fopemta.mail.envelope import TlsSession
from fopemta.mail.reply import Reply
from fopemta.policy.action import RequireTls
from fopemta.policy.client_identity import bears
from fopemta.trust.evidence import ClientCertificate
from fopemta.trust.levels import Level

_NO_TLS = Reply.of(530, "5.7.0", "Mail from there is taken over TLS only: must issue a STARTTLS command first")
_NO_CERTIFICATE = Reply.of(530, "5.7.0", "Mail from there is taken only with a client certificate")


def shortfall(action: RequireTls, tls: TlsSession | None) -> Reply | None:
    """The refusal; None if the session satisfies `action`."""
    if tls is None:
        return _NO_TLS
    if action.level < Level.AUTHENTICATED and not action.wants_certificate:
        return None
    client = tls.client
    if client is None:
        return _NO_CERTIFICATE
    if action.fingerprints and {client.sha256, client.key_sha256}.intersection(action.fingerprints):
        # A matching fingerprint is sufficient, as pins are.
        return None
    if not client.verified:
        return Reply.of(550, "5.7.5", f"The client certificate was not accepted: {client.fault or 'not verified'}")
    return _wrong_holder(action, client)


def _wrong_holder(action: RequireTls, client: ClientCertificate) -> Reply | None:
    """The refusal of a valid certificate that is not an expected one; None if it is."""
    if action.names and not any(bears(client, name) for name in action.names):
        return Reply.of(550, "5.7.5", f"The client certificate must match the name {' or '.join(action.names)}")
    if action.issuers and client.issuer not in action.issuers:
        return Reply.of(550, "5.7.5", "The client certificate must be from another issuer")
    if action.fingerprints and not (action.names or action.issuers):
        return Reply.of(550, "5.7.5", "The client certificate is not the one that is expected")
    return None
