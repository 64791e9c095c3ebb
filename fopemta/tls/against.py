"""Verify a chain again, against other roots than those of the handshake (shell), for rules with roots of their own."""

from __future__ import annotations

import os

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from fopemta.tls.root_certificates import look_at
from fopemta.trust.chain_words import words_of
from fopemta.trust.evidence import ChainError, HandshakeEvidence


class OtherRoots:
    """Verifies against other roots; each file or folder of authorities is read once."""

    def __init__(self) -> None:
        self._stores: dict[str, crypto.X509Store] = {}
        # How each looked before it was read.
        self.looked: dict[str, object] = {}

    def against(self, evidence: HandshakeEvidence, roots: str) -> HandshakeEvidence:
        """`evidence` as verified against `roots`.  Never raises: a failure proves nothing."""
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
        # A bare store does not check purposes; `trust.purpose` does, for every path.
        return attrs.evolve(evidence, verified=verified, chain_errors=())

    def _store(self, roots: str) -> crypto.X509Store:
        store = self._stores.get(roots)
        if store is None:
            self.looked[roots] = look_at(roots)
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
