"""Inbound contexts: our order, our certificates."""

from __future__ import annotations

import attrs
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from fopemta.interfaces import IServerTls
from fopemta.testing.authority import Authority, Leaf, rsa_key
from fopemta.testing.transport import connect
from fopemta.tls.credentials import CredentialsError
from fopemta.tls.server import ServerTls
from tests.tls.handshakes import AUTHORITY, Listener, client_tls, credentials, shake


@implementer(IOpenSSLClientConnectionCreator)
class ClientOf:
    """A client creator for a Context made by a test."""

    def __init__(self, **changes: object) -> None:
        self.server_name = changes.get("server_name")
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.context.set_min_proto_version(changes.get("minimum", SSL.TLS1_VERSION))
        self.context.set_max_proto_version(changes.get("maximum", SSL.TLS1_3_VERSION))
        if "ciphers" in changes:
            self.context.set_cipher_list(changes["ciphers"])
        if "tls13" in changes:
            self.context.set_tls13_ciphersuites(changes["tls13"])

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        if self.server_name is not None:
            connection.set_tlsext_host_name(self.server_name)
        return connection


def offered(server: ServerTls, **changes: object) -> str | None:
    """The cipher that a client with `changes` gets, None where the handshake fails."""
    near, far = Listener(ClientOf(**changes)), Listener(server.creator())
    connect(near, far, Clock()).flush()
    return server.session(far.transport.getHandle()).cipher if far.done else None


class ServerTlsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = ServerTls([credentials(AUTHORITY.leaf("mx.test"))])

    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IServerTls, self.server))

    def test_the_strongest_is_chosen_by_our_order(self) -> None:
        # RULINGS 29: whatever the client would like best.
        table = {
            b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384": "TLS_AES_256_GCM_SHA384",
            b"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256": "TLS_CHACHA20_POLY1305_SHA256",
            b"TLS_AES_128_GCM_SHA256": "TLS_AES_128_GCM_SHA256",
        }
        self.assertEqual({suites: offered(self.server, tls13=suites) for suites in table}, table)

    def test_tls12_clients_get_the_strongest_too(self) -> None:
        suites = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
        cipher = offered(self.server, maximum=SSL.TLS1_2_VERSION, ciphers=suites)
        self.assertEqual(cipher, "ECDHE-ECDSA-AES256-GCM-SHA384")

    def test_tls_below_1_2_is_refused(self) -> None:
        self.assertIsNone(offered(self.server, maximum=SSL.TLS1_1_VERSION, ciphers=b"ALL:@SECLEVEL=0"))

    def test_rsa_and_ecdsa_side_by_side(self) -> None:
        both = ServerTls(
            [credentials(AUTHORITY.leaf("mx.test")), credentials(AUTHORITY.leaf("mx.test", key=rsa_key()))]
        )
        for kind in ("ECDSA", "RSA"):
            suite = f"ECDHE-{kind}-AES256-GCM-SHA384"
            self.assertEqual(offered(both, maximum=SSL.TLS1_2_VERSION, ciphers=suite.encode()), suite)

    def test_chain_is_presented_with_its_intermediate(self) -> None:
        # R20
        _, _, evidence = shake(client_tls(), self.server.creator())
        assert evidence is not None
        self.assertEqual(len(evidence.chain), 2)

    def test_each_kind_of_client_gets_only_the_chain_of_its_leaf(self) -> None:
        other = Authority("another")
        both = ServerTls([credentials(AUTHORITY.leaf("mx.test")), credentials(other.leaf("mx.test", key=rsa_key()))])
        for kind, authority in (("ECDSA", AUTHORITY), ("RSA", other)):
            near, far = (
                Listener(ClientOf(maximum=SSL.TLS1_2_VERSION, ciphers=f"ECDHE-{kind}-AES256-GCM-SHA384".encode())),
                Listener(both.creator()),
            )
            connect(near, far, Clock()).flush()
            chain = near.transport.getHandle().get_peer_cert_chain(as_cryptography=True)
            self.assertEqual([each.subject for each in chain[1:]], [authority.intermediate.subject])

    def test_C015_no_certificate_is_an_error_at_once(self) -> None:
        self.assertRaises(CredentialsError, ServerTls, [])

    def test_key_that_openssl_does_not_take_is_an_error_with_words(self) -> None:
        weak = AUTHORITY.leaf("mx.test", key=rsa_key(1024))
        good = credentials(AUTHORITY.leaf("mx.test", key=rsa_key()))
        mixed = attrs.evolve(good, key=weak.key, source="/etc/mx.pem")
        self.assertIn(
            "/etc/mx.pem: OpenSSL does not take it", str(self.assertRaises(CredentialsError, ServerTls, [mixed]))
        )

    def test_C019_client_cannot_renegotiate(self) -> None:
        near, far = Listener(ClientOf(maximum=SSL.TLS1_2_VERSION)), Listener(self.server.creator())
        pump = connect(near, far, Clock())
        pump.flush()
        near.transport.getHandle().renegotiate()
        near.transport.write(b"x")
        pump.flush()
        self.assertEqual(far.transport.getHandle().total_renegotiations(), 0)

    def test_server_name_of_a_stranger_is_a_host_name_or_nothing(self) -> None:
        for sent, wanted in ((b"MX.Test", "mx.test"), (b"mx\r\nforged: entry", None), (b"\xff\xfe", None)):
            near, far = Listener(ClientOf(server_name=sent)), Listener(self.server.creator())
            connect(near, far, Clock()).flush()
            self.assertEqual(self.server.session(far.transport.getHandle()).server_name, wanted)

    def test_replaced_certificate_is_served_from_the_next_connection_on(self) -> None:
        # C008
        leaf = AUTHORITY.leaf("mx.test")
        self.server.replace([credentials(leaf)])
        _, _, evidence = shake(client_tls(), self.server.creator())
        assert evidence is not None
        self.assertEqual(evidence.chain[0], _der(leaf))


def _der(leaf: Leaf) -> bytes:
    return leaf.chain[0].public_bytes(Encoding.DER)
