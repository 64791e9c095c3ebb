"""A cache of parsed certificates (pure): a server sends the same ones in each handshake.

Judgements that depend on the day and the expected names are made each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

from cryptography import x509

from fopemta.trust.certificates import facts_of, is_self_issued, weakness
from fopemta.trust.names import Patterns, PresentedNames, patterns, presented
from fopemta.trust.purpose import authority_fault, root_fault, server_fault
from fopemta.trust.verdict import CertificateFacts

# Enough for a few hundred servers.  A certificate larger than those of ordinary servers is not cached: strangers must
# not fill our memory.
_KEPT = 500
_LARGEST = 8192

# A peer may send any number, and a record is stored for every recipient.
_MOST_IN_A_RECORD = 10


class ReadCertificate:
    """One certificate; each property is computed when first needed.  Raises UNREADABLE."""

    def __init__(self, der: bytes) -> None:
        self.certificate = x509.load_der_x509_certificate(der)

    @cached_property
    def not_before(self) -> float:
        """Seconds since the epoch."""
        return self.certificate.not_valid_before_utc.timestamp()

    @cached_property
    def not_after(self) -> float:
        """Seconds since the epoch."""
        return self.certificate.not_valid_after_utc.timestamp()

    @cached_property
    def self_issued(self) -> bool:
        """See `certificates.is_self_issued`."""
        return is_self_issued(self.certificate)

    @cached_property
    def weakness(self) -> str | None:
        """See `certificates.weakness`."""
        return weakness(self.certificate)

    @cached_property
    def server_fault(self) -> str | None:
        """See `purpose.server_fault`.  Raises UNREADABLE."""
        return server_fault(self.certificate)

    @cached_property
    def authority_fault(self) -> str | None:
        """See `purpose.authority_fault`.  Raises UNREADABLE."""
        return authority_fault(self.certificate)

    @cached_property
    def root_fault(self) -> str | None:
        """See `purpose.root_fault`.  Raises UNREADABLE."""
        return root_fault(self.certificate)

    @cached_property
    def names(self) -> PresentedNames:
        """The names in it.  Raises UNREADABLE."""
        return presented(self.certificate)

    @cached_property
    def patterns(self) -> Patterns:
        """The patterns of its names.  Raises UNREADABLE."""
        return patterns(self.names)


def path_fault(path: Sequence[ReadCertificate]) -> str | None:
    """Why a verified path cannot be a TLS server's, in words with the depth; None if it can.  It ends with a root,
    which may be the server's own certificate.  Raises UNREADABLE.
    """
    leaf, authorities, roots = path[0], path[1:-1], path[1:][-1:]
    faults = (
        leaf.server_fault,
        *(each.authority_fault for each in authorities),
        *(each.root_fault for each in roots),
    )
    return next((f"{words} (depth {depth})" for depth, words in enumerate(faults) if words is not None), None)


_kept = lru_cache(maxsize=_KEPT)(ReadCertificate)
_kept_facts = lru_cache(maxsize=_KEPT)(facts_of)


def read(der: bytes) -> ReadCertificate:
    """Parse a certificate in DER.  Raises UNREADABLE."""
    return _kept(der) if len(der) <= _LARGEST else ReadCertificate(der)


def chain_facts(chain: tuple[bytes, ...]) -> tuple[CertificateFacts, ...]:
    """The facts of the first ten certificates that a peer sent, leaf first."""
    return tuple(_kept_facts(der) if len(der) <= _LARGEST else facts_of(der) for der in chain[:_MOST_IN_A_RECORD])
