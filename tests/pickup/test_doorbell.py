"""The socket beside the drop folder."""

from __future__ import annotations

import os
import stat
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.reply import Reply
from fopemta.pickup.doorbell import Bell, Doorbell
from tests.pickup.house import House

OK = Reply.of(250, "2.0.0", "Ok: queued as BCDF")
NAME = "0123456789abcdef" * 2


class FakeCollector:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Deferred[Reply] | None = None
        self.steps: list[str] = []

    def collect(self, name: str) -> Deferred[Reply]:
        self.asked.append(name)
        return self.answer or succeed(OK)

    def start(self) -> None:
        self.steps.append("start")

    def stop(self) -> None:
        self.steps.append("stop")


class BellTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.collector = FakeCollector()
        self.present: set[Bell] = set()

    def bell(self) -> tuple[Bell, StringTransport]:
        bell: Any = Bell(self.collector, self.clock, self.present)  # type: ignore[arg-type]
        transport = StringTransport()
        bell.makeConnection(transport)
        return bell, transport

    def test_a_name_and_an_answer(self) -> None:
        bell, transport = self.bell()
        for octet in f"{NAME}\n".encode():
            bell.dataReceived(bytes([octet]))
        self.assertEqual(self.collector.asked, [NAME])
        self.assertEqual(transport.value(), OK.render())
        self.assertTrue(transport.disconnecting)

    def test_anything_else_is_no_name(self) -> None:
        for said in (
            b"\n",
            b"../etc/passwd\n",
            NAME.upper().encode() + b"\n",
            b"x" * 65,
            NAME.encode() + b"\r\n",
            b"\xff" * 32 + b"\n",
        ):
            bell, transport = self.bell()
            bell.dataReceived(said)
            self.assertTrue(transport.value().startswith(b"501 5.5.4 "), said)
            self.assertTrue(transport.disconnecting)
        self.assertEqual(self.collector.asked, [])

    def test_one_name_only(self) -> None:
        bell, _ = self.bell()
        bell.dataReceived(f"{NAME}\n{NAME}\n".encode())
        bell.dataReceived(f"{NAME}\n".encode())
        self.assertEqual(self.collector.asked, [NAME])

    def test_who_has_gone_is_told_nothing(self) -> None:
        self.collector.answer = Deferred()
        bell, transport = self.bell()
        bell.dataReceived(f"{NAME}\n".encode())
        bell.connectionLost(Failure(ConnectionDone()))
        self.collector.answer.callback(OK)
        self.assertEqual((transport.value(), self.present, self.clock.getDelayedCalls()), (b"", set(), []))

    def test_who_says_nothing_is_cut_off(self) -> None:
        _, transport = self.bell()
        self.clock.advance(59)
        self.assertFalse(transport.disconnected)
        self.clock.advance(2)
        self.assertTrue(transport.disconnected)

    def test_too_many_at_once_are_not_refused(self) -> None:
        """Their messages are collected at the next look."""
        bells = [self.bell() for _ in range(101)]
        self.assertEqual([transport.value()[:3] for _, transport in bells], [b""] * 100 + [b"250"])
        bells[0][0].connectionLost(Failure(ConnectionDone()))
        bells[100][0].connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.bell()[1].value(), b"")


class FakePort:
    def __init__(self, path: str) -> None:
        self.path = path

    def stopListening(self) -> None:
        os.unlink(self.path)


class FakeReactor(Clock):
    """Makes a file where the socket would be."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.error: Exception | None = None
        self.listening: list[tuple[str, Any]] = []

    def listenUNIX(self, path: str, factory: Any, backlog: int, mode: int) -> FakePort:
        if self.error is not None:
            raise self.error
        os.mknod(path, stat.S_IFSOCK | 0o600)
        self.listening.append((path, factory))
        return FakePort(path)


class DoorbellTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.collector = FakeCollector()
        self.house = House(os.path.abspath(self.mktemp()))
        self.socket = self.house.path / "collect"
        self.events: list[dict[str, Any]] = []
        from twisted.logger import globalLogPublisher

        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def doorbell(self) -> Doorbell:
        return Doorbell(self.house.folder, self.collector, self.reactor)  # type: ignore[arg-type]

    def cautions(self) -> list[str]:
        return [str(each) for each in self.events if each.get("event") == "caution" and each["key"] == "node.drop"]

    def test_any_user_may_ring_while_the_server_runs(self) -> None:
        doorbell = self.doorbell()
        doorbell.start()
        self.assertEqual(stat.S_IMODE(self.socket.stat().st_mode), 0o666)
        bell = self.reactor.listening[0][1].buildProtocol(None)
        self.assertIsInstance(bell, Bell)
        doorbell.stop()
        self.assertFalse(self.socket.exists())
        self.assertEqual(self.collector.steps, ["start", "stop"])
        doorbell.stop()

    def test_what_a_killed_server_has_left_is_in_nobody_s_way(self) -> None:
        os.mknod(self.socket, stat.S_IFSOCK | 0o600)
        self.doorbell().start()
        self.assertEqual(len(self.reactor.listening), 1)

    def test_without_the_socket_messages_are_collected_all_the_same(self) -> None:
        self.reactor.error = CannotListenError("unix", str(self.socket), OSError(30, "Read-only file system"))
        self.doorbell().start()
        self.assertEqual(self.collector.steps, ["start"])
        self.assertIn("Read-only file system", self.cautions()[-1])

    def test_a_folder_that_cannot_be_used_stops_nothing_else(self) -> None:
        os.chmod(self.house.path / "new", 0o777)
        doorbell = self.doorbell()
        doorbell.start()
        self.assertEqual((self.collector.steps, self.reactor.listening), ([], []))
        self.assertIn("must have mode 3733", self.cautions()[-1])
        doorbell.stop()

    def test_a_folder_that_users_cannot_reach_is_told(self) -> None:
        os.chmod(self.house.path, 0o700)
        self.doorbell().start()
        self.assertIn("closed to them", self.cautions()[-1])
        self.assertEqual(self.collector.steps, ["start"])
