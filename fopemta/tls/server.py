"""Inbound TLS sessions: our certificates, our order of suites (shell)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from fopemta.interfaces import IServerTls
from fopemta.mail.envelope import TlsSession
from fopemta.tls.credentials import Credentials
from fopemta.trust.rungs import SERVER_TLS12, SERVER_TLS13


@implementer(IServerTls)
class ServerTls:
    """One Context with every certificate of `credentials` (at most one per key type is chosen from, e.g. RSA beside
    ECDSA).  Raises OpenSSL.SSL.Error when OpenSSL does not take one.
    """

    def __init__(self, credentials: Sequence[Credentials]) -> None:
        self._context = _context(credentials)

    def replace(self, credentials: Sequence[Credentials]) -> None:
        """Serve `credentials` from the next connection on: a new Context, since a used one cannot be changed.

        Raises OpenSSL.SSL.Error, then the old ones stay in use.
        """
        self._context = _context(credentials)

    def creator(self) -> IOpenSSLServerConnectionCreator:
        """See IServerTls."""
        return _Creator(self._context)

    def session(self, connection: SSL.Connection) -> TlsSession:
        """See IServerTls."""
        name = connection.get_servername()
        return TlsSession(
            protocol=connection.get_protocol_version_name(),
            cipher=connection.get_cipher_name() or "",
            bits=connection.get_cipher_bits() or 0,
            server_name=name.decode("ascii", "backslashreplace") if name else None,
        )


@implementer(IOpenSSLServerConnectionCreator)
class _Creator:
    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """IOpenSSLServerConnectionCreator."""
        return SSL.Connection(self._context, None)


def _context(credentials: Sequence[Credentials]) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_tls13_ciphersuites(":".join(SERVER_TLS13).encode("ascii"))
    # Old clients with static RSA may still come in encrypted; the strongest that both sides have is chosen.
    context.set_cipher_list((":".join(SERVER_TLS12) + ":@SECLEVEL=1").encode("ascii"))
    context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    # Without it resumed handshakes break once a client certificate is asked for.
    context.set_session_id(b"fopemta")
    for each in credentials:
        _add(context, each)
    return context


def _add(context: SSL.Context, credentials: Credentials) -> None:
    # `add_extra_chain_cert` would send every intermediate with either leaf; a chain file keeps them apart per key
    # type, and pyOpenSSL reads one from a path only: a private copy of the bytes that were checked.
    with tempfile.NamedTemporaryFile(suffix=".pem") as copy:
        for certificate in credentials.chain:
            copy.write(certificate.public_bytes(Encoding.PEM))
        copy.flush()
        context.use_certificate_chain_file(copy.name)
    context.use_privatekey(credentials.key)
    context.check_privatekey()
