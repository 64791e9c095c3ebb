"""Inbound TLS sessions: our certificates, our order of suites (shell)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from fopemta.interfaces import IServerTls
from fopemta.mail.envelope import TlsSession
from fopemta.tls.credentials import Credentials, CredentialsError
from fopemta.trust.rungs import SERVER_TLS12, SERVER_TLS13

# What a server name may consist of before it reaches logs and records.
_HOST_NAME = re.compile(rb"[A-Za-z0-9._-]{1,253}")


@implementer(IServerTls)
class ServerTls:
    """One Context with every certificate of `credentials`, at most one for each kind of key: of an RSA and an ECDSA
    certificate a client is shown the one that it can use, ECDSA where it can use both.

    Raises CredentialsError when OpenSSL does not take one of them, or when there is none.
    """

    def __init__(self, credentials: Sequence[Credentials]) -> None:
        self._context = _context(credentials)

    def replace(self, credentials: Sequence[Credentials]) -> None:
        """Serve `credentials` from the next connection on: a new Context, since a used one cannot be changed.

        The keys of session tickets are new with it, too.  Raises CredentialsError, then the old ones stay in use.
        """
        self._context = _context(credentials)

    def creator(self) -> IOpenSSLServerConnectionCreator:
        """See IServerTls."""
        return _Creator(self._context)

    def session(self, connection: SSL.Connection) -> TlsSession:
        """See IServerTls.  `server_name` is None where what the client sent is no host name."""
        name = connection.get_servername()
        return TlsSession(
            protocol=connection.get_protocol_version_name(),
            cipher=connection.get_cipher_name() or "",
            bits=connection.get_cipher_bits() or 0,
            server_name=name.decode("ascii").lower() if name and _HOST_NAME.fullmatch(name) else None,
        )


@implementer(IOpenSSLServerConnectionCreator)
class _Creator:
    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """IOpenSSLServerConnectionCreator."""
        return SSL.Connection(self._context, None)


def _context(credentials: Sequence[Credentials]) -> SSL.Context:
    if not credentials:
        # C015: a listener that says 220 to STARTTLS and has nothing to show.
        raise CredentialsError("there is no certificate to serve")
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
        try:
            context.use_certificate_chain_file(copy.name)
            context.use_privatekey(credentials.key)
            context.check_privatekey()
        except SSL.Error as error:
            words = "; ".join(str(entry[-1]) for entry in error.args[0]) if error.args else ""
            raise CredentialsError(
                f"{credentials.source}: OpenSSL does not take it ({words or 'no reason'})"
            ) from error
