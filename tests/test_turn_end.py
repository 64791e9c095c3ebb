"""What is written when a turn of the reactor ends, what goes the usual way, and that the order stays."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.main import CONNECTION_DONE
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fopemta.turn_end import TurnEnd, Voice


class Socket:
    """Takes `room` octets, then says that it would block; fails where `trouble` is set."""

    def __init__(self, room: int = 1000, trouble: int | None = None) -> None:
        self.room = room
        self.trouble = trouble
        self.sent: list[bytes] = []
        self.closed = False

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def setblocking(self, flag: int) -> None:
        pass

    def fileno(self) -> int:
        return 99

    def send(self, data: Any) -> int:
        if self.trouble is not None:
            raise OSError(self.trouble, "")
        if not self.room:
            raise OSError(errno.EWOULDBLOCK, "")
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.sent.append(taken)
        return len(taken)


class Reactor:
    """Notes who wants to write."""

    def __init__(self) -> None:
        self.writers: set[object] = set()

    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeReader(self, reader: object) -> None:
        pass

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)


class VoiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turn_end = TurnEnd(self.clock)

    def voice(self, **socket: Any) -> tuple[Voice, Connection, Socket, Reactor]:
        end, reactor = Socket(**socket), Reactor()
        connection = Connection(end, Protocol(), reactor)
        connection.connected = True
        return Voice(connection, self.turn_end), connection, end, reactor

    def end_turn(self) -> None:
        self.clock.advance(0)

    def test_all_that_is_said_in_a_turn_leaves_at_its_end_at_once(self) -> None:
        one, _, first, writers = self.voice()
        other, _, second, _ = self.voice()
        one.write(b"250 ")
        other.write(b"354 go")
        one.write(b"Ok")
        self.assertEqual((first.sent, second.sent), ([], []))
        self.end_turn()
        self.assertEqual((first.sent, second.sent, writers.writers), ([b"250 Ok"], [b"354 go"], set()))
        one.write(b"221")
        self.end_turn()
        self.assertEqual(first.sent, [b"250 Ok", b"221"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_the_kernel_does_not_take_follows_in_order(self) -> None:
        for room in (0, 1, 5, 8, 9):
            voice, connection, end, reactor = self.voice(room=room)
            voice.write(b"12345678")
            self.end_turn()
            voice.write(b"abc")
            self.end_turn()
            self.assertEqual(reactor.writers, {connection}, room)
            end.room = 1000
            connection.doWrite()
            self.assertEqual((b"".join(end.sent), reactor.writers), (b"12345678abc", set()), room)

    def test_who_closes_leaves_it_to_the_transport(self) -> None:
        voice, connection, end, reactor = self.voice()
        voice.write(b"221 bye")
        voice.settle()
        connection.loseConnection()
        self.end_turn()
        self.assertEqual((end.sent, reactor.writers), ([], {connection}))
        connection.doWrite()
        self.assertEqual(end.sent, [b"221 bye"])

    def test_a_lost_connection_is_for_the_reactor_to_tell_of(self) -> None:
        voice, connection, _, reactor = self.voice(trouble=errno.EPIPE)
        voice.write(b"250 Ok")
        self.end_turn()
        self.assertEqual(reactor.writers, {connection})
        self.assertIsInstance(connection.doWrite(), Exception)

    def test_nothing_is_said_after_the_end(self) -> None:
        for attribute, value in (("connected", False), ("disconnecting", True), ("_writeDisconnected", True)):
            voice, connection, end, _ = self.voice()
            voice.write(b"250 Ok")
            setattr(connection, attribute, value)
            self.end_turn()
            self.assertEqual(end.sent, [], attribute)

    def test_before_tls_begins_it_is_said_and_then_the_transport_is_used(self) -> None:
        voice, connection, end, _ = self.voice()
        voice.write(b"220 Ready to start TLS")
        voice.use_no_more()
        connection.doWrite()
        self.assertEqual(end.sent, [b"220 Ready to start TLS"])
        within: list[bytes] = []
        connection.write = within.append
        voice.write(b"250 Ok")
        self.assertEqual(within, [b"250 Ok"])
        self.end_turn()
        self.assertEqual(end.sent, [b"220 Ready to start TLS"])

    def close(self, voice: Voice) -> list[bool]:
        """Close at the end of this turn; what was told of that."""
        told: list[bool] = []
        voice.close(lambda: told.append(True))
        return told

    def test_closed_with_the_last_word(self) -> None:
        voice, connection, end, reactor = self.voice()
        voice.write(b"221 bye")
        told = self.close(voice)
        self.assertEqual((connection.connected, end.sent, end.closed), (True, [], False))
        self.end_turn()
        self.assertEqual((bool(connection.connected), end.sent, end.closed), (False, [b"221 bye"], True))
        self.assertEqual((told, reactor.writers), ([], set()))

    def test_closed_without_a_word(self) -> None:
        voice, _, end, _ = self.voice()
        told = self.close(voice)
        self.end_turn()
        self.assertEqual((end.sent, end.closed, told), ([], True, []))

    def test_closed_by_the_reactor_where_the_kernel_does_not_take_it_all(self) -> None:
        for room, trouble in ((0, None), (3, None), (0, errno.EPIPE)):
            voice, connection, end, reactor = self.voice(room=room, trouble=trouble)
            voice.write(b"221 bye")
            told = self.close(voice)
            self.end_turn()
            self.assertEqual((end.closed, bool(connection.disconnecting), told), (False, True, [True]), room)
            self.assertEqual(reactor.writers, {connection})

    def test_gone_before_it_is_closed(self) -> None:
        voice, connection, end, _ = self.voice()
        voice.write(b"221 bye")
        told = self.close(voice)
        connection.connectionLost(Failure(CONNECTION_DONE))
        self.end_turn()
        self.assertEqual((end.sent, told), ([], []))

    def test_a_fault_in_one_does_not_keep_others_from_speaking(self) -> None:
        one, connection, _, _ = self.voice()
        other, _, second, _ = self.voice()
        connection.protocol.connectionLost = lambda reason: 1 / 0
        self.close(one)
        other.write(b"250 Ok")
        self.end_turn()
        self.assertEqual(second.sent, [b"250 Ok"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_other_transports_go_the_usual_way(self) -> None:
        written: list[bytes] = []

        class Other:
            write = staticmethod(written.append)
            loseConnection = staticmethod(lambda: written.append(b"closed"))

        voice = Voice(Other(), self.turn_end)
        voice.write(b"x")
        told = self.close(voice)
        self.assertEqual((written, told), ([b"x", b"closed"], [True]))
