"""Connections that we make: what becomes of each answer, and that nothing is left over."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    NoRouteError,
    TCPTimedOutError,
)
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import TimeoutError as TimedOut
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fopemta.wire.calls import on_lines
from fopemta.wire.line import Line
from fopemta.wire.turn_end import TurnEnd
from fopemta.wire.wires import Wires
from tests.wire.doubles import Reactor, Socket


class Connecting(Socket):
    """Answers `at_once` to connect, and `later` when it is asked what came of it."""

    def __init__(self, at_once: int = errno.EINPROGRESS, later: int = 0, bind: int = 0, gone: bool = False) -> None:
        super().__init__()
        self.at_once = at_once
        self.later = later
        self.bind_trouble = bind
        self.gone = gone
        self.family = socket.AF_INET
        self.name: Any = None
        self.source: Any = None

    def connect_ex(self, name: Any) -> int:
        assert not self.blocking
        self.name = name
        return self.at_once

    def bind(self, source: Any) -> None:
        self.source = source
        if self.bind_trouble:
            raise OSError(self.bind_trouble, "")

    def getsockopt(self, level: int, option: int) -> int:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR)
        return self.later

    def getpeername(self) -> Any:
        if self.gone:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return ("192.0.2.25", 25)


class CallTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.made: list[tuple[int, int]] = []

    def caller(self, make: Any = socket.socket) -> Any:
        return on_lines(self.reactor, Wires(self.reactor, TurnEnd(self.reactor)), make)  # type: ignore[arg-type]

    def call(self, end: Connecting, address: str = "192.0.2.25", source: Any = None) -> Deferred[Any]:
        def make(family: int, kind: int) -> Any:
            self.made.append((family, kind))
            return end

        kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        return kind(self.caller(make), address, 25, timeout=30, bindAddress=source).connect(
            Factory.forProtocol(Protocol)
        )

    def answer(self, end: Connecting) -> None:
        """The kernel tells that there is one."""
        [writer] = self.reactor.writers
        self.assertEqual(writer.fileno(), end.fileno())
        writer.doWrite()

    def assertNothingLeft(self, end: Connecting) -> None:
        self.assertEqual((end.closed, self.reactor.writers, self.reactor.getDelayedCalls()), (True, set(), []))

    def test_connected(self) -> None:
        end = Connecting()
        connecting = self.call(end)
        self.assertNoResult(connecting)
        self.assertEqual((end.name, end.source), (("192.0.2.25", 25), None))
        self.answer(end)
        protocol = self.successResultOf(connecting)
        self.assertIsInstance(protocol.transport, Line)
        self.assertEqual(protocol.transport.getPeer(), IPv4Address("TCP", "192.0.2.25", 25))
        self.assertEqual((self.reactor.writers, self.reactor.readers), (set(), {protocol.transport}))
        self.assertEqual((end.closed, self.reactor.getDelayedCalls()), (False, []))

    def test_connected_at_once(self) -> None:
        connecting = self.call(Connecting(at_once=0))
        self.assertNoResult(connecting)
        self.reactor.advance(0)
        self.successResultOf(connecting)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_families(self) -> None:
        for address, family in (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6)):
            self.call(Connecting(), address)
            self.assertEqual(self.made.pop(), (family, socket.SOCK_STREAM))

    def test_from_an_address(self) -> None:
        end = Connecting()
        self.call(end, source=("192.0.2.7", 0))
        self.assertEqual(end.source, ("192.0.2.7", 0))

    def test_no_names(self) -> None:
        """To look one up here would stop everything."""
        connecting = self.caller().connectTCP
        failures: list[Failure] = []

        class Failing(Factory):
            def startedConnecting(self, connector: object) -> None:
                pass

            def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
                failures.append(reason)

        connecting("mx.example.org", 25, Failing())
        self.reactor.advance(0)
        self.assertEqual(len(failures), 1)
        self.assertIsInstance(failures[0].value, ConnectError)

    def test_troubles(self) -> None:
        table: list[tuple[dict[str, int], type[Exception]]] = [
            ({"later": errno.ECONNREFUSED}, Refused),
            ({"later": errno.ETIMEDOUT}, TCPTimedOutError),
            ({"later": errno.EHOSTUNREACH}, ConnectError),
            ({"at_once": errno.ENETUNREACH}, NoRouteError),
            ({"at_once": errno.EADDRNOTAVAIL}, ConnectError),
            ({"bind": errno.EADDRNOTAVAIL}, ConnectError),
        ]
        for how, expected in table:
            end = Connecting(**how)
            connecting = self.call(end, source=("192.0.2.7", 0))
            self.assertNoResult(connecting)
            if "later" in how:
                self.answer(end)
            self.reactor.advance(0)
            error = self.failureResultOf(connecting).value
            self.assertIsInstance(error, expected)
            self.assertEqual(error.osError, next(iter(how.values())))
            self.assertNothingLeft(end)

    def test_no_descriptor_left(self) -> None:
        def make(family: int, kind: int) -> Any:
            raise OSError(errno.EMFILE, "Too many open files")

        caller = self.caller(make)
        connecting = TCP4ClientEndpoint(caller, "192.0.2.25", 25).connect(Factory.forProtocol(Protocol))
        self.reactor.advance(0)
        self.assertEqual(self.failureResultOf(connecting).value.osError, errno.EMFILE)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_an_end_that_the_kernel_tells_of_is_asked_for_its_reason(self) -> None:
        for later, expected in ((errno.ECONNREFUSED, Refused), (0, ConnectError)):
            end = Connecting(later=later)
            connecting = self.call(end)
            [writer] = self.reactor.writers
            writer.connectionLost(Failure(ConnectError()))
            self.failureResultOf(connecting, expected)
            self.assertNothingLeft(end)

    def test_gone_again_already(self) -> None:
        end = Connecting(gone=True)
        connecting = self.call(end)
        self.answer(end)
        self.failureResultOf(connecting, ConnectError)
        self.assertNothingLeft(end)

    def test_no_answer_in_time(self) -> None:
        end = Connecting()
        connecting = self.call(end)
        self.reactor.advance(29.9)
        self.assertNoResult(connecting)
        self.reactor.advance(0.2)
        self.failureResultOf(connecting, TimedOut)
        self.assertNothingLeft(end)

    def test_called_off(self) -> None:
        for at_once in (errno.EINPROGRESS, 0, errno.ENETUNREACH):
            end = Connecting(at_once=at_once)
            connecting = self.call(end)
            connecting.cancel()
            self.failureResultOf(connecting, ConnectingCancelledError)
            self.assertNothingLeft(end)

    def test_the_rest_is_the_reactors(self) -> None:
        caller = self.caller()
        self.assertEqual((caller.seconds(), caller.callLater), (0, self.reactor.callLater))

    def test_one_reactor_has_one_watch(self) -> None:
        other = Clock()
        self.assertIs(Wires.of(self.reactor), Wires.of(self.reactor))
        self.assertIsNot(Wires.of(self.reactor), Wires.of(other))
