"""Outbound contexts: what each rung offers, and what a handshake shows."""

from __future__ import annotations

import base64
import itertools
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.interfaces import IClientTls, Resumable
from fopemta.testing.authority import Authority, Leaf
from fopemta.testing.revoking import RevokingAuthority
from fopemta.testing.transport import connect
from fopemta.tls.channel import TlsChannel
from fopemta.tls.client import ClientTls
from fopemta.tls.credentials import CredentialsError
from fopemta.tls.roots import RootsError
from fopemta.tls.server import ServerTls
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.evidence import HandshakeEvidence
from fopemta.trust.families import FAMILIES
from fopemta.trust.pkix import judge
from fopemta.trust.plan import CertificateFiles
from fopemta.trust.rungs import OFFERS, Hello, Rung
from tests.tls.handshakes import AUTHORITY, FromContext, Listener, client_tls, credentials, server_context, shake
from tests.tls.test_channel import End
from tests.trust.forged import signed, with_sha1


class OfferTests(SynchronousTestCase):
    """The suites that really leave us are the literal lists, nothing more."""

    def test_each_rung_offers_its_list_and_nothing_else(self) -> None:
        client = client_tls()
        for rung, offer in OFFERS.items():
            connection = client.creator(rung, Hello.FULL, None).clientConnectionForTLS(None)
            offered = [name for name in connection.get_cipher_list() if not name.startswith("TLS_")]
            self.assertEqual(offered, list(offer.tls12), rung)

    def test_each_tls13_suite_belongs_to_one_rung(self) -> None:
        leaf = AUTHORITY.leaf("mx.test")
        wanted = {
            (Rung.STRONG_256, "TLS_AES_256_GCM_SHA384"): True,
            (Rung.STRONG_256, "TLS_CHACHA20_POLY1305_SHA256"): True,
            (Rung.STRONG_256, "TLS_AES_128_GCM_SHA256"): False,
            (Rung.STRONG_128, "TLS_AES_128_GCM_SHA256"): True,
            (Rung.STRONG_128, "TLS_AES_256_GCM_SHA384"): False,
            (Rung.COMPATIBLE, "TLS_AES_256_GCM_SHA384"): False,
        }
        found = {}
        for rung, suite in wanted:
            context = server_context(leaf, minimum=SSL.TLS1_3_VERSION, tls13=suite.encode())
            found[rung, suite] = shake(client_tls(), FromContext(context), rung)[2] is not None
        self.assertEqual(found, wanted)

    def test_no_suite_stands_on_two_rungs(self) -> None:
        # The lenient rung has all of them, the legacy one those of the compatible one for older versions.
        suites = [
            name
            for rung in (Rung.STRONG_256, Rung.STRONG_128, Rung.COMPATIBLE)
            for name in OFFERS[rung].tls13 + OFFERS[rung].tls12
        ]
        self.assertEqual(len(suites), len(set(suites)))

    def test_small_hello_is_small(self) -> None:
        sizes = {}
        for hello in Hello:
            connection = client_tls().creator(Rung.STRONG_256, hello, "mx.test").clientConnectionForTLS(None)
            connection.set_connect_state()
            with self.assertRaises(SSL.WantReadError):
                connection.do_handshake()
            sizes[hello] = len(connection.bio_read(65536))
            self.assertEqual((sizes[hello] < 500, sizes[hello] > 1200), (hello.small, not hello.small), hello)

    def test_the_name_is_sent_or_not(self) -> None:
        for hello in Hello:
            for name in ("mx.test", "192.0.2.1", None):
                connection = client_tls().creator(Rung.STRONG_256, hello, name).clientConnectionForTLS(None)
                connection.set_connect_state()
                with self.assertRaises(SSL.WantReadError):
                    connection.do_handshake()
                sent = (name or "mx.test").encode() in connection.bio_read(65536)
                self.assertEqual(sent, hello.named and name == "mx.test", (hello, name))

    def test_contexts_are_made_once(self) -> None:
        # C186: one Context a connection lets memory grow.
        client = client_tls()
        made = [client.creator(Rung.STRONG_256, Hello.FULL, name) for name in ("a.test", "b.test")]
        contexts = {id(each.clientConnectionForTLS(cast(Any, None)).get_context()) for each in made}
        self.assertEqual(len(contexts), 1)


class EvidenceTests(SynchronousTestCase):
    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IClientTls, client_tls()))

    def test_good_handshake(self) -> None:
        _, far, evidence = shake(client_tls(), ServerTls([credentials(AUTHORITY.leaf("mx.test"))]).creator())
        assert evidence is not None
        self.assertEqual(
            (evidence.protocol, evidence.cipher, evidence.bits), ("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
        )
        self.assertIsNotNone(evidence.group)
        self.assertEqual(len(evidence.chain), 2)
        self.assertEqual(evidence.chain_errors, ())
        self.assertEqual(evidence.server_name, "mx.test")
        self.assertTrue(far.done)

    def test_handshake_completes_whatever_the_certificate_is(self) -> None:
        leaves = {
            10: AUTHORITY.leaf("mx.test", days=(-9, -2)),
            9: AUTHORITY.leaf("mx.test", days=(2, 9)),
            18: AUTHORITY.self_signed("mx.test"),
            20: AUTHORITY.leaf("mx.test", with_intermediate=False),
        }
        for code, leaf in leaves.items():
            _, _, evidence = shake(client_tls(), ServerTls([credentials(leaf)]).creator())
            assert evidence is not None
            self.assertIn(code, [each.code for each in evidence.chain_errors])

    def test_C039_server_name_is_sent_but_never_an_address(self) -> None:
        seen = {}
        for name in ("mx.test", "192.0.2.1", "2001:db8::1"):
            server = ServerTls([credentials(AUTHORITY.leaf("mx.test"))])
            _, far, _ = shake(client_tls(), server.creator(), name=name)
            seen[name] = server.session(far.transport.getHandle()).server_name
        self.assertEqual(seen, {"mx.test": "mx.test", "192.0.2.1": None, "2001:db8::1": None})

    def test_evidence_of_something_odd_proves_nothing(self) -> None:
        evidence = client_tls().evidence(object())  # type: ignore[arg-type]
        self.assertIsNotNone(evidence.judging_error)

    def test_evidence_before_the_handshake_is_over_proves_nothing(self) -> None:
        client = client_tls()
        connection = client.creator(Rung.STRONG_256, Hello.FULL, "mx.test").clientConnectionForTLS(None)
        self.assertEqual(client.evidence(connection).judging_error, "HandshakeUnfinished")

    def test_evidence_before_the_server_has_finished_proves_nothing(self) -> None:
        # The suite is agreed upon, the certificate shown and verified; who holds its key has not been proven.
        client = client_tls()
        connection = client._connection(Rung.STRONG_256, Hello.FULL, "mx.test", None, None)
        connection.set_connect_state()
        context = server_context(AUTHORITY.leaf("mx.test"), maximum=SSL.TLS1_2_VERSION)
        server = SSL.Connection(context, None)
        server.set_accept_state()
        self.assertFalse(client.past_hello(connection))
        for here, there in ((connection, server), (server, connection), (connection, server)):
            with self.assertRaises(SSL.WantReadError):
                here.do_handshake()
            there.bio_write(here.bio_read(100_000))
        self.assertIsNotNone(connection.get_cipher_name())
        self.assertTrue(connection.observed.seen)
        self.assertEqual(client.evidence(connection).judging_error, "HandshakeUnfinished")
        self.assertTrue(client.past_hello(connection))

    def test_past_hello_of_something_odd(self) -> None:
        self.assertFalse(client_tls().past_hello(object()))  # type: ignore[arg-type]

    def test_a_resumed_session_shows_what_its_full_handshake_did(self) -> None:
        for maximum, name in ((SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")):
            client, context = client_tls(), server_context(AUTHORITY.leaf("mx.test"), maximum=maximum)
            near, far = Listener(client.creator(Rung.STRONG_256, Hello.FULL, "mx.test")), Listener(FromContext(context))
            pump = connect(near, far, Clock())
            pump.flush()
            far.transport.write(b"220 mx.test\r\n")
            pump.flush()
            full = client.evidence(near.transport.getHandle())
            session = client.session(near.transport.getHandle())
            self.assertFalse(full.resumed)
            # What it showed then is kept beside it, so that the cipher alone is today's.
            kept = attrs.evolve(full, protocol="x", cipher="x", bits=1, group="x")
            again = client.creator(Rung.STRONG_256, Hello.FULL, "mx.test", Resumable(session, kept, 0.0))
            near = Listener(again)
            connect(near, Listener(FromContext(context)), Clock()).flush()
            found = client.evidence(near.transport.getHandle())
            self.assertEqual((found.protocol, found.bits), (name, 256))
            self.assertEqual(found.cipher, full.cipher)
            self.assertEqual(found, attrs.evolve(full, resumed=True, group=found.group))
            self.assertNotEqual(found.group, "x")

    def test_what_was_proven_before_a_reload_is_not_resumed(self) -> None:
        """A connection may have been begun, with a session to offer, when the roots were read anew."""
        folder = Path(self.mktemp())
        folder.mkdir()
        roots = AUTHORITY.write_root(folder)
        client, server = ClientTls(roots), FromContext(server_context(AUTHORITY.leaf("mx.test")))
        near, far = Listener(client.creator(Rung.STRONG_256, Hello.FULL, "mx.test")), Listener(server)
        pump = connect(near, far, Clock())
        pump.flush()
        far.transport.write(b"220 mx.test\r\n")
        pump.flush()
        full, session = client.evidence(near.transport.getHandle()), client.session(near.transport.getHandle())
        again = client.creator(Rung.STRONG_256, Hello.FULL, "mx.test", Resumable(session, full, 0.0))
        client.ready(roots, ())()
        near = Listener(again)
        connect(near, Listener(server), Clock()).flush()
        found = client.evidence(near.transport.getHandle())
        self.assertEqual((found.resumed, found.judging_error, found.chain), (False, None, full.chain))

    def test_a_server_that_does_not_resume_is_looked_at_anew(self) -> None:
        client = client_tls()
        first, second = (FromContext(server_context(AUTHORITY.leaf("mx.test"))) for _ in range(2))
        near, _, full = shake(client, first)
        assert full is not None
        session = client.session(near.transport.getHandle())
        near = Listener(client.creator(Rung.STRONG_256, Hello.FULL, "mx.test", Resumable(session, full, 0.0)))
        connect(near, Listener(second), Clock()).flush()
        found = client.evidence(near.transport.getHandle())
        self.assertFalse(found.resumed)
        self.assertNotEqual(found.chain, full.chain)
        # Where the looking on failed nothing is taken from before.
        near.transport.getHandle().observed.failed = True
        self.assertEqual(client.evidence(near.transport.getHandle()).judging_error, "NothingVerified")
        near.transport.getHandle().observed.seen = 0
        self.assertEqual(client.evidence(near.transport.getHandle()).judging_error, "NothingVerified")

    def test_one_that_offers_one_thing_alone(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        roots = AUTHORITY.write_root(folder)
        server = FromContext(server_context(AUTHORITY.leaf("mx.test")))
        for family, wanted in (
            ("TLSv1.3 AES-128-GCM", "TLS_AES_128_GCM_SHA256"),
            ("TLSv1.2 ECDHE, AEAD, 256 bits", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ):
            offer = next(each.offer for each in FAMILIES if each.name == family)
            only = ClientTls(roots).only(offer)
            for rung in (Rung.STRONG_256, Rung.LEGACY):
                _, _, evidence = shake(only, server, rung)
                assert evidence is not None
                self.assertEqual(evidence.cipher, wanted)
                self.assertTrue(judge(evidence, ("mx.test",), AUTHORITY.now.timestamp()).authenticated)
                self.assertEqual(only.against(evidence, roots).chain_errors, ())

    def test_handshake_that_was_not_verified_proves_nothing(self) -> None:
        # As on resumption: OpenSSL has the chain and no errors, and nobody looked.
        client = client_tls()
        near, _, evidence = shake(client, ServerTls([credentials(AUTHORITY.leaf("mx.test"))]).creator())
        assert evidence is not None
        self.assertIsNone(evidence.judging_error)
        near.transport.getHandle().observed.seen = 0
        self.assertEqual(client.evidence(near.transport.getHandle()).judging_error, "NothingVerified")

    def test_looking_on_that_failed_proves_nothing(self) -> None:
        client = client_tls()
        near, _, _ = shake(client, ServerTls([credentials(AUTHORITY.leaf("mx.test"))]).creator())
        near.transport.getHandle().observed.failed = True
        self.assertEqual(client.evidence(near.transport.getHandle()).judging_error, "NothingVerified")

    def test_expired_root_is_no_root(self) -> None:
        # R21
        old = Authority("old", root_days=(-20, -2))
        leaf = old.leaf("mx.test")
        _, _, evidence = shake(client_tls(old), ServerTls([credentials(leaf)]).creator())
        assert evidence is not None
        self.assertIs(judge(evidence, ("mx.test",), old.now.timestamp()).diagnosis, Diagnosis.CERT_EXPIRED)

    def test_verified_chain_reaches_the_root(self) -> None:
        _, _, evidence = shake(client_tls(), ServerTls([credentials(AUTHORITY.leaf("mx.test"))]).creator())
        assert evidence is not None
        self.assertEqual(evidence.verified[:2], evidence.chain)
        self.assertEqual(evidence.verified[2], AUTHORITY.root.public_bytes(Encoding.DER))

    def test_staple_is_kept_as_it_came(self) -> None:
        authority = RevokingAuthority()
        leaf = authority.leaf("mx.test")
        response = authority.ocsp(leaf)
        # OpenSSL passes over what is no response; one of 3.x would leave that to us.
        expected = {b"": (b"",), response: (response,), b"rubbish": (b"", b"rubbish")}
        for version, staple in itertools.product((SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION), expected):
            context = server_context(leaf, maximum=version, minimum=version)
            context.set_ocsp_server_callback(lambda connection, data, staple=staple: staple)
            _, _, evidence = shake(client_tls(authority), FromContext(context))
            assert evidence is not None
            self.assertIn(evidence.staple, expected[staple])
            self.assertEqual(evidence.chain_errors, ())

    def test_names_that_no_server_name_can_hold_are_not_sent(self) -> None:
        server = ServerTls([credentials(AUTHORITY.leaf("mx.test"))])
        for name, sent in (("mx.test.", "mx.test"), ("b\u00fccher.test", None), ("x" * 300, None), ("", None)):
            _, far, _ = shake(client_tls(), server.creator(), name=name)
            self.assertEqual(server.session(far.transport.getHandle()).server_name, sent)

    def test_roots_that_change(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        leaf, now = AUTHORITY.leaf("mx.test"), AUTHORITY.now.timestamp()
        files = CertificateFiles(*AUTHORITY.leaf("us.test").write(folder, "us"))
        roots, others = AUTHORITY.write_root(folder), Authority("others")
        client = ClientTls(roots, [files])
        found: list[tuple[bool, ...]] = []

        def look() -> None:
            """By the usual roots, by those of a rule in the same file, and with a certificate of ours."""
            _, _, evidence = shake(client, FromContext(server_context(leaf)))
            near, far = (
                Listener(client.creator(Rung.STRONG_256, Hello.FULL, "mx.test", None, files)),
                Listener(FromContext(server_context(leaf))),
            )
            connect(near, far, Clock()).flush()
            assert evidence is not None
            shown = (evidence, client.against(evidence, roots), client.evidence(near.transport.getHandle()))
            found.append(tuple(judge(each, ("mx.test",), now).authenticated for each in shown))

        look()
        others.write_root(folder)
        look()
        client.read_roots()
        look()
        AUTHORITY.write_root(folder)
        client.ready(roots, [files])()
        look()
        os.unlink(roots)
        self.assertRaises(RootsError, client.read_roots)
        look()
        AUTHORITY.write_root(folder)
        client.read_roots()
        look()
        good, bad = (True, True, True), (False, False, False)
        self.assertEqual(found, [good, good, bad, good, bad, good])

    def test_a_certificate_of_ours_is_shown_to_who_asks(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        ours = AUTHORITY.leaf("us.test")
        files = CertificateFiles(*ours.write(folder, "us"))
        client = ClientTls(AUTHORITY.write_root(folder), [files])
        for certificate, wanted in ((files, ours.chain[0]), (None, None), (CertificateFiles("/x", "/y"), None)):
            context = server_context(AUTHORITY.leaf("mx.test"))
            context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
            near = Listener(client.creator(Rung.STRONG_256, Hello.FULL, "mx.test", None, certificate))
            far = Listener(FromContext(context))
            connect(near, far, Clock()).flush()
            self.assertEqual(far.transport.getHandle().get_peer_certificate(as_cryptography=True), wanted)

    def test_a_certificate_that_is_renewed_while_roots_are_gone(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        roots = AUTHORITY.write_root(folder)
        client = ClientTls(roots)
        os.unlink(roots)
        self.assertRaises(CredentialsError, client.show, [])

    def test_unreadable_roots_are_an_error_at_once(self) -> None:
        self.assertRaises(RootsError, ClientTls, "/nonexistent/roots.pem")

    def test_system_roots(self) -> None:
        self.assertTrue(verifyObject(IClientTls, ClientTls("system")))


class StrangeCertificateTests(SynchronousTestCase):
    """Whatever a server shows, TLS comes about; whether it proves anything is another matter."""

    def shown(self, leaf: Leaf, **changes: Any) -> HandshakeEvidence:
        near, far = (
            End(lambda *above: client_tls().channel(Rung.STRONG_256, Hello.FULL, "mx.test", *above)),
            End(lambda *above: TlsChannel(SSL.Connection(server_context(leaf, **changes), None), True, *above)),
        )
        far.start()
        near.start()
        while near.wire.written or far.wire.written:
            for here, there in ((near, far), (far, near)):
                sent, here.wire.written = b"".join(here.wire.written), []
                there.channel.take(sent)
        self.assertEqual((near.secured, far.secured), (1, 1))
        return client_tls().evidence(near.handle())

    def test_thousands_of_names(self) -> None:
        # As many as OpenSSL reads: a chain of 100 KiB.
        leaf = AUTHORITY.leaf("mx.test", *(f"h{number}.test" for number in range(7000)))
        evidence = self.shown(leaf)
        self.assertEqual(evidence.chain_errors, ())
        self.assertTrue(judge(evidence, ("mx.test",), AUTHORITY.now.timestamp()).authenticated)
        self.assertFalse(judge(evidence, ("h7000.test",), AUTHORITY.now.timestamp()).authenticated)

    def test_sha1_signatures(self) -> None:
        key: Any = AUTHORITY._issuer_key
        leaf = AUTHORITY.leaf("mx.test")
        old = x509.load_der_x509_certificate(with_sha1(leaf.chain[0].public_bytes(Encoding.DER), key))
        weak = attrs.evolve(leaf, chain=(old, AUTHORITY.intermediate))
        evidence = self.shown(weak, ciphers=b"ALL:@SECLEVEL=0")
        self.assertIs(judge(evidence, ("mx.test",), AUTHORITY.now.timestamp()).diagnosis, Diagnosis.WEAK_KEY)

    def test_odd_encodings(self) -> None:
        """A serial number that is negative, a version that there is not, an extension that cannot be read."""
        leaf = AUTHORITY.leaf("mx.test")
        key: Any = AUTHORITY._issuer_key
        der = leaf.chain[0].public_bytes(Encoding.DER)
        changes: dict[str, Callable[[list[bytes]], list[bytes]]] = {
            "negative serial": lambda parts: [parts[0], b"\x02\x01\xff", *parts[2:]],
            "no serial to speak of": lambda parts: [parts[0], b"\x02\x01\x00", *parts[2:]],
            "version 17": lambda parts: [b"\xa0\x03\x02\x01\x10", *parts[1:]],
            "names that cannot be read": lambda parts: [*parts[:-1], parts[-1].replace(b"\x82\x07mx", b"\x99\x07mx")],
        }
        for case, change in changes.items():
            odd = signed(der, key, change)
            folder = Path(self.mktemp())
            folder.mkdir()
            _, key_path = leaf.write(folder, "leaf")
            pem = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(odd).decode()}-----END CERTIFICATE-----\n"
            (folder / "odd.pem").write_text(pem)
            files = SimpleNamespace(
                write=lambda *_, folder=folder, key_path=key_path: (str(folder / "odd.pem"), key_path)
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of cryptography, about what it will refuse one day
                evidence = self.shown(cast(Any, files))
                self.assertFalse(judge(evidence, ("elsewhere.test",), AUTHORITY.now.timestamp()).authenticated, case)
