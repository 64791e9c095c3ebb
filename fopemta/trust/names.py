"""Match a certificate's names against the expected names (pure).

RFC 9525: only the subject alternative name, never the common name; a wildcard is the complete left-most label and
matches one label; an IP address matches an iPAddress entry.  service_identity does the matching.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TypeAlias

import attrs
from cryptography import x509
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, DNSPattern, IPAddress_ID, IPAddressPattern, verify_service_identity

from fopemta.address.ip import is_ip_address
from fopemta.trust.certificates import printable

_MOST_SHOWN = 10

Patterns: TypeAlias = tuple[DNSPattern | IPAddressPattern, ...]


@attrs.frozen
class PresentedNames:
    """The names in a certificate: dNSName and iPAddress entries as text; `has_san` is False without the extension."""

    dns: tuple[str, ...]
    addresses: tuple[str, ...]
    has_san: bool

    @property
    def words(self) -> str:
        """The first few, for one line of text."""
        names = (*self.dns, *self.addresses)
        shown = ", ".join(printable(each) for each in names[:_MOST_SHOWN])
        more = len(names) - _MOST_SHOWN
        return (f"{shown} and {more} more" if more > 0 else shown) or "no name"


def presented(certificate: x509.Certificate) -> PresentedNames:
    """The names of a certificate.  Raises UNREADABLE if its extensions cannot be read."""
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return PresentedNames((), (), False)
    return PresentedNames(
        tuple(san.get_values_for_type(x509.DNSName)),
        tuple(str(each) for each in san.get_values_for_type(x509.IPAddress)),
        True,
    )


def patterns(names: PresentedNames) -> Patterns:
    """The patterns of these names, for `matching`."""
    return (*_dns_patterns(names.dns), *_address_patterns(names.addresses))


def matching(fitting: Patterns, wanted: tuple[str, ...]) -> str | None:
    """The first of the `wanted` names (host names in A-labels, or IP addresses) that a certificate with these patterns
    matches; None if none does.
    """
    for name in wanted:
        if fitting and _bears(fitting, name):
            return name
    return None


def _bears(fitting: Patterns, name: str) -> bool:
    try:
        verify_service_identity(fitting, obligatory_ids=[_identity(name)], optional_ids=[])
    except (VerificationError, ValueError):
        return False
    return True


@lru_cache(maxsize=1000)
def _identity(name: str) -> DNS_ID | IPAddress_ID:
    return IPAddress_ID(name) if is_ip_address(name) else DNS_ID(name)


def _dns_patterns(values: tuple[str, ...]) -> list[DNSPattern]:
    patterns = []
    for value in values:
        # An entry that is no valid pattern ("m*.example.org", "*.*.example.org") matches nothing, and does not affect
        # the other entries.
        try:
            patterns.append(DNSPattern.from_bytes(value.encode("ascii")))
        except (CertificateError, UnicodeEncodeError):
            continue
    return patterns


def _address_patterns(values: tuple[str, ...]) -> list[IPAddressPattern]:
    return [IPAddressPattern(ipaddress.ip_address(value)) for value in values if is_ip_address(value)]
