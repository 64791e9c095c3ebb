"""X.509 certificates as values (pure): the facts for records, and what chain judging needs to see."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from fopemta.trust.verdict import CertificateFacts, rfc3339

# What is raised for certificates built to be odd, when they, their keys or their extensions are read.
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    KeyError,  # a TLS feature (RFC 7633) of no known number
    TypeError,  # a name with a value of another type than its attribute has
)

# A peer may send names as long as he likes; a record is kept for every recipient.
_LONGEST_NAME = 300

# 112 bits of security (NIST SP 800-57), OpenSSL's level 2.
_LEAST_RSA_BITS = 2048
_LEAST_CURVE_BITS = 224


def facts_of(der: bytes) -> CertificateFacts:
    """The facts of one certificate in DER.  One that cannot be read still has its digest, the rest is ""."""
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
    """A stranger's words made fit for one line of a log or report: no control characters, and not endless."""
    plain = "".join(letter if letter.isprintable() else f"\\{ord(letter):02X}" for letter in text[:_LONGEST_NAME])
    return plain if len(text) <= _LONGEST_NAME else f"{plain}..."


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Subject and issuer are the same name: a root, or self-signed."""
    return certificate.subject == certificate.issuer


def weakness(certificate: x509.Certificate) -> str | None:
    """What of a certificate is below today's strength, in words; None where all is well.

    A self-issued certificate's own signature does not count: nothing is proven by it.  Raises UNREADABLE.
    """
    try:
        return _weakness(certificate)
    except UnsupportedAlgorithm:
        return "a key or a signature of a kind that is not known here"


def _weakness(certificate: x509.Certificate) -> str | None:
    """Raises UNREADABLE."""
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
