"""The transport in memory behaves as Twisted's TCP transport does."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from fopemta.testing.transport import HIGH_WATER, Pump, connect
from fopemta.tls.server import ServerTls
from fopemta.trust.rungs import Hello, Rung
from tests.tls.handshakes import AUTHORITY, client_tls, credentials

SERVER = ServerTls([credentials(AUTHORITY.leaf("mx.test"))])
CLIENT = client_tls()


@implementer(IHandshakeListener)
class Recorder(Protocol):
    """Remembers all that it is told."""

    def __init__(self) -> None:
        self.received = b""
        self.cuts: list[int] = []
        self.secured = 0
        self.lost: type[BaseException] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.cuts.append(len(data))

    def handshakeCompleted(self) -> None:
        self.secured += 1

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        assert self.lost is None, "told twice"
        self.lost = type(reason.value)


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Recorder):
    """Goes on when the other end has closed its half."""

    half_closed = 0

    def readConnectionLost(self) -> None:
        self.half_closed += 1

    def writeConnectionLost(self) -> None:
        pass


@implementer(IPushProducer)
class Producer:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


def joined(near: Recorder | None = None, far: Recorder | None = None) -> tuple[Any, Any, Pump]:
    """Two protocols that are connected: client, server and what moves octets between them."""
    near, far = near or Recorder(), far or Recorder()
    pump = connect(near, far)
    return near, far, pump


def secured() -> tuple[Any, Any, Pump]:
    """Two protocols under TLS, begun in mid-connection."""
    near, far, pump = joined()
    far.transport.startTLS(SERVER.creator())
    near.transport.startTLS(CLIENT.creator(Rung.STRONG_256, Hello.FULL, "mx.test"))
    pump.flush()
    return near, far, pump


class PlainTests(SynchronousTestCase):
    def test_interface(self) -> None:
        near, _, _ = joined()
        self.assertTrue(verifyObject(ITCPTransport, near.transport))
        self.assertFalse(ISSLTransport.providedBy(near.transport))

    def test_octets_go_both_ways_and_only_when_pumped(self) -> None:
        near, far, pump = joined()
        near.transport.write(b"ping")
        far.transport.writeSequence([b"po", b"ng"])
        self.assertEqual((near.received, far.received), (b"", b""))
        pump.flush()
        self.assertEqual((near.received, far.received), (b"pong", b"ping"))

    def test_addresses(self) -> None:
        near = Recorder()
        connect(near, Recorder(), client_address="198.51.100.7", server_address="203.0.113.9", port=2525)
        self.assertEqual(
            (near.transport.getHost().host, near.transport.getPeer().host), ("198.51.100.7", "203.0.113.9")
        )
        self.assertEqual(near.transport.getPeer().port, 2525)

    def test_segments_are_cut_as_asked(self) -> None:
        near, far, pump = joined()
        far.transport.segment = 2
        near.transport.write(b"abcde")
        pump.flush()
        self.assertEqual(far.cuts, [2, 2, 1])

    def test_paused_end_receives_when_it_goes_on(self) -> None:
        near, far, pump = joined()
        far.transport.pauseProducing()
        near.transport.write(b"late")
        pump.flush()
        self.assertEqual(far.received, b"")
        far.transport.resumeProducing()
        pump.flush()
        self.assertEqual(far.received, b"late")

    def test_close_comes_after_what_was_written(self) -> None:
        near, far, pump = joined()
        near.transport.write(b"bye")
        near.transport.loseConnection()
        near.transport.write(b"never")
        pump.flush()
        self.assertEqual((far.received, far.lost, near.lost), (b"bye", ConnectionDone, ConnectionDone))

    def test_abort_drops_what_is_on_the_wire(self) -> None:
        near, far, pump = joined()
        near.transport.write(b"gone")
        near.transport.abortConnection()
        pump.flush()
        self.assertEqual((far.received, far.lost, near.lost), (b"", ConnectionLost, ConnectionAborted))

    def test_half_close_ends_a_protocol_that_does_not_know_it(self) -> None:
        near, far, pump = joined()
        near.transport.write(b"last words")
        near.transport.loseWriteConnection()
        pump.flush()
        self.assertEqual((far.received, far.lost, near.lost), (b"last words", ConnectionDone, ConnectionDone))

    def test_half_close_is_told_once_to_a_protocol_that_knows_it(self) -> None:
        near, far, pump = joined(far=HalfCloseable())
        near.transport.loseWriteConnection()
        pump.flush()
        far.transport.write(b"still here")
        pump.flush()
        self.assertEqual((far.half_closed, far.lost, near.received), (1, None, b"still here"))

    def test_a_whole_close_looks_like_a_half_one(self) -> None:
        near, far, pump = joined(far=HalfCloseable())
        near.transport.loseConnection()
        pump.flush()
        self.assertEqual((far.half_closed, far.lost, near.lost), (1, None, ConnectionDone))
        far.transport.loseConnection()
        pump.flush()
        self.assertEqual(far.lost, ConnectionDone)

    def test_who_does_not_read_does_not_learn_of_the_end(self) -> None:
        near, far, pump = joined()
        far.transport.pauseProducing()
        near.transport.loseConnection()
        pump.flush()
        self.assertIsNone(far.lost)
        far.transport.resumeProducing()
        pump.flush()
        self.assertEqual(far.lost, ConnectionDone)

    def test_an_endless_conversation_is_an_error(self) -> None:
        class Echo(Recorder):
            def dataReceived(self, data: bytes) -> None:
                self.transport.write(data)

        near, _, pump = joined(Echo(), Echo())
        near.transport.write(b"x")
        self.assertRaises(AssertionError, pump.flush)


class ProducerTests(SynchronousTestCase):
    def test_streaming_producer_feels_a_peer_that_does_not_read(self) -> None:
        near, far, pump = joined()
        producer = Producer()
        near.transport.registerProducer(producer, True)
        far.transport.pauseProducing()
        near.transport.write(b"x" * (HIGH_WATER + 1))
        pump.flush()
        self.assertEqual(producer.told, ["pause"])
        far.transport.resumeProducing()
        pump.flush()
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_pull_producer_is_asked_when_the_wire_is_empty(self) -> None:
        near, far, pump = joined()

        class Three(Producer):
            def resumeProducing(self) -> None:
                super().resumeProducing()
                near.transport.write(b"x")
                if len(self.told) == 3:
                    near.transport.unregisterProducer()

        near.transport.registerProducer(Three(), False)
        pump.flush()
        self.assertEqual(far.received, b"xxx")

    def test_close_waits_for_the_producer(self) -> None:
        near, far, pump = joined()
        near.transport.registerProducer(Producer(), True)
        near.transport.loseConnection()
        pump.flush()
        self.assertIsNone(far.lost)
        near.transport.unregisterProducer()
        pump.flush()
        self.assertIs(far.lost, ConnectionDone)

    def test_producer_is_stopped_when_the_connection_ends(self) -> None:
        near, far, pump = joined()
        producer = Producer()
        near.transport.registerProducer(producer, True)
        far.transport.abortConnection()
        pump.flush()
        self.assertEqual(producer.told, ["stop"])


class TlsTests(SynchronousTestCase):
    def test_starttls_in_mid_connection(self) -> None:
        near, far, pump = joined()
        near.transport.write(b"STARTTLS\r\n")
        pump.flush()
        far.transport.write(b"220 go\r\n")
        far.transport.startTLS(SERVER.creator())
        pump.flush()
        near.transport.startTLS(CLIENT.creator(Rung.STRONG_256, Hello.FULL, "mx.test"))
        pump.flush()
        near.transport.write(b"secret")
        pump.flush()
        self.assertEqual((near.secured, far.secured), (1, 1))
        self.assertEqual((near.received, far.received), (b"220 go\r\n", b"STARTTLS\r\nsecret"))
        self.assertTrue(ISSLTransport.providedBy(near.transport))

    def test_what_goes_over_the_wire_is_encrypted(self) -> None:
        near, far, pump = secured()
        far.transport.pauseProducing()
        near.transport.write(b"a secret of some length")
        pump.client.clock.advance(0)
        wire = bytes(pump.server.incoming)
        self.assertGreater(len(wire), 23)
        self.assertNotIn(b"secret", wire)

    def test_close_is_an_orderly_one_on_both_ends(self) -> None:
        near, far, pump = secured()
        near.transport.write(b"bye")
        near.transport.loseConnection()
        pump.flush()
        self.assertEqual((far.received, far.lost, near.lost), (b"bye", ConnectionDone, ConnectionDone))

    def test_abort_under_tls(self) -> None:
        near, far, pump = secured()
        near.transport.abortConnection()
        pump.flush()
        # Twisted's TLS tells either end that the stream ended without close_notify.
        self.assertEqual((near.lost, far.lost), (ConnectionLost, ConnectionLost))

    def test_producer_is_kept_across_the_start_of_tls(self) -> None:
        near, far, pump = joined()
        producer = Producer()
        near.transport.registerProducer(producer, True)
        far.transport.startTLS(SERVER.creator())
        near.transport.startTLS(CLIENT.creator(Rung.STRONG_256, Hello.FULL, "mx.test"))
        pump.flush()
        far.transport.pauseProducing()
        near.transport.write(b"x" * (4 * HIGH_WATER))
        pump.flush()
        self.assertEqual(producer.told[-1], "pause")
        far.transport.resumeProducing()
        pump.flush()
        self.assertEqual((producer.told[-1], len(far.received)), ("resume", 4 * HIGH_WATER))
