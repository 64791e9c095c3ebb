"""Inbound contexts: our order, our certificates."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import partial

import attrs
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from fopemta.config.model import ClientCertificates, ClientEku, ServerVersion, TlsServer
from fopemta.config.model import Listener as ConfiguredListener
from fopemta.interfaces import IServerTls
from fopemta.mail.envelope import TlsSession
from fopemta.testing.authority import Authority, Leaf, rsa_key
from fopemta.testing.transport import connect
from fopemta.tls.credentials import CredentialsError
from fopemta.tls.roots import RootsError
from fopemta.tls.server import ServerSettings, ServerTls
from fopemta.trust.evidence import ClientCertificate
from fopemta.trust.listener_offer import KNOWN_SUITES, PROFILES, ListenerOffer, ServerProfile
from tests.tls.handshakes import AUTHORITY, Listener, client_tls, credentials, shake


@implementer(IOpenSSLClientConnectionCreator)
class ClientOf:
    """A client creator for a Context made by a test."""

    def __init__(self, **changes: object) -> None:
        self.server_name = changes.get("server_name")
        self.session: object = None
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
        if self.session is not None:
            connection.set_session(self.session)
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
        # Whatever the client would like best.
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
        text = str(self.assertRaises(CredentialsError, ServerTls, [mixed]))
        self.assertIn("/etc/mx.pem: OpenSSL does not take it (", text)
        self.assertIn("key values mismatch", text)

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


class SessionTests(SynchronousTestCase):
    """A listener's sessions are its own."""

    def resumed(self, first: ServerTls, second: ServerTls, maximum: int, between: Callable[[], object] = list) -> bool:
        """A client takes the session that `first` has given it to `second`; `between` the two something happens."""
        client = ClientOf(maximum=maximum)
        seen: list[int] = []
        client.context.set_verify(SSL.VERIFY_PEER, lambda *_: bool(seen.append(1)) or True)
        near, far = Listener(client), Listener(first.creator())
        pump = connect(near, far, Clock())
        pump.flush()
        far.transport.write(b"220 us.test\r\n")
        pump.flush()
        client.session = near.transport.getHandle().get_session()
        between()
        self.assertTrue(seen)
        seen.clear()
        near, far = Listener(client), Listener(second.creator())
        connect(near, far, Clock()).flush()
        self.assertTrue(far.done)
        # Nothing is verified where a session is resumed.
        return not seen

    def test_resumed_where_it_was_given_and_nowhere_else(self) -> None:
        served = [credentials(AUTHORITY.leaf("mx.test"))]
        one, other = ServerTls(served), ServerTls(served)
        for maximum in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            self.assertTrue(self.resumed(one, one, maximum))
            self.assertFalse(self.resumed(one, other, maximum))

    def test_it_ends_with_the_certificates_the_settings_and_the_roots(self) -> None:
        served = [credentials(AUTHORITY.leaf("mx.test"))]
        for maximum in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            server = ServerTls(served)
            for change in (
                partial(server.replace, served),
                lambda server=server: server.ready(served, ServerSettings())(),
                server.read_roots,
            ):
                self.assertFalse(self.resumed(server, server, maximum, change))


class SettingsTests(SynchronousTestCase):
    """What a listener speaks is what its settings say."""

    LEAVES = (AUTHORITY.leaf("mx.test"), AUTHORITY.leaf("mx.test", key=rsa_key()))

    def test_each_suite_of_each_profile_and_no_other(self) -> None:
        for profile in ServerProfile:
            offer = PROFILES[profile]
            server = ServerTls([credentials(each) for each in self.LEAVES], ServerSettings(offer=offer))
            for suite in KNOWN_SUITES:
                if suite.startswith("TLS_"):
                    found = offered(server, minimum=SSL.TLS1_3_VERSION, tls13=suite.encode())
                else:
                    found = offered(server, maximum=SSL.TLS1_2_VERSION, ciphers=f"{suite}:@SECLEVEL=0".encode())
                self.assertEqual(found is not None, suite in (*offer.tls13, *offer.tls12), (profile, suite))

    def test_one_version_alone(self) -> None:
        new, old = ("TLS_AES_256_GCM_SHA384",), ("ECDHE-ECDSA-AES256-GCM-SHA384",)
        groups = ("secp256r1",)
        for offer, wanted in (
            (ListenerOffer(new, (), groups), (None, new[0])),
            (ListenerOffer((), old, groups), (old[0], old[0])),
            (ListenerOffer(new, old, groups), (old[0], new[0])),
        ):
            server = ServerTls([credentials(self.LEAVES[0])], ServerSettings(offer=offer))
            found = tuple(offered(server, maximum=each) for each in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION))
            self.assertEqual(found, wanted)

    def test_of_a_listener_that_says_nothing(self) -> None:
        found = ServerSettings.of(TlsServer(), ConfiguredListener(endpoint="tcp:25"))
        self.assertEqual(found, ServerSettings())
        self.assertEqual(found.offer, PROFILES[ServerProfile.INTERNET_NL])
        self.assertEqual(
            [ServerSettings(client_certificates=each).asks for each in ClientCertificates], [False, True, True]
        )

    def test_of_a_listener(self) -> None:
        server = TlsServer(
            client_certificates=ClientCertificates.REQUEST, client_roots="/r.pem", client_eku=ClientEku.STRICT,
            lowest=ServerVersion.TLS_1_3, profile=ServerProfile.BSI,
        )  # fmt: skip
        found = ServerSettings.of(server, ConfiguredListener(endpoint="tcp:25"))
        self.assertEqual(
            found,
            ServerSettings(
                client_certificates=ClientCertificates.REQUEST, client_roots="/r.pem", client_eku=ClientEku.STRICT,
                lowest=ServerVersion.TLS_1_3, offer=PROFILES[ServerProfile.BSI],
            ),
        )  # fmt: skip
        own = ConfiguredListener(
            endpoint="tcp:25", client_certificates=ClientCertificates.REQUIRE, profile=ServerProfile.MAIL
        )
        found = ServerSettings.of(server, own)
        self.assertEqual(
            (found.client_certificates, found.offer), (ClientCertificates.REQUIRE, PROFILES[ServerProfile.MAIL])
        )


class SeveralNamesTests(SynchronousTestCase):
    """Certificates chosen by the name that the client sends."""

    def setUp(self) -> None:
        self.first = AUTHORITY.leaf("mx.test")
        self.other = AUTHORITY.leaf("mail.customer.test", "*.shop.test")
        self.other_rsa = AUTHORITY.leaf("mail.customer.test", "*.shop.test", key=rsa_key())
        self.server = ServerTls([credentials(each) for each in (self.first, self.other, self.other_rsa)])

    def shown(self, name: bytes | None, **changes: object) -> bytes:
        near, far = Listener(ClientOf(server_name=name, **changes)), Listener(self.server.creator())
        connect(near, far, Clock()).flush()
        assert far.done
        return near.transport.getHandle().get_peer_certificate(as_cryptography=True).public_bytes(Encoding.DER)

    def test_by_name(self) -> None:
        table = {
            None: self.first,
            b"mx.test": self.first,
            b"nobody.test": self.first,
            b"MAIL.customer.test": self.other,
            b"a.shop.test": self.other,
            b"a.b.shop.test": self.first,
            b"\xff\n": self.first,
        }
        self.assertEqual({name: self.shown(name) for name in table}, {name: _der(leaf) for name, leaf in table.items()})

    def test_both_kinds_of_key_behind_a_name(self) -> None:
        suite = b"ECDHE-RSA-AES256-GCM-SHA384"
        found = self.shown(b"mail.customer.test", maximum=SSL.TLS1_2_VERSION, ciphers=suite)
        self.assertEqual(found, _der(self.other_rsa))

    def test_two_of_a_kind_with_the_same_names_are_an_error(self) -> None:
        twice = [credentials(AUTHORITY.leaf("mx.test")) for _ in range(2)]
        self.assertIn("same names and kind of key", str(self.assertRaises(CredentialsError, ServerTls, twice)))


class ClientCertificateTests(SynchronousTestCase):
    """R4: whom a client proves to be."""

    def session(
        self, leaf: Leaf | None, ask: ClientCertificates = ClientCertificates.REQUEST, **settings: object
    ) -> TlsSession | None:
        with tempfile.TemporaryDirectory() as folder:
            roots = AUTHORITY.write_root(folder)
            server = ServerTls(
                [credentials(AUTHORITY.leaf("mx.test"))],
                ServerSettings(client_certificates=ask, client_roots=roots, **settings),  # type: ignore[arg-type]
                AUTHORITY.now.timestamp,
            )
            client = ClientOf()
            if leaf is not None:
                chain, key = leaf.write(folder, "client")
                client.context.use_certificate_chain_file(chain)
                client.context.use_privatekey_file(key)
        near, far = Listener(client), Listener(server.creator())
        connect(near, far, Clock()).flush()
        return server.session(far.transport.getHandle()) if far.done else None

    def client(self, leaf: Leaf | None, **settings: object) -> ClientCertificate:
        session = self.session(leaf, **settings)  # type: ignore[arg-type]
        assert session is not None
        assert session.client is not None
        return session.client

    def test_a_good_one(self) -> None:
        leaf = AUTHORITY.leaf("MTA.partner.test")
        found = self.client(leaf)
        self.assertEqual((found.verified, found.fault, found.names), (True, None, ("mta.partner.test",)))
        self.assertEqual(found.sha256, hashlib.sha256(_der(leaf)).hexdigest())
        self.assertEqual((len(found.key_sha256), found.subject), (64, "CN=MTA.partner.test"))

    def test_bad_ones_are_named_and_let_in(self) -> None:
        table = {
            "self-signed": AUTHORITY.self_signed("mta.test"),
            "another authority": Authority("another").leaf("mta.test"),
            "expired": AUTHORITY.leaf("mta.test", days=(-10, -1)),
            "weak": AUTHORITY.leaf("mta.test", key=rsa_key(1024)),
        }
        for case, leaf in table.items():
            try:
                found = self.client(leaf)
            except SSL.Error:
                continue  # OpenSSL's own client does not take it
            self.assertFalse(found.verified, case)
            self.assertTrue(found.fault, case)

    def test_a_certificate_for_servers(self) -> None:
        leaf = AUTHORITY.leaf("mta.test")  # serverAuth alone
        self.assertTrue(self.client(leaf, client_eku=ClientEku.ANY).verified)
        strict = self.client(leaf, client_eku=ClientEku.STRICT)
        self.assertFalse(strict.verified)
        self.assertEqual(strict.fault, "not meant for clients (depth 0)")

    def test_roots_that_change(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            roots = Authority("others").write_root(folder)
            settings = ServerSettings(client_certificates=ClientCertificates.REQUEST, client_roots=roots)
            server = ServerTls([credentials(AUTHORITY.leaf("mx.test"))], settings, AUTHORITY.now.timestamp)
            leaf = AUTHORITY.leaf("mta.test")
            self.assertFalse(self.shown(server, leaf).verified)
            AUTHORITY.write_root(folder)
            self.assertFalse(self.shown(server, leaf).verified)
            server.read_roots()
            self.assertTrue(self.shown(server, leaf).verified)
            os.unlink(roots)
            # Nobody is trusted, and everybody may come in as before.
            self.assertRaises(RootsError, server.read_roots)
            self.assertEqual(self.shown(server, leaf).names, ("mta.test",))
            self.assertFalse(self.shown(server, leaf).verified)
            # A certificate of ours that is renewed meanwhile does not bring them back.
            self.assertRaises(CredentialsError, server.replace, [credentials(AUTHORITY.leaf("mx.test"))])
            AUTHORITY.write_root(folder)
            server.read_roots()
            self.assertTrue(self.shown(server, leaf).verified)

    def shown(self, server: ServerTls, leaf: Leaf) -> ClientCertificate:
        client = ClientOf()
        with tempfile.TemporaryDirectory() as folder:
            chain, key = leaf.write(folder, "client")
            client.context.use_certificate_chain_file(chain)
            client.context.use_privatekey_file(key)
        near, far = Listener(client), Listener(server.creator())
        connect(near, far, Clock()).flush()
        found = server.session(far.transport.getHandle()).client
        assert found is not None
        return found

    def test_what_nobody_has_looked_at_proves_nothing(self) -> None:
        for change in ({"seen": 0}, {"failed": True}):
            with tempfile.TemporaryDirectory() as folder:
                server = ServerTls(
                    [credentials(AUTHORITY.leaf("mx.test"))],
                    ServerSettings(
                        client_certificates=ClientCertificates.REQUEST, client_roots=AUTHORITY.write_root(folder)
                    ),
                    AUTHORITY.now.timestamp,
                )
                client = ClientOf()
                chain, key = AUTHORITY.leaf("mta.test").write(folder, "client")
                client.context.use_certificate_chain_file(chain)
                client.context.use_privatekey_file(key)
            near, far = Listener(client), Listener(server.creator())
            connect(near, far, Clock()).flush()
            handle = far.transport.getHandle()
            self.assertTrue(server.session(handle).client.verified)  # type: ignore[union-attr]
            for name, value in change.items():
                setattr(handle.observed, name, value)
            self.assertEqual(server.session(handle).client, ClientCertificate(fault="the certificate was not verified"))

    def test_none_shown(self) -> None:
        requested = self.session(None)
        assert requested is not None
        self.assertEqual((requested.client, requested.client_asked), (None, True))
        self.assertIsNone(self.session(None, ClientCertificates.REQUIRE))
        ignored = self.session(AUTHORITY.leaf("mta.test"), ClientCertificates.IGNORE)
        assert ignored is not None
        self.assertEqual((ignored.client, ignored.client_asked), (None, False))

    def test_lowest_version(self) -> None:
        server = ServerTls([credentials(AUTHORITY.leaf("mx.test"))], ServerSettings(lowest=ServerVersion.TLS_1_3))
        self.assertIsNone(offered(server, maximum=SSL.TLS1_2_VERSION))
        self.assertIsNotNone(offered(server))
