"""The supervisor when it cannot begin."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Listener, ListenerTls, Log
from fopemta.inbound.protocol import STARTING
from fopemta.server.mail_service import STARTING_PATIENCE
from fopemta.server.supervisor import Supervisor, _TurningAway
from tests.workers.test_commands import CONFIG


class Reactor:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[..., Any], *arguments: Any) -> None:
        self.done.append((phase, event, call, *arguments))

    def stop(self) -> None:
        self.done.append("stop")


class Broken(Supervisor):
    """One with a bug."""

    def _begin_all(self) -> None:
        raise RuntimeError("a bug")


class BeginTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = Reactor()
        self.supervisor = Broken("fopemta.toml", CONFIG, self.reactor, Log())

    def test_one_that_cannot_begin_ends_with_a_status_that_tells_so(self) -> None:
        self.supervisor.running = True
        self.supervisor._begin()
        self.assertEqual(self.reactor.done, [("after", "shutdown", os._exit, 1), "stop"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_one_that_was_stopped_before_does_not_begin(self) -> None:
        self.supervisor._begin()
        self.assertEqual(self.reactor.done, [])


class Port:
    """One that somebody reads from, or nobody."""

    reads = False

    def startReading(self) -> None:
        self.reads = True

    def stopReading(self) -> None:
        self.reads = False


class NobodyReadyTests(SynchronousTestCase):
    """Workers that take their time: the ports they share are not silent meanwhile."""

    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.supervisor = Supervisor("fopemta.toml", CONFIG, self.clock, Log())
        self.port = Port()
        self.supervisor._ports = [self.port]
        self.supervisor._turning_away = self.clock.callLater(STARTING_PATIENCE, self.supervisor._turn_away)

    def test_clients_are_told_until_a_worker_is_ready(self) -> None:
        self.clock.advance(1.9)
        self.assertFalse(self.port.reads)
        self.clock.advance(0.2)
        self.assertTrue(self.port.reads)
        self.supervisor._ready()
        self.assertFalse(self.port.reads)

    def test_nobody_is_sent_away_once_a_worker_is_ready(self) -> None:
        self.supervisor._ready()
        self.clock.advance(10)
        self.assertFalse(self.port.reads)

    def test_what_they_are_told(self) -> None:
        for tls, said in ((ListenerTls.OPPORTUNISTIC, STARTING.render()), (ListenerTls.IMPLICIT, None)):
            factory = _TurningAway(Listener(endpoint="tcp:25", tls=tls))
            protocol = factory.buildProtocol(None)
            if protocol is None:
                self.assertIsNone(said)
                continue
            transport = StringTransport()
            protocol.makeConnection(transport)
            self.assertEqual((transport.value(), transport.disconnecting), (said, True))
