"""What a failed handshake means: OpenSSL's words, old and new, and real failures in memory."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.testing.transport import connect
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.handshake_failure import Ending, diagnose, permits_small_hello, permits_step_down
from fopemta.trust.rungs import Hello, Rung
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
            "tlsv1 alert internal error": D.HANDSHAKE_FAILED,
            "ssl/tls alert illegal parameter": D.NO_COMMON_CIPHER,
        }
        self.assertEqual({words: diagnose(Ending.ERROR, words) for words in table}, table)

    def test_endings_without_words(self) -> None:
        self.assertEqual(diagnose(Ending.TIMEOUT), Diagnosis.HANDSHAKE_TIMEOUT)
        self.assertEqual(diagnose(Ending.DROPPED), Diagnosis.CONNECTION_DROPPED)

    def test_only_parameters_hangs_and_drops_lead_a_rung_down(self) -> None:
        # RULINGS 9
        no = {
            Diagnosis.WEAK_KEY,
            Diagnosis.CLIENT_CERTIFICATE_WANTED,
            Diagnosis.NOT_TLS,
            Diagnosis.CERT_EXPIRED,
            Diagnosis.TLS_REFUSED,
        }
        yes = {Diagnosis.NO_COMMON_CIPHER, Diagnosis.NO_COMMON_PROTOCOL, Diagnosis.DH_TOO_SMALL}
        yes |= {Diagnosis.CONNECTION_DROPPED, Diagnosis.HANDSHAKE_TIMEOUT}
        self.assertEqual({each for each in no | yes if permits_step_down(each)}, yes)
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


class RealFailureTests(SynchronousTestCase):
    def reason(self, near: Listener) -> Diagnosis:
        assert near.lost is not None
        self.assertFalse(near.done)
        error = near.lost.value
        if isinstance(error, SSL.Error):
            words = " ".join(str(part) for entry in error.args[0:1] for part in (entry if entry else []))
            return diagnose(Ending.ERROR, words)
        return diagnose(Ending.DROPPED)

    def failed(self, rung: Rung, **changes: object) -> Diagnosis:
        context = server_context(AUTHORITY.leaf("mx.test"), **changes)
        return self.reason(shake(client_tls(), FromContext(context), rung)[0])

    def test_no_common_cipher(self) -> None:
        found = self.failed(Rung.STRONG_256, maximum=SSL.TLS1_2_VERSION, ciphers=b"ECDHE-ECDSA-AES128-GCM-SHA256")
        self.assertEqual(found, Diagnosis.NO_COMMON_CIPHER)

    def test_no_common_protocol(self) -> None:
        self.assertEqual(self.failed(Rung.COMPATIBLE, minimum=SSL.TLS1_3_VERSION), Diagnosis.NO_COMMON_PROTOCOL)

    def test_C023_garbage_instead_of_server_hello(self) -> None:
        self.assertEqual(self.against(b"250 I thought you were joking\r\n"), Diagnosis.NOT_TLS)

    def test_C024_dropped_after_client_hello(self) -> None:
        self.assertEqual(self.against(b""), Diagnosis.CONNECTION_DROPPED)

    def against(self, answer: bytes) -> Diagnosis:
        near = Listener(client_tls().creator(Rung.STRONG_256, Hello.FULL, "mx.test"))
        connect(near, Rubbish(answer), Clock()).flush()
        return self.reason(near)
