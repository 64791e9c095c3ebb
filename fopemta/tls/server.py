"""Inbound TLS sessions (shell): our certificates, our order of suites, and the certificates of clients."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta import maillog
from fopemta.config.model import ClientCertificates, ClientEku, Listener, ServerVersion, TlsServer
from fopemta.interfaces import IServerTls, ITlsChannel
from fopemta.mail.envelope import TlsSession
from fopemta.tls.channel import TlsChannel
from fopemta.tls.credentials import Credentials, CredentialsError, use
from fopemta.tls.groups import prefer
from fopemta.tls.observed import ObservedConnection, observe
from fopemta.tls.roots import RootsError, trust
from fopemta.trust.client_certificate import judge_client
from fopemta.trust.evidence import ClientCertificate
from fopemta.trust.listener_offer import PROFILES, ListenerOffer, ServerProfile, offer_of
from fopemta.trust.names import Patterns, matching, patterns, presented

# The characters that a server name may have before it reaches logs and records.
_HOST_NAME = re.compile(rb"[A-Za-z0-9._-]{1,253}")
_VERSIONS = {ServerVersion.TLS_1_2: SSL.TLS1_2_VERSION, ServerVersion.TLS_1_3: SSL.TLS1_3_VERSION}
_VERIFY = {
    ClientCertificates.REQUEST: SSL.VERIFY_PEER,
    ClientCertificates.REQUIRE: SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
}


@attrs.frozen(kw_only=True)
class ServerSettings:
    """The TLS offer of a listener, and what it requests of its clients; see `config.model.TlsServer`."""

    client_certificates: ClientCertificates = ClientCertificates.IGNORE
    client_roots: str = "system"
    client_eku: ClientEku = ClientEku.ANY
    lowest: ServerVersion = ServerVersion.TLS_1_2
    offer: ListenerOffer = PROFILES[ServerProfile.INTERNET_NL]

    @classmethod
    def of(cls, server: TlsServer, listener: Listener) -> ServerSettings:
        """The settings of a listener."""
        return cls(
            client_certificates=listener.asks_for(server.client_certificates),
            client_roots=server.client_roots,
            client_eku=server.client_eku,
            lowest=server.lowest,
            offer=offer_of(server, listener),
        )

    @property
    def asks(self) -> bool:
        """Whether clients are asked for a certificate."""
        return self.client_certificates is not ClientCertificates.IGNORE


_DEFAULT = ServerSettings()

Staple: TypeAlias = Callable[[bytes], bytes]
_Stapled: TypeAlias = Callable[[SSL.Connection, object], bytes]


@implementer(IServerTls)
class ServerTls:
    """Serves `credentials`.

    Certificates with the same names form a group, with at most one for each kind of key: of an RSA and an ECDSA
    certificate a client gets the one it supports, ECDSA if it supports both.  A client that names a host (SNI) gets the
    group that matches the name; all others get the first group.  `now` gives the wall time.

    Raises CredentialsError if OpenSSL does not accept one of them, or there is none; RootsError.
    """

    def __init__(
        self,
        credentials: Sequence[Credentials],
        settings: ServerSettings = _DEFAULT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._staple: Staple | None = None
        self.chains: tuple[tuple[x509.Certificate, ...], ...]
        self._context: SSL.Context
        self._credentials: Sequence[Credentials]
        self._settings: ServerSettings
        self.ready(credentials, settings)()

    def staple(self, staple: Staple) -> None:
        """Set the source of OCSP responses: it maps a certificate in DER to a response in DER, or b""."""
        self._staple = staple

    def _stapled(self, connection: SSL.Connection, _: object) -> bytes:
        """Called by OpenSSL within the handshake, for a client that asks.  If anything goes wrong here, mail must still
        come in, without a staple.
        """
        try:
            shown = connection.get_certificate(as_cryptography=True) if self._staple is not None else None
            return b"" if shown is None or self._staple is None else self._staple(shown.public_bytes(Encoding.DER))
        except Exception as error:  # noqa: BLE001  see above
            maillog.background_failure("stapling", Failure(error))
            return b""

    def replace(self, credentials: Sequence[Credentials]) -> None:
        """Serve `credentials` from the next connection on, with new Contexts, since a used one cannot be changed.

        The keys of session tickets change too.  Raises CredentialsError; then the old ones stay in use.
        """
        try:
            self.ready(credentials, self._settings)()
        except RootsError as error:
            raise CredentialsError(str(error)) from error

    def ready(self, credentials: Sequence[Credentials], settings: ServerSettings) -> Callable[[], None]:
        """A function that replaces both and cannot fail.  Raises CredentialsError and RootsError."""
        return self._made(credentials, settings, settings.client_roots)

    def read_roots(self) -> None:
        """Read the roots for clients again, since their files have changed.  Raises RootsError on failure; from then on
        no client's certificate proves anything.
        """
        try:
            self.ready(self._credentials, self._settings)()
        except RootsError:
            self._made(self._credentials, self._settings, None)()
            raise

    def _made(
        self, credentials: Sequence[Credentials], settings: ServerSettings, trusted: str | None
    ) -> Callable[[], None]:
        context = _contexts(credentials, settings, trusted, self._stapled)

        def serve() -> None:
            self._context, self._credentials, self._settings = context, credentials, settings
            self.chains = tuple(each.chain for each in credentials)

        return serve

    def creator(self) -> IOpenSSLServerConnectionCreator:
        """The same for Twisted's `startTLS`, for tools and tests."""
        return _Creator(self._context)

    def channel(
        self, secured: Callable[[], None], received: Callable[[bytes], None], ended: Callable[[], None] | None = None
    ) -> ITlsChannel:
        """See IServerTls."""
        return TlsChannel(ObservedConnection(self._context), True, secured, received, ended)

    def session(self, connection: SSL.Connection) -> TlsSession:
        """See IServerTls.  `server_name` is None if the client's SNI is no host name."""
        name = connection.get_servername()
        return TlsSession(
            protocol=connection.get_protocol_version_name(),
            cipher=connection.get_cipher_name() or "",
            bits=connection.get_cipher_bits() or 0,
            server_name=name.decode("ascii").lower() if name and _HOST_NAME.fullmatch(name) else None,
            client=self._client(connection) if self._settings.asks else None,
            client_asked=self._settings.asks,
        )

    def _client(self, connection: SSL.Connection) -> ClientCertificate | None:
        if connection.get_peer_certificate() is None:
            return None
        observed = connection.observed if isinstance(connection, ObservedConnection) else None
        chain = connection.get_verified_chain(as_cryptography=True)
        if observed is None or observed.failed or not observed.seen or not chain:
            return ClientCertificate(fault="the certificate was not verified")
        return judge_client(
            tuple(each.public_bytes(Encoding.DER) for each in chain),
            tuple(observed.errors),
            self._now(),
            self._settings.client_eku is ClientEku.ANY,
        )


@implementer(IOpenSSLServerConnectionCreator)
class _Creator:
    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """IOpenSSLServerConnectionCreator."""
        return ObservedConnection(self._context)


# --- contexts --------------------------------------------------------------------------------------------------------


def _contexts(
    credentials: Sequence[Credentials], settings: ServerSettings, trusted: str | None, stapled: _Stapled
) -> SSL.Context:
    """The Context of the first group, which switches to another group's when a client names a host of it."""
    if not credentials:
        # A listener that offers STARTTLS must have a certificate.
        raise CredentialsError("there is no certificate to serve")
    groups = _groups(credentials)
    # A session of another listener, or of other settings, is not valid here.
    name = secrets.token_bytes(16)
    contexts = [(_patterns(group), _context(group, settings, trusted, name)) for group in groups]
    for _, each in contexts:
        each.set_ocsp_server_callback(stapled)
    first = contexts[0][1]
    if len(contexts) > 1:
        first.set_tlsext_servername_callback(lambda connection: _choose(connection, contexts))
    return first


def _groups(credentials: Sequence[Credentials]) -> list[list[Credentials]]:
    """Group credentials with the same names, in order."""
    groups: dict[frozenset[str], list[Credentials]] = {}
    for each in credentials:
        names = presented(each.chain[0])
        group = groups.setdefault(frozenset((*names.dns, *names.addresses)), [])
        if any(type(each.key) is type(other.key) for other in group):
            raise CredentialsError(f"{each.source}: there is another certificate with the same names and kind of key")
        group.append(each)
    return list(groups.values())


def _patterns(group: Sequence[Credentials]) -> Patterns:
    return patterns(presented(group[0].chain[0]))


def _choose(connection: SSL.Connection, contexts: Sequence[tuple[Patterns, SSL.Context]]) -> None:
    """Called by OpenSSL within the handshake; an unknown name changes nothing."""
    name = connection.get_servername()
    if not name or not _HOST_NAME.fullmatch(name):
        return
    wanted = (name.decode("ascii").lower(),)
    for fitting, context in contexts:
        if matching(fitting, wanted) is not None:
            connection.set_context(context)
            return


def _context(
    credentials: Sequence[Credentials], settings: ServerSettings, trusted: str | None, name: bytes
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    _speak(context, settings)
    context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    # Without it resumed handshakes fail once a client certificate is requested.
    context.set_session_id(name)
    if settings.asks:
        # On resumption nothing is verified, so a client's identity would not be judged by today's time.
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        if trusted is not None:
            trust(context, trusted)
        context.set_verify(_VERIFY[settings.client_certificates], observe)
    for each in credentials:
        use(context, each)
    return context


def _speak(context: SSL.Context, settings: ServerSettings) -> None:
    offer = settings.offer
    lowest, highest = _VERSIONS[settings.lowest], SSL.TLS1_3_VERSION
    if offer.tls13:
        context.set_tls13_ciphersuites(":".join(offer.tls13).encode("ascii"))
    else:
        highest = SSL.TLS1_2_VERSION
    if offer.tls12:
        # Level 1: an old sender's client certificate, and a key of ours, may be weak and still encrypt.
        context.set_cipher_list((":".join(offer.tls12) + ":@SECLEVEL=1").encode("ascii"))
    else:
        lowest = SSL.TLS1_3_VERSION
    context.set_min_proto_version(lowest)
    context.set_max_proto_version(highest)
    prefer(context, offer.groups)
