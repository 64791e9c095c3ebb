"""A chain verified once more, against other roots than those of the handshake (shell): those of a rule (R21)."""

from __future__ import annotations

import os

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from fopemta.tls.chain_words import words_of
from fopemta.trust.evidence import ChainError, HandshakeEvidence

_INVALID_PURPOSE = 26  # X509_V_ERR_INVALID_PURPOSE
_SERVERS = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


class OtherRoots:
    """Reads each file or folder of authorities once."""

    def __init__(self) -> None:
        self._stores: dict[str, crypto.X509Store] = {}

    def against(self, evidence: HandshakeEvidence, roots: str) -> HandshakeEvidence:
        """`evidence` with what verification against `roots` meets.  Never raises: what fails proves nothing."""
        if evidence.judging_error is not None or not evidence.chain:
            return evidence
        try:
            return self._verified(evidence, roots)
        except Exception as error:  # noqa: BLE001  roots that are gone, octets that are no certificate: nothing is proven
            return attrs.evolve(evidence, judging_error=type(error).__name__)

    def _verified(self, evidence: HandshakeEvidence, roots: str) -> HandshakeEvidence:
        leaf, *others = [_certificate(each) for each in evidence.chain]
        context = crypto.X509StoreContext(self._store(roots), leaf, others)
        try:
            verified = tuple(_octets(each) for each in context.get_verified_chain())
        except crypto.X509StoreContextError as error:
            code, depth, _ = error.errors
            return attrs.evolve(evidence, verified=(), chain_errors=(ChainError(code, depth, words_of(code)),))
        # In a handshake OpenSSL looks at the purpose by itself; a bare store knows of none.
        fault = ChainError(_INVALID_PURPOSE, 0, words_of(_INVALID_PURPOSE))
        faults = () if _is_for_servers(evidence.chain[0]) else (fault,)
        return attrs.evolve(evidence, verified=verified, chain_errors=faults)

    def _store(self, roots: str) -> crypto.X509Store:
        store = self._stores.get(roots)
        if store is None:
            store = crypto.X509Store()
            if os.path.isdir(roots):
                store.load_locations(None, roots)
            else:
                store.load_locations(roots)
            self._stores[roots] = store
        return store


def _certificate(octets: bytes) -> crypto.X509:
    return crypto.X509.from_cryptography(x509.load_der_x509_certificate(octets))


def _octets(certificate: crypto.X509) -> bytes:
    return certificate.to_cryptography().public_bytes(Encoding.DER)


def _is_for_servers(octets: bytes) -> bool:
    try:
        usage = x509.load_der_x509_certificate(octets).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return True
    return not _SERVERS.isdisjoint(usage.value)
