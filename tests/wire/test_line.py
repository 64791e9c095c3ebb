"""What a line says when a turn ends, what later, how it ends, and that the order stays."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as some
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IReadWriteDescriptor, ITCPTransport
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from fopemta.wire.line import Line
from fopemta.wire.turn_end import TurnEnd
from fopemta.wire.wires import Wires
from tests.testing.test_transport import Producer
from tests.wire.doubles import Reactor, Socket

PEER = IPv4Address("TCP", "192.0.2.1", 40025)


class Notes(Protocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.heard = b""
        self.ends: list[Any] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.ends.append(reason.type)


@implementer(IHalfCloseableProtocol)
class Listens(Notes):
    """Goes on when the peer has closed its half."""

    halves = 0

    def readConnectionLost(self) -> None:
        self.halves += 1

    def writeConnectionLost(self) -> None:
        pass


class LineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.turn_end = TurnEnd(self.reactor)

    def line(self, peer: Any = PEER, notes: type[Notes] = Notes, **how: Any) -> tuple[Line, Any, Socket]:
        end, protocol = Socket(**how), notes()
        line = Line(end, protocol, peer, Wires(self.reactor, self.turn_end))  # type: ignore[arg-type]
        protocol.makeConnection(line)
        return line, protocol, end

    def end_turn(self) -> None:
        self.reactor.advance(0)

    def test_it_is_what_a_protocol_expects(self) -> None:
        line, _, _ = self.line()
        verifyObject(ITCPTransport, line)
        verifyObject(IReadWriteDescriptor, line)

    def test_no_delay_but_for_what_is_no_tcp(self) -> None:
        no_delay = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for peer in (PEER, IPv6Address("TCP", "2001:db8::1", 25)):
            self.assertEqual(self.line(peer)[2].options, [no_delay])
        _, _, end = self.line(UNIXAddress(None))
        self.assertEqual((end.options, end.blocking), ([], False))

    def test_all_that_is_said_in_a_turn_leaves_at_its_end_at_once(self) -> None:
        one, _, first = self.line()
        other, _, second = self.line()
        one.write(b"250 ")
        other.write(b"354 go")
        one.writeSequence([b"O", b"k"])
        self.assertEqual((first.sent, second.sent), ([], []))
        self.end_turn()
        self.assertEqual((first.sent, second.sent, self.reactor.writers), ([b"250 Ok"], [b"354 go"], set()))
        one.write(b"221")
        self.end_turn()
        self.assertEqual(first.sent, [b"250 Ok", b"221"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_what_the_kernel_does_not_take_follows_in_order(self) -> None:
        for room in (0, 1, 5, 8, 9):
            line, _, end = self.line(room=room)
            line.write(b"12345678")
            self.end_turn()
            line.write(b"abc")
            self.end_turn()
            self.assertEqual(self.reactor.writers, {line}, room)
            end.room = 1000
            self.assertIsNone(line.doWrite())
            self.assertEqual((b"".join(end.sent), self.reactor.writers), (b"12345678abc", set()), room)

    @given(some.lists(some.one_of(some.binary(max_size=9), some.integers(0, 7)), max_size=30))
    def test_every_octet_in_order_however_little_is_taken(self, happenings: list[bytes | int]) -> None:
        """Octets are written; a number is so much room, and a chance to use it."""
        line, _, end = self.line(room=0)
        for each in happenings:
            if isinstance(each, bytes):
                line.write(each)
            else:
                end.room = each
                self.end_turn()
                line.doWrite()
        end.room = 1000
        self.end_turn()
        line.doWrite()
        self.assertEqual(b"".join(end.sent), b"".join(each for each in happenings if isinstance(each, bytes)))

    def test_heard(self) -> None:
        line, protocol, end = self.line(heard=[b"EHLO x\r\n", errno.EINTR, b"NOOP\r\n"])
        self.assertEqual(self.reactor.readers, {line})
        self.assertEqual([line.doRead(), line.doRead(), line.doRead()], [None, None, None])
        self.assertEqual((protocol.heard, line.doRead(), end.closed), (b"EHLO x\r\nNOOP\r\n", None, False))

    def test_more_is_read_at_once_while_much_comes(self) -> None:
        line, _, end = self.line(heard=[b"x" * size for size in (10, 65_536, 262_144, 65_535, 7)])
        for _ in range(5):
            line.doRead()
        self.assertEqual(end.asked, [65_536, 65_536, 262_144, 262_144, 65_536])

    def test_the_end_is_told_to_the_reactor_which_tells_of_it(self) -> None:
        for heard, reason in ((b"", CONNECTION_DONE), (errno.ECONNRESET, CONNECTION_LOST)):
            line, protocol, end = self.line(heard=[heard])
            self.assertIs(line.doRead(), reason)
            self.assertEqual(protocol.ends, [])
            line.connectionLost(Failure(reason))
            self.assertEqual((protocol.ends, end.closed, line.fileno()), ([type(reason)], True, -1))
            self.assertNotIn(line, self.reactor.readers)
            line.connectionLost(Failure(reason))
            self.assertEqual(len(protocol.ends), 1)

    def test_the_peer_may_listen_on_when_it_has_closed_its_half(self) -> None:
        line, protocol, end = self.line(notes=Listens, heard=[b"QUIT\r\n", b""])
        self.assertEqual([line.doRead(), line.doRead()], [None, None])
        self.assertEqual((protocol.halves, protocol.ends, end.closed, self.reactor.readers), (1, [], False, set()))
        # Nothing more can come, so there is nothing to watch for; else the end would be told again and again.
        line.resumeProducing()
        self.assertEqual(self.reactor.readers, set())
        line.write(b"221 bye\r\n")
        self.end_turn()
        self.assertEqual((end.sent, end.closed), ([b"221 bye\r\n"], False))
        line.loseConnection()
        self.end_turn()
        self.assertEqual((protocol.ends, end.closed, protocol.halves), ([ConnectionDone], True, 1))

    def test_the_last_word_leaves_though_the_peer_has_ended(self) -> None:
        for room in (0, 3, 100):
            line, protocol, end = self.line(notes=Listens, room=room, heard=[b""])
            line.write(b"221 bye\r\n")
            line.loseConnection()
            self.assertIsNone(line.doRead())
            self.end_turn()
            end.room = 100
            if line.connected:
                self.assertIs(line.doWrite(), CONNECTION_DONE, room)
                line.connectionLost(Failure(CONNECTION_DONE))
            self.assertEqual((b"".join(end.sent), protocol.halves), (b"221 bye\r\n", 0), room)

    def test_a_peer_that_has_ended_and_gone_is_for_the_reactor_to_tell_of(self) -> None:
        line, protocol, _ = self.line(notes=Listens, trouble=errno.EPIPE, heard=[b""])
        self.assertIsNone(line.doRead())
        line.write(b"250 Ok")
        self.end_turn()
        self.assertEqual((self.reactor.readers, self.reactor.writers), (set(), {line}))
        self.assertEqual((line.doWrite(), protocol.ends), (CONNECTION_LOST, []))

    def test_reading_pauses(self) -> None:
        line, _, _ = self.line()
        line.pauseProducing()
        line.pauseProducing()
        self.assertEqual(self.reactor.readers, set())
        line.resumeProducing()
        self.assertEqual(self.reactor.readers, {line})

    def test_closed_with_the_last_word(self) -> None:
        line, protocol, end = self.line()
        line.write(b"221 bye")
        line.loseConnection()
        line.write(b"more")
        self.assertEqual((line.connected, end.sent, end.closed), (True, [], False))
        self.end_turn()
        self.assertEqual((line.connected, end.sent, end.closed), (False, [b"221 bye"], True))
        self.assertEqual((protocol.ends, self.reactor.readers, self.reactor.writers), ([ConnectionDone], set(), set()))

    def test_closed_without_a_word(self) -> None:
        line, protocol, end = self.line()
        line.loseConnection()
        self.end_turn()
        self.assertEqual((end.sent, end.closed, protocol.ends), ([], True, [ConnectionDone]))

    def test_closed_once_the_kernel_has_taken_it_all(self) -> None:
        for room in (0, 3):
            line, protocol, end = self.line(room=room)
            line.write(b"221 bye")
            line.loseConnection()
            self.end_turn()
            # Nothing more is heard of it, and who has begun to be closed does not read again.
            line.resumeProducing()
            self.assertEqual((end.closed, self.reactor.readers, self.reactor.writers), (False, set(), {line}), room)
            end.room = 100
            self.assertIs(line.doWrite(), CONNECTION_DONE)
            line.connectionLost(Failure(CONNECTION_DONE))
            self.assertEqual((b"".join(end.sent), protocol.ends), (b"221 bye", [ConnectionDone]))

    def test_a_connection_that_is_found_to_be_gone_is_for_the_reactor_to_tell_of(self) -> None:
        for closing in (False, True):
            line, protocol, _ = self.line(trouble=errno.EPIPE)
            line.write(b"250 Ok")
            if closing:
                line.loseConnection()
            self.end_turn()
            # What the peer said before it went is still to be read, unless nobody wants to hear it.
            self.assertEqual((line in self.reactor.readers, self.reactor.writers), (not closing, {line}))
            self.assertEqual((line.doWrite(), protocol.ends), (CONNECTION_LOST, []))
            line.connectionLost(Failure(CONNECTION_LOST))
            self.assertEqual((protocol.ends, self.reactor.writers), ([ConnectionLost], set()))

    def test_cut_off(self) -> None:
        for room in (0, 100):
            line, protocol, end = self.line(room=room, heard=[b"x"])
            line.write(b"250 Ok")
            self.end_turn()
            line.write(b"half of a message")
            line.abortConnection()
            line.abortConnection()
            self.assertEqual((self.reactor.readers, self.reactor.writers, protocol.ends), (set(), set(), []))
            end.room = 100
            # An event that was under way already.
            self.assertIsNone(line.doWrite())
            self.end_turn()
            self.assertEqual((protocol.ends, end.closed), ([ConnectionAborted], True))
            self.assertNotIn(b"half", b"".join(end.sent))
            self.assertEqual(end.options[-1], (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)))

    def test_gone_before_the_turn_ends(self) -> None:
        for last in (Line.loseConnection, Line.abortConnection, lambda line: line.write(b"x")):
            line, protocol, end = self.line()
            line.write(b"221 bye")
            last(line)
            line.connectionLost(Failure(CONNECTION_LOST))
            self.end_turn()
            self.assertEqual((end.sent, protocol.ends), ([], [ConnectionLost]))

    def test_nothing_happens_to_what_has_ended(self) -> None:
        line, protocol, end = self.line()
        line.connectionLost(Failure(CONNECTION_LOST))
        line.write(b"x")
        line.loseConnection()
        line.abortConnection()
        line.pauseProducing()
        line.resumeProducing()
        self.end_turn()
        self.assertEqual((end.sent, protocol.ends, self.reactor.readers), ([], [ConnectionLost], set()))
        producer = Producer()
        line.registerProducer(producer, True)
        self.assertEqual(producer.told, ["stop"])

    def test_a_producer_pauses_while_too_much_waits(self) -> None:
        line, _, end = self.line(room=0)
        producer = Producer()
        line.registerProducer(producer, True)
        line.write(b"x" * 65_536)
        self.assertEqual(producer.told, [])
        line.write(b"y")
        line.write(b"z")
        self.assertEqual(producer.told, ["pause"])
        self.end_turn()
        end.room = 60_000
        self.assertIsNone(line.doWrite())
        self.assertEqual(producer.told, ["pause"])
        end.room = 60_000
        self.assertIsNone(line.doWrite())
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_a_producer_goes_on_when_the_turn_has_taken_it_all(self) -> None:
        line, _, _ = self.line()
        producer = Producer()
        line.registerProducer(producer, True)
        line.write(b"x" * 100_000)
        self.end_turn()
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_closing_waits_for_the_producer(self) -> None:
        line, protocol, _ = self.line()
        line.registerProducer(Producer(), True)
        line.loseConnection()
        self.end_turn()
        self.assertEqual(protocol.ends, [])
        line.unregisterProducer()
        self.end_turn()
        self.assertEqual(protocol.ends, [ConnectionDone])

    def test_a_producer_is_told_of_the_end(self) -> None:
        line, _, _ = self.line()
        producer = Producer()
        line.registerProducer(producer, True)
        line.connectionLost(Failure(CONNECTION_LOST))
        self.assertEqual(producer.told, ["stop"])

    def test_a_fault_in_one_does_not_keep_others_from_speaking(self) -> None:
        one, protocol, _ = self.line()
        other, _, second = self.line()
        protocol.connectionLost = lambda reason: 1 / 0  # type: ignore[method-assign, assignment]
        one.loseConnection()
        other.write(b"250 Ok")
        self.end_turn()
        self.assertEqual(second.sent, [b"250 Ok"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
