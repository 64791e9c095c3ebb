"""Whether a certificate is valid at its position in the path of a TLS server (pure).

OpenSSL checks this in a handshake, but not when a chain is verified against a bare store.  So it is checked here, for
every path: RFC 5280 4.2.1.3 (keyUsage), 4.2.1.9 (basicConstraints) and 4.2.1.12 (extKeyUsage).  An authority's
extKeyUsage also binds the certificates below it, as in OpenSSL and the CA/Browser Forum's rules; RFC 5280 does not say
so.  Both kinds of store check path lengths and name constraints.
"""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def server_fault(leaf: x509.Certificate) -> str | None:
    """Why a certificate cannot be a TLS server's own, in words; None if it can.  Raises UNREADABLE if its extensions
    cannot be read.
    """
    usage = _of(leaf, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.key_encipherment or usage.key_agreement):
        return "its key may not be used in a TLS handshake"
    return _extended_fault(leaf)


def authority_fault(certificate: x509.Certificate) -> str | None:
    """Why a certificate cannot issue for a TLS server, in words; None if it can.  Raises UNREADABLE."""
    constraints = _of(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        return "it is no authority"
    return root_fault(certificate)


def root_fault(certificate: x509.Certificate) -> str | None:
    """The same for a trusted root: those of the nineties have no basicConstraints.  Raises UNREADABLE."""
    usage = _of(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return "it may not sign certificates"
    return _extended_fault(certificate)


def is_for_servers(certificate: x509.Certificate) -> bool:
    """Whether it says that it is for TLS servers; without extKeyUsage it does not.  Raises UNREADABLE."""
    extended = _of(certificate, x509.ExtendedKeyUsage)
    return extended is not None and ExtendedKeyUsageOID.SERVER_AUTH in extended


def _extended_fault(certificate: x509.Certificate) -> str | None:
    """`anyExtendedKeyUsage` alone is not enough: RFC 5280 leaves that open, and OpenSSL refuses it."""
    extended = _of(certificate, x509.ExtendedKeyUsage)
    if extended is None or ExtendedKeyUsageOID.SERVER_AUTH in extended:
        return None
    return "it is not meant for TLS servers"


def _of(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
