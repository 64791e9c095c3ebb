"""X.509 certificates as values (pure): the facts for records, and what judging a chain needs."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from fopemta.trust.verdict import CertificateFacts, rfc3339

# Exceptions raised when malformed certificates, their keys or their extensions are read.
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    KeyError,  # a TLS feature (RFC 7633) with an unknown number
    TypeError,  # a name whose value has the wrong type for its attribute
)

# A peer may send names of any length, and a record is stored for every recipient.
_LONGEST_NAME = 300

# 112 bits of security (NIST SP 800-57), OpenSSL's level 2.
_LEAST_RSA_BITS = 2048
_LEAST_CURVE_BITS = 224


def facts_of(der: bytes) -> CertificateFacts:
    """The facts of one certificate in DER.  An unreadable one still has its digest; the rest is ""."""
    sha256 = hashlib.sha256(der).hexdigest()
    try:
        certificate = x509.load_der_x509_certificate(der)
        return CertificateFacts(
            subject=printable(certificate.subject.rfc4514_string()),
            issuer=printable(certificate.issuer.rfc4514_string()),
            serial=f"{certificate.serial_number:x}",
            not_after=rfc3339(certificate.not_valid_after_utc.timestamp()),
            sha256=sha256,
        )
    except Exception:  # noqa: BLE001  UNREADABLE, and whatever else there may be: a record is written all the same
        return CertificateFacts("", "", "", "", sha256)


def printable(text: str) -> str:
    """A stranger's text made safe for one line of a log or report: no control characters, limited length."""
    plain = "".join(letter if letter.isprintable() else f"\\{ord(letter):02X}" for letter in text[:_LONGEST_NAME])
    return plain if len(text) <= _LONGEST_NAME else f"{plain}..."


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether subject and issuer are the same name: a root, or self-signed."""
    return certificate.subject == certificate.issuer


def weakness(certificate: x509.Certificate) -> str | None:
    """What about a certificate is below today's strength, in words; None if nothing.

    The signature of a self-issued certificate does not count, since it proves nothing.  Raises UNREADABLE.
    """
    try:
        return _weakness(certificate)
    except UnsupportedAlgorithm:
        return "a key or a signature of a kind that is not known here"


def _weakness(certificate: x509.Certificate) -> str | None:
    """See `weakness`.  Raises UNREADABLE."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        return f"a key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < _LEAST_CURVE_BITS:
        return f"a curve of {key.curve.key_size} bits"
    if is_self_issued(certificate):
        return None
    digest = certificate.signature_hash_algorithm
    if isinstance(digest, hashes.MD5 | hashes.SHA1):
        return f"a signature with {digest.name}"
    return None
