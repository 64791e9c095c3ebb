"""A handshake in memory: what the tests of `tls` and `trust` have in common."""

from __future__ import annotations

import tempfile
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.testing.authority import Authority, Leaf
from fopemta.testing.transport import connect
from fopemta.tls.client import ClientTls
from fopemta.tls.credentials import Credentials, load
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.plan import CertificateFiles
from fopemta.trust.rungs import Hello, Rung

AUTHORITY = Authority()


@implementer(IHandshakeListener)
class Listener(Protocol):
    """Starts TLS at once and remembers how that went."""

    def __init__(self, creator: object) -> None:
        self.creator = creator
        self.done = False
        self.lost: Failure | None = None
        self.received = b""

    def connectionMade(self) -> None:
        self.transport.startTLS(self.creator)

    def handshakeCompleted(self) -> None:
        self.done = True

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.lost = reason


@implementer(IOpenSSLServerConnectionCreator)
class FromContext:
    """A server creator for a Context made by a test."""

    def __init__(self, context: SSL.Context) -> None:
        self.context = context

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self.context, None)


def credentials(leaf: Leaf) -> Credentials:
    """`leaf` as a listener reads it."""
    with tempfile.TemporaryDirectory() as folder:
        return load(CertificateFiles(*leaf.write(folder, "leaf")))


def client_tls(authority: Authority = AUTHORITY) -> ClientTls:
    """A client that trusts `authority` alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = authority.write_root(folder)
        return ClientTls(path)


def shake(
    client: ClientTls, server: object, rung: Rung = Rung.STRONG_256, hello: Hello = Hello.FULL, name: str = "mx.test"
) -> tuple[Listener, Listener, HandshakeEvidence | None]:
    """One handshake between `client` and a server creator: both ends, and the evidence where it completed."""
    near, far = Listener(client.creator(rung, hello, name)), Listener(server)
    connect(near, far, Clock()).flush()
    return near, far, client.evidence(near.transport.getHandle()) if near.done else None


def server_context(leaf: Leaf, **changes: object) -> SSL.Context:
    """A server Context with `leaf`; `changes`: ciphers, minimum, maximum, tls13."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    if "ciphers" in changes:
        context.set_cipher_list(changes["ciphers"])
    with tempfile.TemporaryDirectory() as folder:
        chain, key = leaf.write(Path(folder), "leaf")
        context.use_certificate_chain_file(chain)
        context.use_privatekey_file(key)
    if "minimum" in changes:
        context.set_min_proto_version(changes["minimum"])
    if "maximum" in changes:
        context.set_max_proto_version(changes["maximum"])
    if "tls13" in changes:
        context.set_tls13_ciphersuites(changes["tls13"])
    return context
