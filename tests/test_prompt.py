"""What is written at once, what goes the usual way, and that the order stays."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase

from fopemta import prompt


class Socket:
    """Takes `room` octets, then says that it would block; fails where `trouble` is set."""

    def __init__(self, room: int = 1000, trouble: int | None = None) -> None:
        self.room = room
        self.trouble = trouble
        self.sent = b""

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
        self.sent += taken
        return len(taken)


class Reactor:
    """Notes who wants to write."""

    def __init__(self) -> None:
        self.writers: set[object] = set()

    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)


class PromptTests(SynchronousTestCase):
    def connection(self, **socket: Any) -> tuple[Connection, Socket, Reactor]:
        end, reactor = Socket(**socket), Reactor()
        connection = Connection(end, Protocol(), reactor)
        connection.connected = True
        return connection, end, reactor

    def test_leaves_without_a_turn_of_the_reactor(self) -> None:
        connection, end, reactor = self.connection()
        prompt.write(connection, b"250 Ok\r\n")
        self.assertEqual((end.sent, reactor.writers), (b"250 Ok\r\n", set()))

    def test_what_the_kernel_does_not_take_follows_in_order(self) -> None:
        for room in (0, 1, 5, 8, 9):
            connection, end, reactor = self.connection(room=room)
            prompt.write(connection, b"12345678")
            prompt.write(connection, b"abc")
            self.assertEqual(reactor.writers, {connection}, room)
            end.room = 1000
            connection.doWrite()
            self.assertEqual((end.sent, reactor.writers), (b"12345678abc", set()), room)

    def test_what_was_written_before_comes_before(self) -> None:
        connection, end, _ = self.connection()
        connection.write(b"first ")
        prompt.write(connection, b"second")
        self.assertEqual(end.sent, b"")
        connection.doWrite()
        self.assertEqual(end.sent, b"first second")

    def test_a_lost_connection_is_for_the_reactor_to_tell_of(self) -> None:
        connection, _, reactor = self.connection(trouble=errno.EPIPE)
        prompt.write(connection, b"250 Ok\r\n")
        self.assertEqual(reactor.writers, {connection})
        self.assertIsInstance(connection.doWrite(), Exception)

    def test_nothing_is_written_in_the_clear_within_tls_nor_after_the_end(self) -> None:
        for attribute, value in (
            ("TLS", True),
            ("connected", False),
            ("disconnecting", True),
            ("_writeDisconnected", True),
        ):
            connection, end, _ = self.connection()
            setattr(connection, attribute, value)
            connection.protocol.write = lambda data: None
            prompt.write(connection, b"250 Ok\r\n")
            self.assertEqual(end.sent, b"", attribute)

    def test_other_transports_go_the_usual_way(self) -> None:
        written: list[bytes] = []

        class Other:
            write = staticmethod(written.append)

        prompt.write(Other(), b"x")
        self.assertEqual(written, [b"x"])
