"""Our certificates with their OCSP responses: to who asks, about the certificate that is shown."""

from __future__ import annotations

import itertools

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from fopemta.testing.authority import Leaf, rsa_key
from fopemta.testing.revoking import RevokingAuthority
from fopemta.testing.transport import connect
from fopemta.tls.server import ServerTls
from tests.tls.handshakes import Listener, client_tls, credentials, shake

CA = RevokingAuthority()
RSA = CA.leaf("mx.us.test", key=rsa_key())
ECDSA = CA.leaf("mx.us.test")
OTHER = CA.leaf("mx.other.test")
RESPONSES = {each.chain[0].public_bytes(Encoding.DER): CA.ocsp(each) for each in (RSA, ECDSA, OTHER)}


@implementer(IOpenSSLClientConnectionCreator)
class Asking:
    """A client that asks for a staple, and has suites for one kind of key."""

    def __init__(self, kind: bytes, name: bytes, version: int) -> None:
        self.stapled: list[bytes] = []
        self._name = name
        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._context.set_max_proto_version(version)
        self._context.set_cipher_list(b"ECDHE-" + kind + b"-AES256-GCM-SHA384")
        self._context.set_ocsp_client_callback(lambda _, staple, __: self.stapled.append(staple) or True)

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_tlsext_host_name(self._name)
        connection.request_ocsp()
        return connection


def stapled(server: ServerTls, kind: bytes, name: bytes, version: int = SSL.TLS1_2_VERSION) -> list[bytes]:
    client = Asking(kind, name, version)
    near, far = Listener(client), Listener(server.creator())
    connect(near, far, Clock()).flush()
    assert near.done, near.lost
    return client.stapled


class StaplingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = ServerTls([credentials(each) for each in (RSA, ECDSA, OTHER)])
        self.server.staple(lambda certificate: RESPONSES[certificate])

    def response(self, leaf: Leaf) -> bytes:
        return RESPONSES[leaf.chain[0].public_bytes(Encoding.DER)]

    def test_about_the_certificate_that_is_shown(self) -> None:
        for kind, name, leaf in (
            (b"RSA", b"mx.us.test", RSA),
            (b"ECDSA", b"mx.us.test", ECDSA),
            (b"ECDSA", b"mx.other.test", OTHER),
            (b"ECDSA", b"elsewhere.test", ECDSA),
        ):
            self.assertEqual(stapled(self.server, kind, name), [self.response(leaf)], (kind, name))
        self.assertEqual(stapled(self.server, b"ECDSA", b"mx.us.test", SSL.TLS1_3_VERSION), [self.response(ECDSA)])

    def test_our_own_client_finds_it(self) -> None:
        _, _, evidence = shake(client_tls(CA), self.server.creator(), name="mx.us.test")
        assert evidence is not None
        self.assertEqual(evidence.staple, self.response(ECDSA))

    def test_after_a_renewal_it_is_the_new_one_s(self) -> None:
        self.server.replace([credentials(OTHER)])
        self.assertEqual(stapled(self.server, b"ECDSA", b"mx.us.test"), [self.response(OTHER)])
        self.assertEqual(self.server.chains, (OTHER.chain,))

    def test_none_to_be_had_or_a_fault_of_ours_keeps_nobody_out(self) -> None:
        def fault(_: bytes) -> bytes:
            raise RuntimeError("a bug")

        for staple, version in itertools.product((lambda _: b"", fault), (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)):
            self.server.staple(staple)
            self.assertEqual([each for each in stapled(self.server, b"ECDSA", b"mx.us.test", version) if each], [])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
