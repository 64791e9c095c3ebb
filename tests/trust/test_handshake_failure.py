"""What a failed handshake means: OpenSSL's words, old and new, and real failures in memory."""

from __future__ import annotations

import struct

from OpenSSL import SSL
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.authority import rsa_key
from fopemta.testing.transport import connect
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.handshake_failure import (
    Ending,
    diagnose,
    permits_lenient_rung,
    permits_nameless_hello,
    permits_small_hello,
    permits_step_down,
)
from fopemta.trust.rungs import OFFERS, Hello, Rung
from tests.tls.handshakes import AUTHORITY, FromContext, Listener, client_tls, server_context, shake


class WordsTests(SynchronousTestCase):
    def test_table(self) -> None:
        D = Diagnosis
        table = {
            "tlsv1 alert protocol version": D.NO_COMMON_PROTOCOL,
            "tls alert protocol version": D.NO_COMMON_PROTOCOL,
            "unsupported protocol": D.NO_COMMON_PROTOCOL,
            "sslv3 alert handshake failure": D.NO_COMMON_CIPHER,
            "tls alert handshake failure": D.NO_COMMON_CIPHER,
            "ssl/tls alert handshake failure": D.NO_COMMON_CIPHER,
            "dh key too small": D.DH_TOO_SMALL,
            "ee key too small": D.WEAK_KEY,
            "wrong version number": D.NOT_TLS,
            "packet length too long": D.NOT_TLS,
            "unexpected eof while reading": D.CONNECTION_DROPPED,
            "tlsv13 alert certificate required": D.CLIENT_CERTIFICATE_WANTED,
            "unsafe legacy renegotiation disabled": D.NO_COMMON_PROTOCOL,
            "some words of next year": D.HANDSHAKE_FAILED,
            # OpenSSL without words has met the end of the stream.
            "": D.CONNECTION_DROPPED,
            "tlsv1 unrecognized name": D.SNI_REFUSED,
            "ssl/tls alert unrecognized name": D.SNI_REFUSED,
            "tlsv1 alert internal error": D.HANDSHAKE_FAILED,
            "ssl/tls alert illegal parameter": D.NO_COMMON_CIPHER,
        }
        self.assertEqual({words: diagnose(Ending.ERROR, words) for words in table}, table)

    def test_openssl_s_words_of_all_releases(self) -> None:
        D = Diagnosis
        table = {
            D.CONNECTION_DROPPED: ("unexpected eof while reading",),
            D.SNI_REFUSED: ("tlsv1 alert unrecognized name", "ssl/tls alert unrecognized name"),
            D.DH_TOO_SMALL: ("dh key too small", "bad dh value", "modulus too small"),
            D.WEAK_KEY: ("ee key too small", "ca md too weak"),
            D.NO_COMMON_PROTOCOL: (
                "tlsv1 alert protocol version", "unsupported protocol", "wrong ssl version", "version too low",
                "tlsv1 alert inappropriate fallback", "no protocols available", "unsafe legacy renegotiation disabled",
            ),
            D.NO_COMMON_CIPHER: (
                "tlsv1 alert insufficient security", "sslv3 alert handshake failure", "no shared cipher",
                "no ciphers available", "no cipher match", "wrong cipher returned", "unknown cipher returned",
                "no suitable key share", "no suitable signature algorithm", "wrong signature type",
                "legacy sigalg disallowed or unsupported", "wrong curve", "unsupported elliptic curve",
                "bad key share", "sslv3 alert illegal parameter", "missing extension", "tlsv13 missing extension",
            ),
            D.CLIENT_CERTIFICATE_WANTED: (
                "tlsv13 alert certificate required", "sslv3 alert bad certificate", "tlsv1 alert unknown ca",
                "sslv3 alert certificate expired", "sslv3 alert certificate unknown",
                "sslv3 alert unsupported certificate", "sslv3 alert no certificate",
            ),
            D.CERT_UNUSABLE: ("certificate verify failed",),
            D.NOT_TLS: (
                "wrong version number", "packet length too long", "unknown record type", "record layer failure",
                "http request", "https proxy request http request",
            ),
            D.HANDSHAKE_FAILED: ("tlsv1 alert internal error", "tlsv1 alert decode error", "excessive message size"),
        }  # fmt: skip
        for diagnosis, several in table.items():
            for words in several:
                for written in (words, words.upper().replace(" ", "_")):
                    self.assertIs(diagnose(Ending.ERROR, written), diagnosis, written)
                    self.assertIs(diagnose(Ending.TIMEOUT, written), D.HANDSHAKE_TIMEOUT)

    def test_what_is_too_large_behind_the_hello_are_the_certificates(self) -> None:
        for past_hello, wanted in ((True, Diagnosis.CHAIN_TOO_LARGE), (False, Diagnosis.HANDSHAKE_FAILED)):
            self.assertIs(diagnose(Ending.ERROR, "excessive message size", past_hello=past_hello), wanted)

    def test_what_leads_to_the_lenient_rung(self) -> None:
        found = {each for each in Diagnosis if permits_lenient_rung(each)}
        others = {Diagnosis.NO_COMMON_PROTOCOL, Diagnosis.HANDSHAKE_TIMEOUT}
        self.assertEqual(found, {each for each in Diagnosis if permits_step_down(each)} - others)

    def test_the_first_that_fits_counts(self) -> None:
        both = "unexpected eof while reading; wrong version number"
        self.assertIs(diagnose(Ending.ERROR, both), Diagnosis.CONNECTION_DROPPED)
        self.assertIs(diagnose(Ending.DROPPED, "some words of next year"), Diagnosis.CONNECTION_DROPPED)

    def test_only_a_refused_name_leads_to_a_hello_without(self) -> None:
        found = {each for each in Diagnosis if permits_nameless_hello(each)}
        self.assertEqual(found, {Diagnosis.SNI_REFUSED})

    def test_endings_without_words(self) -> None:
        self.assertEqual(diagnose(Ending.TIMEOUT), Diagnosis.HANDSHAKE_TIMEOUT)
        self.assertEqual(diagnose(Ending.DROPPED), Diagnosis.CONNECTION_DROPPED)

    def test_only_parameters_hangs_and_drops_lead_a_rung_down(self) -> None:
        # An unclear failure counts as one about parameters (C023, C046).
        self.assertEqual(
            {each for each in Diagnosis if permits_step_down(each)},
            {
                Diagnosis.NO_COMMON_PROTOCOL,
                Diagnosis.NO_COMMON_CIPHER,
                Diagnosis.DH_TOO_SMALL,
                Diagnosis.CONNECTION_DROPPED,
                Diagnosis.HANDSHAKE_TIMEOUT,
                Diagnosis.HANDSHAKE_FAILED,
            },
        )
        self.assertEqual(
            {each for each in Diagnosis if permits_small_hello(each)},
            {Diagnosis.CONNECTION_DROPPED, Diagnosis.HANDSHAKE_TIMEOUT},
        )


class Rubbish(Protocol):
    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.answer)
        if not self.answer:
            self.transport.loseConnection()


# The primes of RFC 2409 6.1 and 6.2 (768 and 1024 bits), as many an old server has them; the generator is 2.
_BEGIN = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63"
)
PRIMES = {
    768: bytes.fromhex(_BEGIN + "A3620FFFFFFFFFFFFFFFF"),
    1024: bytes.fromhex(
        _BEGIN + "7ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
    ),
}


class WeakGroup(Protocol):
    """A server that chooses a group of `bits` for its Diffie-Hellman.

    OpenSSL will not do that any more, so its key exchange is replaced on the wire; the signature is no longer right,
    but that is looked at after the group.
    """

    def __init__(self, bits: int) -> None:
        prime = PRIMES[bits]
        parameters = (prime, b"\x02", bytes([3]) * len(prime))
        self.parameters = b"".join(struct.pack("!H", len(part)) + part for part in parameters)
        context = server_context(
            AUTHORITY.leaf("mx.test", key=rsa_key()), maximum=SSL.TLS1_2_VERSION, ciphers=b"DHE-RSA-AES256-GCM-SHA384"
        )
        self.tls = SSL.Connection(context, None)
        self.tls.set_accept_state()

    def dataReceived(self, data: bytes) -> None:
        self.tls.bio_write(data)
        try:
            self.tls.do_handshake()
        except SSL.WantReadError:
            self.transport.write(self.replaced(self.tls.bio_read(65536)))
        except SSL.Error:
            self.transport.loseConnection()

    def replaced(self, flight: bytes) -> bytes:
        """The server's flight with its ServerKeyExchange (RFC 5246 7.4.3) for the weak group, one record a message."""
        handshake = b""
        while flight:
            (size,) = struct.unpack_from("!H", flight, 3)
            handshake, flight = handshake + flight[5 : 5 + size], flight[5 + size :]
        records = b""
        while handshake:
            kind, size = handshake[0], int.from_bytes(handshake[1:4], "big")
            body, handshake = handshake[4 : 4 + size], handshake[4 + size :]
            if kind == 12:
                body = self.parameters + self.signature_of(body)
            message = bytes([kind]) + len(body).to_bytes(3, "big") + body
            records += b"\x16\x03\x03" + struct.pack("!H", len(message)) + message
        return records

    @staticmethod
    def signature_of(body: bytes) -> bytes:
        for _ in range(3):
            (size,) = struct.unpack_from("!H", body)
            body = body[2 + size :]
        return body


class RealFailureTests(SynchronousTestCase):
    def reason(self, near: Listener) -> Diagnosis:
        assert near.lost is not None
        self.assertFalse(near.done)
        error = near.lost.value
        if isinstance(error, SSL.Error):
            entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
            return diagnose(Ending.ERROR, "; ".join(entry[-1] for entry in entries))
        return diagnose(Ending.DROPPED)

    def failed(self, rung: Rung, **changes: object) -> Diagnosis:
        context = server_context(AUTHORITY.leaf("mx.test"), **changes)
        return self.reason(shake(client_tls(), FromContext(context), rung)[0])

    def test_no_common_cipher(self) -> None:
        found = self.failed(Rung.STRONG_256, maximum=SSL.TLS1_2_VERSION, ciphers=b"ECDHE-ECDSA-AES128-GCM-SHA256")
        self.assertEqual(found, Diagnosis.NO_COMMON_CIPHER)

    def test_no_common_protocol(self) -> None:
        self.assertEqual(self.failed(Rung.COMPATIBLE, minimum=SSL.TLS1_3_VERSION), Diagnosis.NO_COMMON_PROTOCOL)

    def test_C029_tls_1_0_alone(self) -> None:
        old = {"minimum": SSL.TLS1_VERSION, "maximum": SSL.TLS1_1_VERSION, "ciphers": b"ALL:@SECLEVEL=0"}
        for rung in set(OFFERS) - {Rung.LEGACY}:
            self.assertEqual(self.failed(rung, **old), Diagnosis.NO_COMMON_PROTOCOL)

    def test_a_server_that_misses_our_certificate(self) -> None:
        """In TLS 1.2 it has no word of its own for that: when it comes tells it from a want of suites."""
        words = "sslv3 alert handshake failure"
        self.assertIs(diagnose(Ending.ERROR, words), Diagnosis.NO_COMMON_CIPHER)
        self.assertIs(diagnose(Ending.ERROR, words, past_hello=True), Diagnosis.CLIENT_CERTIFICATE_WANTED)
        self.assertIs(diagnose(Ending.ERROR, "tlsv1 alert decode error"), Diagnosis.HANDSHAKE_FAILED)
        found = diagnose(Ending.ERROR, "tlsv1 alert decode error", past_hello=True)
        self.assertIs(found, Diagnosis.CLIENT_CERTIFICATE_WANTED)
        self.assertIs(diagnose(Ending.ERROR, "alert internal error", past_hello=True), Diagnosis.HANDSHAKE_FAILED)

    def test_C028_weak_group(self) -> None:
        # The strong rungs offer no DHE at all; the compatible one stops short of what anybody can break.
        near = Listener(client_tls().creator(Rung.COMPATIBLE, Hello.FULL, "mx.test"))
        connect(near, WeakGroup(768), Clock()).flush()
        self.assertEqual(self.reason(near), Diagnosis.DH_TOO_SMALL)
        found = self.failed(Rung.STRONG_256, maximum=SSL.TLS1_2_VERSION, ciphers=b"DHE-RSA-AES256-GCM-SHA384")
        self.assertEqual(found, Diagnosis.NO_COMMON_CIPHER)

    def test_C028_1024_bits_are_enough_for_the_compatible_rung(self) -> None:
        near = Listener(client_tls().creator(Rung.COMPATIBLE, Hello.FULL, "mx.test"))
        connect(near, WeakGroup(1024), Clock()).flush()
        assert near.lost is not None
        # The group has passed: what is wrong now is the signature.
        self.assertIn("bad signature", str(near.lost.value.args))

    def test_C015_server_without_certificate(self) -> None:
        near, _, _ = shake(client_tls(), FromContext(SSL.Context(SSL.TLS_SERVER_METHOD)))
        self.assertEqual(self.reason(near), Diagnosis.NO_COMMON_CIPHER)

    def test_client_certificate_demanded_shows_after_the_handshake(self) -> None:
        context = server_context(AUTHORITY.leaf("mx.test"), minimum=SSL.TLS1_3_VERSION)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        near, _, _ = shake(client_tls(), FromContext(context))
        self.assertTrue(near.done)
        assert near.lost is not None
        words = near.lost.value.args[0][0][-1]
        self.assertEqual(diagnose(Ending.ERROR, words), Diagnosis.CLIENT_CERTIFICATE_WANTED)

    def test_C023_garbage_instead_of_server_hello(self) -> None:
        self.assertEqual(self.against(b"250 I thought you were joking\r\n"), Diagnosis.NOT_TLS)

    def test_C024_dropped_after_client_hello(self) -> None:
        self.assertEqual(self.against(b""), Diagnosis.CONNECTION_DROPPED)

    def test_the_name_refused(self) -> None:
        for version in (b"\x03\x01", b"\x03\x03"):
            self.assertEqual(self.against(b"\x15" + version + b"\0\x02\x02\x70"), Diagnosis.SNI_REFUSED)

    def against(self, answer: bytes) -> Diagnosis:
        near = Listener(client_tls().creator(Rung.STRONG_256, Hello.FULL, "mx.test"))
        connect(near, Rubbish(answer), Clock()).flush()
        return self.reason(near)
