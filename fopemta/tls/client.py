"""Outbound TLS sessions: one Context per rung and hello, evidence instead of verdicts (shell)."""

from __future__ import annotations

import os

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from fopemta.interfaces import IClientTls
from fopemta.mail.address import is_ip_address
from fopemta.trust.evidence import ChainError, HandshakeEvidence
from fopemta.trust.rungs import OFFERS, Hello, Rung, Version

# ssl.h: SSL_OP_LEGACY_SERVER_CONNECT; pyOpenSSL does not name it.
_OP_LEGACY_SERVER_CONNECT = 0x4

_VERSIONS = {Version.TLS_1_2: SSL.TLS1_2_VERSION, Version.TLS_1_3: SSL.TLS1_3_VERSION}


@attrs.define
class _Observed:
    """What the verify callback saw on one connection."""

    server_name: str | None
    errors: list[ChainError] = attrs.Factory(list)


class _Connection(SSL.Connection):
    """A connection that carries what was observed of it: the callback, shared by all connections of a Context, is
    given this very object.  (The app data belong to Twisted.)
    """

    def __init__(self, context: SSL.Context, server_name: str | None) -> None:
        super().__init__(context, None)
        self.observed = _Observed(server_name)


@implementer(IClientTls)
class ClientTls:
    """Sessions verified, but not judged, against `roots`: "system", a PEM file or a folder of hashed certificates.

    Raises OpenSSL.SSL.Error when a file or folder of roots cannot be read.
    """

    def __init__(self, roots: str) -> None:
        self._roots = roots
        self._contexts: dict[tuple[Rung, Hello], SSL.Context] = {}
        self.creator(Rung.STRONG_256, Hello.FULL, None)  # unreadable roots show at once

    def creator(self, rung: Rung, hello: Hello, server_name: str | None) -> IOpenSSLClientConnectionCreator:
        """See IClientTls."""
        context = self._contexts.get((rung, hello))
        if context is None:
            # A Context is never changed after its first use, so one is kept for each combination.
            context = self._contexts[rung, hello] = _context(rung, hello, self._roots)
        return _Creator(context, server_name)

    def evidence(self, connection: SSL.Connection) -> HandshakeEvidence:
        """See IClientTls."""
        try:
            return _evidence(connection)
        except Exception as error:  # noqa: BLE001  evidence that cannot be read proves nothing
            return HandshakeEvidence(
                protocol="", cipher="", bits=0, group=None, chain=(), chain_errors=(), server_name=None,
                judging_error=type(error).__name__,
            )  # fmt: skip


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    """Makes the Connection that Twisted drives.  Twisted's `optionsForClientTLS` is not used: an unexpected error in
    its callback can count as success.
    """

    def __init__(self, context: SSL.Context, server_name: str | None) -> None:
        self._context = context
        self._server_name = server_name if server_name is not None and not is_ip_address(server_name) else None

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """IOpenSSLClientConnectionCreator."""
        connection = _Connection(self._context, self._server_name)
        if self._server_name is not None:
            connection.set_tlsext_host_name(self._server_name.encode("ascii"))
        return connection


def _context(rung: Rung, hello: Hello, roots: str) -> SSL.Context:
    offer = OFFERS[rung]
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(_VERSIONS[offer.lowest])
    context.set_max_proto_version(_VERSIONS[offer.highest])
    if offer.tls13:
        context.set_tls13_ciphersuites(":".join(offer.tls13).encode("ascii"))
    context.set_cipher_list((":".join(offer.tls12) + f":@SECLEVEL={offer.security_level}").encode("ascii"))
    if offer.legacy_servers:
        context.set_options(_OP_LEGACY_SERVER_CONNECT)
    if hello is Hello.SMALL:
        # One classic curve: 294 octets instead of about 1,500 with the post-quantum share.
        context.set_tmp_ecdh(ec.SECP256R1())
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    _trust(context, roots)
    context.set_verify(SSL.VERIFY_PEER, _observe)
    return context


def _trust(context: SSL.Context, roots: str) -> None:
    if roots == "system":
        context.set_default_verify_paths()
    elif os.path.isdir(roots):
        context.load_verify_locations(None, roots)
    else:
        context.load_verify_locations(roots)


def _observe(connection: SSL.Connection, _certificate: object, code: int, depth: int, ok: int) -> bool:
    """Note what verification met and let the handshake go on.  Must not raise: it would surface inside Twisted."""
    if not ok and isinstance(connection, _Connection):
        connection.observed.errors.append(ChainError(code, depth, _words(code)))
    return True


def _words(code: int) -> str:
    return _CODE_WORDS.get(code, f"X.509 verification error {code}")


_CODE_WORDS = {
    2: "issuer certificate not found",
    9: "certificate not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in the chain",
    20: "issuer certificate not found locally",
    21: "first certificate cannot be verified",
    24: "issuer is not an authority",
    26: "certificate not meant for this purpose",
    66: "server key too small",
    67: "authority's key too small",
    68: "authority's digest too weak",
    79: "issuer is not an authority",
}


def _evidence(connection: SSL.Connection) -> HandshakeEvidence:
    if not isinstance(connection, _Connection):
        raise TypeError("not a connection of ours")
    observed = connection.observed
    chain = connection.get_peer_cert_chain(as_cryptography=True) or []
    verified = connection.get_verified_chain(as_cryptography=True) or []
    return HandshakeEvidence(
        protocol=connection.get_protocol_version_name(),
        cipher=connection.get_cipher_name() or "",
        bits=connection.get_cipher_bits() or 0,
        group=connection.get_group_name(),
        chain=tuple(each.public_bytes(Encoding.DER) for each in chain),
        verified=tuple(each.public_bytes(Encoding.DER) for each in verified),
        chain_errors=tuple(observed.errors),
        server_name=observed.server_name,
    )
