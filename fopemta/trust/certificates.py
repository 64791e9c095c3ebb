"""X.509 certificates as values (pure): the facts for records, and what chain judging needs to see."""

from __future__ import annotations

import hashlib

from cryptography import x509

from fopemta.trust.verdict import CertificateFacts, rfc3339


def facts_of(der: bytes) -> CertificateFacts:
    """The facts of one certificate in DER.  One that cannot be read still has its digest, the rest is ""."""
    sha256 = hashlib.sha256(der).hexdigest()
    try:
        certificate = x509.load_der_x509_certificate(der)
        return CertificateFacts(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            serial=f"{certificate.serial_number:x}",
            not_after=rfc3339(certificate.not_valid_after_utc.timestamp()),
            sha256=sha256,
        )
    except Exception:  # noqa: BLE001  cryptography raises many kinds for certificates built to be odd
        return CertificateFacts("", "", "", "", sha256)


def chain_facts(chain: tuple[bytes, ...]) -> tuple[CertificateFacts, ...]:
    """The facts of every certificate that a peer sent, leaf first."""
    return tuple(facts_of(der) for der in chain)


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Subject and issuer are the same name: a root, or self-signed."""
    return certificate.subject == certificate.issuer
