"""Outbound TLS sessions: one Context per rung and hello, evidence instead of verdicts (shell)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from fopemta.address.ip import is_ip_address
from fopemta.interfaces import IClientTls, ITlsChannel, Resumable
from fopemta.tls.against import OtherRoots
from fopemta.tls.channel import TlsChannel
from fopemta.tls.credentials import Credentials, CredentialsError, load, use
from fopemta.tls.observed import ObservedConnection, keep_staple, observe
from fopemta.tls.roots import RootsError, trust
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.plan import CertificateFiles
from fopemta.trust.rungs import OFFERS, Hello, Offer, Rung, Version

_Contexts: TypeAlias = dict[tuple[Rung, Hello], SSL.Context]

# The longest host name of DNS; OpenSSL accepts no SNI above 255.
_LONGEST_SERVER_NAME = 253

_VERSIONS = {
    Version.TLS_1_0: SSL.TLS1_VERSION,
    Version.TLS_1_1: SSL.TLS1_1_VERSION,
    Version.TLS_1_2: SSL.TLS1_2_VERSION,
    Version.TLS_1_3: SSL.TLS1_3_VERSION,
}


class HandshakeUnfinished(Exception):
    """The handshake has not finished, or the connection is gone: there is nothing to judge."""


class NothingVerified(Exception):
    """OpenSSL did not verify the chain (as on resumption), or the observation failed."""


class _Connection(ObservedConnection):
    """A connection with the SNI and the session that were offered; `lenient` as in HandshakeEvidence."""

    def __init__(
        self, context: SSL.Context, server_name: str | None, resumable: Resumable | None, lenient: bool = False
    ) -> None:
        super().__init__(context)
        self.lenient = lenient
        self.server_name = server_name
        self.resumable = resumable


@attrs.frozen(eq=False)
class _Session:
    """A session with the `context` of its handshake, the only one in which it may be resumed."""

    context: SSL.Context
    session: SSL.Session


@implementer(IClientTls)
class ClientTls:
    """Opens sessions that are verified against `roots` (see `tls.roots`), but not judged; `certificates` are ours, for
    servers that request one.  Raises RootsError and CredentialsError.
    """

    def __init__(self, roots: str, certificates: Iterable[CertificateFiles] = ()) -> None:
        self._roots: str
        self._shown: dict[CertificateFiles, Credentials]
        self._contexts: _Contexts
        self._ours: dict[CertificateFiles, _Contexts]
        self._other_roots: OtherRoots
        self.ready(roots, certificates)()

    def show(self, certificates: Iterable[CertificateFiles]) -> None:
        """Read the certificates named by routes again, and use these from now on.  Raises CredentialsError; then
        nothing has changed.
        """
        try:
            self.ready(self._roots, certificates)()
        except RootsError as error:
            raise CredentialsError(str(error)) from error

    def ready(self, roots: str, certificates: Iterable[CertificateFiles]) -> Callable[[], None]:
        """Read everything again; returns a function that puts it into use and cannot fail.  Raises CredentialsError and
        RootsError.
        """
        return self._made(roots, {files: load(files) for files in dict.fromkeys(certificates)}, roots)

    def read_roots(self) -> None:
        """Read the roots again, since their files have changed.  Raises RootsError on failure; from then on no
        authority is trusted: sessions are encrypted as before, and prove nothing.
        """
        try:
            self._made(self._roots, self._shown, self._roots)()
        except RootsError:
            self._made(self._roots, self._shown, None)()
            raise

    def other_roots(self) -> Mapping[str, object]:
        """The roots of rules and routes that were read, each as it looked then (see `tls.root_watch`)."""
        return self._other_roots.looked

    def _made(self, roots: str, shown: dict[CertificateFiles, Credentials], trusted: str | None) -> Callable[[], None]:
        # A Context must not change after its first use, so one is kept for each combination.  All are made now: later
        # changes to the file of roots must not make a rung unavailable, nor give it different roots.
        contexts = _contexts(trusted, None)
        # The same for each certificate of ours that some server is shown.
        ours = {files: _contexts(trusted, each) for files, each in shown.items()}

        def take_up() -> None:
            self._roots, self._shown, self._contexts, self._ours = roots, shown, contexts, ours
            # The roots of rules and routes are read when needed.
            self._other_roots = OtherRoots()

        return take_up

    def creator(
        self,
        rung: Rung,
        hello: Hello,
        server_name: str | None,
        resumable: Resumable | None = None,
        certificate: CertificateFiles | None = None,
    ) -> IOpenSSLClientConnectionCreator:
        """The same for Twisted's `startTLS`, for tools and tests.  See `channel`."""
        return _Creator(lambda: self._connection(rung, hello, server_name, resumable, certificate))

    def channel(
        self,
        rung: Rung,
        hello: Hello,
        server_name: str | None,
        secured: Callable[[], None],
        received: Callable[[bytes], None],
        resumable: Resumable | None = None,
        certificate: CertificateFiles | None = None,
    ) -> ITlsChannel:
        """See IClientTls.  For every rung but PLAIN.  A certificate that was never read is not shown."""
        connection = self._connection(rung, hello, server_name, resumable, certificate)
        return TlsChannel(connection, False, secured, received)

    def _connection(
        self,
        rung: Rung,
        hello: Hello,
        server_name: str | None,
        resumable: Resumable | None,
        certificate: CertificateFiles | None,
    ) -> SSL.Connection:
        contexts = self._contexts if certificate is None else self._ours.get(certificate, self._contexts)
        name, context = _sni(server_name) if hello.named else None, contexts[rung, hello]
        if resumable is not None and resumable.session.context is not context:
            resumable = None  # the roots may have changed since: what it proved no longer counts
        connection = _Connection(context, name, resumable, lenient=rung is Rung.LENIENT)
        if resumable is not None:
            connection.set_session(resumable.session.session)
        connection.request_ocsp()
        if name is not None:
            connection.set_tlsext_host_name(name.encode("ascii"))
        return connection

    def only(self, offer: Offer) -> ClientTls:
        """A ClientTls that offers only this, whatever rung is asked for.  For tools.  Raises RootsError."""
        other = ClientTls.__new__(ClientTls)
        context = _context(offer, Hello.FULL, self._roots)
        other._roots, other._other_roots = self._roots, self._other_roots
        other._contexts = {(rung, hello): context for rung in OFFERS for hello in Hello}
        other._shown, other._ours = {}, {}
        return other

    def evidence(self, connection: SSL.Connection) -> HandshakeEvidence:
        """See IClientTls."""
        try:
            return _evidence(connection)
        except Exception as error:  # noqa: BLE001  evidence that cannot be read proves nothing
            return HandshakeEvidence(
                protocol="", cipher="", bits=0, group=None, chain=(), chain_errors=(), server_name=None,
                judging_error=type(error).__name__,
            )  # fmt: skip

    def session(self, connection: SSL.Connection) -> _Session | None:
        """See IClientTls."""
        # For versions without resumption OpenSSL returns a session all the same; the server then refuses it.
        session = connection.get_session()
        return None if session is None else _Session(connection.get_context(), session)

    def past_hello(self, connection: SSL.Connection) -> bool:
        """See IClientTls."""
        try:
            # OpenSSL knows the suite once it has read the server's choice.
            return connection.get_cipher_name() is not None
        except Exception:  # noqa: BLE001  whatever it is then, it is no handshake of which more could be said
            return False

    def against(self, evidence: HandshakeEvidence, roots: str) -> HandshakeEvidence:
        """See IClientTls."""
        return self._other_roots.against(evidence, roots)


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    """Makes the Connection that Twisted drives.  Twisted's `optionsForClientTLS` is not used: an unexpected error in
    its callback can count as success.
    """

    def __init__(self, make: Callable[[], SSL.Connection]) -> None:
        self._make = make

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """IOpenSSLClientConnectionCreator."""
        return self._make()


def _sni(server_name: str | None) -> str | None:
    """The name for SNI (RFC 6066 3): never an address, no final dot; None if it is no host name."""
    name = (server_name or "").rstrip(".")
    if not name or not name.isascii() or len(name) > _LONGEST_SERVER_NAME or is_ip_address(name):
        return None
    return name


def _contexts(roots: str | None, ours: Credentials | None) -> _Contexts:
    """A Context for each combination; whether SNI is sent is decided per connection."""
    made = {
        (rung, hello.small): _context(offer, hello, roots, ours)
        for rung, offer in OFFERS.items()
        for hello in (Hello.FULL, Hello.SMALL)
    }
    return {(rung, hello): made[rung, hello.small] for rung in OFFERS for hello in Hello}


def _context(offer: Offer, hello: Hello, roots: str | None, ours: Credentials | None = None) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(_VERSIONS[offer.lowest])
    context.set_max_proto_version(_VERSIONS[offer.highest])
    if offer.tls13:
        context.set_tls13_ciphersuites(":".join(offer.tls13).encode("ascii"))
    if offer.tls12:
        context.set_cipher_list((":".join(offer.tls12) + f":@SECLEVEL={offer.security_level}").encode("ascii"))
    # Only the certificate of the first handshake is judged; a server must not show another later.
    context.set_options(SSL.OP_NO_RENEGOTIATION)
    if offer.legacy_servers:
        context.set_options(SSL.OP_LEGACY_SERVER_CONNECT)
    if hello.small:
        # One classic curve: 294 octets instead of about 1,500 with the post-quantum share.
        context.set_tmp_ecdh(ec.SECP256R1())
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    # OpenSSL offers no session by itself: one is used together with the evidence of its full handshake, or not at all.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if roots is not None:
        trust(context, roots)
    if ours is not None:
        use(context, ours)
    context.set_verify(SSL.VERIFY_PEER, observe)
    context.set_ocsp_client_callback(keep_staple)
    return context


def _evidence(connection: SSL.Connection) -> HandshakeEvidence:
    if not isinstance(connection, _Connection):
        raise TypeError("not a connection of ours")
    observed, cipher = connection.observed, connection.get_cipher_name()
    if cipher is None or not connection.get_peer_finished():
        raise HandshakeUnfinished
    # pyOpenSSL does not say whether a session was resumed, but only then nothing is verified: if a certificate is
    # shown, the callback is called, or the handshake fails.
    if connection.resumable is not None and not observed.seen and not observed.failed:
        return _resumed(connection, cipher, connection.resumable.evidence)
    verified = connection.get_verified_chain(as_cryptography=True)
    if observed.failed or not observed.seen or not verified:
        raise NothingVerified
    chain = connection.get_peer_cert_chain(as_cryptography=True) or []
    return HandshakeEvidence(
        protocol=connection.get_protocol_version_name(),
        cipher=cipher,
        bits=connection.get_cipher_bits() or 0,
        group=connection.get_group_name(),
        chain=tuple(each.public_bytes(Encoding.DER) for each in chain),
        chain_errors=tuple(observed.errors),
        server_name=connection.server_name,
        verified=tuple(each.public_bytes(Encoding.DER) for each in verified),
        staple=observed.staple,
        lenient=connection.lenient,
    )


def _resumed(connection: _Connection, cipher: str, full: HandshakeEvidence) -> HandshakeEvidence:
    """The certificate facts come from the full handshake; the cipher is this session's."""
    return attrs.evolve(
        full,
        protocol=connection.get_protocol_version_name(),
        cipher=cipher,
        bits=connection.get_cipher_bits() or 0,
        group=connection.get_group_name(),
        resumed=True,
    )
