"""Match client certificates with configured identities (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from fopemta.trust.evidence import ClientCertificate


def is_one_of(client: ClientCertificate, identities: Sequence[str]) -> bool:
    """Whether the certificate is one of `identities`: names, or SHA-256 fingerprints of a certificate or its key.

    A matching fingerprint is sufficient, as pins are; a name counts only in a verified certificate.
    """
    if {client.sha256, client.key_sha256}.intersection(identities):
        return True
    return client.verified and any(bears(client, identity) for identity in identities)


def bears(client: ClientCertificate, name: str) -> bool:
    """Whether it matches `name`; a wildcard in the certificate matches one label (RFC 9525 6.3)."""
    _, dot, parent = name.partition(".")
    return name in client.names or (bool(dot) and f"*.{parent}" in client.names)
