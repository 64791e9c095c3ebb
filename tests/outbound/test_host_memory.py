"""What hosts could do is remembered, over restarts, and changes where the walk begins."""

from __future__ import annotations

import json
import os
from typing import Any

import attrs
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fopemta.interfaces import IHostMemory
from fopemta.outbound.host_memory import FILE_NAME, MOST, HostMemory, HostTable, read, write
from fopemta.routing.values import Host
from fopemta.testing.peers import StartTls
from fopemta.trust.host_memory import Known, Start
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Hello, Rung
from tests.outbound.delivery import GOOD, ONLY_CBC, Delivery, peer

HOST = Host("mx.test", ("192.0.2.1", "192.0.2.2"), 25)
OTHER = Host(None, ("192.0.2.9",), 2525)
RUNGS = (Rung.STRONG_256, Rung.STRONG_128, Rung.COMPATIBLE)
CBC = Start(Rung.COMPATIBLE, Hello.FULL)


class Base(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = self.mktemp()
        os.mkdir(self.state)
        self.path = os.path.join(self.state, FILE_NAME)
        self.clock = Clock()
        self.clock.rightNow = 1_800_000_000.0
        self.memory = self.make()

    def make(self) -> HostMemory:
        memory = HostMemory(self.state, self.clock, self.clock.seconds, maybeDeferred)
        memory.start()
        self.addCleanup(memory.stop)
        return memory

    def learn(self, host: Host = HOST) -> None:
        self.memory.succeeded(host, Rung.COMPATIBLE, Hello.FULL, remembered=False)


class MemoryTests(Base):
    def test_interface(self) -> None:
        verifyObject(IHostMemory, self.memory)

    def test_remembered_over_a_restart(self) -> None:
        self.assertIsNone(self.memory.start_of(HOST, RUNGS))
        self.learn()
        self.assertEqual(self.memory.start_of(HOST, RUNGS), CBC)
        self.clock.advance(30)
        self.assertEqual(list(read(self.path)), ["mx.test:25"])
        self.learn(OTHER)
        self.memory.stop()
        again = self.make()
        self.assertEqual((again.start_of(HOST, RUNGS), again.start_of(OTHER, RUNGS)), (CBC, CBC))

    def test_forgotten_when_it_fails_when_it_is_mended_and_when_somebody_says_so(self) -> None:
        self.learn()
        self.memory.failed(HOST)
        self.assertIsNone(self.memory.start_of(HOST, RUNGS))
        self.learn()
        self.memory.succeeded(HOST, Rung.STRONG_256, Hello.FULL, remembered=False)
        self.assertIsNone(self.memory.start_of(HOST, RUNGS))
        self.learn()
        self.learn(OTHER)
        self.assertEqual(self.memory.forget(["far.test"]), 0)
        self.assertEqual(self.memory.forget(["MX.test"]), 1)
        self.assertEqual(self.memory.forget([]), 1)
        self.learn(OTHER)
        self.assertEqual(self.memory.forget(["192.0.2.9:2525"]), 1)

    def test_bounded_in_number_and_time(self) -> None:
        write(
            self.path,
            {f"h{n}:25": Known(Rung.COMPATIBLE, Hello.FULL, self.clock.seconds() - n) for n in range(MOST + 5)},
        )
        self.memory = self.make()
        self.assertIsNone(self.memory.start_of(Host(f"h{MOST + 4}", ("192.0.2.1",), 25), RUNGS))
        self.assertEqual(self.memory.start_of(Host("h0", ("192.0.2.1",), 25), RUNGS), CBC)
        self.clock.advance(31 * 86400)
        self.memory.stop()
        self.assertEqual(self.make().forget([]), 0)

    def test_the_number_is_exact(self) -> None:
        table = HostTable(self.clock.seconds)
        for number in range(MOST + 1):
            self.assertEqual(len(table.known), number)
            table.succeeded(Host(f"h{number}", ("192.0.2.1",), 25), Rung.COMPATIBLE, Hello.FULL, remembered=False)
        self.assertEqual((len(table.known), "h0:25" in table.known, f"h{MOST}:25" in table.known), (MOST, False, True))

    def test_what_others_have_learned_is_taken_and_not_told_again(self) -> None:
        told: list[Any] = []
        table = HostTable(self.clock.seconds, lambda *what: told.append(what))
        known = Known(Rung.COMPATIBLE, Hello.FULL, self.clock.seconds())
        table.take({"mx.test:25": known, "gone.test:25": None})
        self.assertEqual((dict(table.known), told), ({"mx.test:25": known}, []))
        table.take({"mx.test:25": None})
        self.assertEqual((dict(table.known), told), ({}, []))
        table.succeeded(HOST, Rung.COMPATIBLE, Hello.FULL, remembered=False)
        table.failed(OTHER)
        table.failed(HOST)
        table.succeeded(HOST, Rung.COMPATIBLE, Hello.FULL, remembered=False)
        table.forget([])
        self.assertEqual(told, [("mx.test:25", known), ("mx.test:25", None)] * 2)

    def test_what_cannot_be_written_is_told_and_hurts_nobody(self) -> None:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        os.mkdir(f"{self.path}.tmp")
        self.learn()
        self.clock.advance(30)
        told = [each["what"] for each in events if each.get("event") == "caution"]
        self.assertEqual(told, [f"{self.path}: what hosts can do cannot be remembered: Is a directory"])
        os.rmdir(f"{self.path}.tmp")
        # Nothing has changed since, so it is written when something does.
        self.clock.advance(30)
        self.assertFalse(os.path.exists(self.path))
        self.learn(OTHER)
        self.clock.advance(30)
        self.assertEqual(len(read(self.path)), 2)

    def test_a_file_that_cannot_even_be_put_aside_is_left(self) -> None:
        os.mkdir(self.path)
        os.mkdir(f"{self.path}.damaged")
        os.mkdir(f"{self.path}.damaged/x")
        self.assertEqual(dict(self.make().known), {})

    def test_a_damaged_file_is_put_aside(self) -> None:
        for damage in ("", "[]", '{"a": 1}', '{"a:25": {"rung": "x", "hello": "full", "at": 1}}', "\x00"):
            with open(self.path, "w") as file:
                file.write(damage)
            memory = self.make()
            self.assertIsNone(memory.start_of(HOST, RUNGS))
            self.assertTrue(os.path.exists(self.path + ".damaged"))
            self.assertFalse(os.path.exists(self.path))

    def test_what_stands_in_the_file(self) -> None:
        self.learn()
        self.memory.stop()
        with open(self.path) as file:
            self.assertEqual(
                json.load(file),
                {"mx.test:25": {"rung": "compatible", "hello": "full", "at": 1_800_000_000.0, "confirmed": 0}},
            )


class WalkTests(Base):
    def deliver(self, delivery: Delivery) -> tuple[int, Any]:
        """How many connections it took, and the verdict."""
        delivery.manager.context = attrs.evolve(delivery.manager.context, memory=self.memory)
        delivery.manager.context.resumptions.clear()
        before = sum(server.connections for server in delivery.servers)
        [verdict] = delivery.another()
        delivery.manager.context.pool.close()
        delivery.network.flush()
        return sum(server.connections for server in delivery.servers) - before, verdict

    def test_a_normal_server_costs_one_handshake_and_is_not_remembered(self) -> None:
        self.assertEqual(self.deliver(Delivery(peer()))[0], 1)
        self.assertEqual(self.memory.forget([]), 0)

    def test_the_next_walk_begins_where_the_last_ended(self) -> None:
        delivery = Delivery(peer(creator=ONLY_CBC))
        self.assertEqual([self.deliver(delivery)[0] for _ in range(3)], [3, 1, 1])
        # After an hour the top is tried again, then after two.
        for hours in (1, 2, 4):
            self.clock.advance(hours * 3600 - 1)
            self.assertEqual(self.deliver(delivery)[0], 1)
            self.clock.advance(1)
            self.assertEqual([self.deliver(delivery)[0] for _ in range(2)], [3, 1])

    def test_a_small_hello_is_remembered(self) -> None:
        delivery = Delivery(peer(StartTls.CHOKES))
        self.assertEqual([self.deliver(delivery)[0] for _ in range(2)], [2, 1])

    def test_a_nameless_hello_is_remembered_except_for_mail_that_needs_the_name(self) -> None:
        delivery = Delivery(peer(StartTls.NAMELESS))
        self.assertEqual([self.deliver(delivery)[0] for _ in range(2)], [2, 1])
        connections, verdict = self.deliver(Delivery(peer(StartTls.NAMELESS), level=Level.AUTHENTICATED))
        self.assertEqual((connections, verdict.result.value, verdict.diagnosis), (1, "deferred", "sni_refused"))
        # Mended: whoever needs the name finds it out, an hour later everybody.
        self.assertEqual(self.deliver(Delivery(peer()))[1].diagnosis, "sni_refused")
        self.assertEqual(self.deliver(Delivery(peer(), level=Level.AUTHENTICATED))[1].result.value, "delivered")
        self.assertEqual(self.deliver(Delivery(peer()))[1].diagnosis, None)

    def test_what_fails_there_begins_at_the_top(self) -> None:
        delivery = Delivery(peer(creator=ONLY_CBC))
        self.deliver(delivery)
        # Mended, and without what it had: TLS 1.3 alone.
        delivery.servers[0].behaviour = peer(creator=GOOD).behaviour
        connections, verdict = self.deliver(delivery)
        self.assertEqual((connections, verdict.rung), (1, "compatible"))
        self.memory.succeeded(Host("mx1.d.test", ("192.0.2.1",), 25), Rung.COMPATIBLE, Hello.FULL, remembered=False)
        delivery.servers[0].behaviour = peer(StartTls.GARBAGE).behaviour
        connections, verdict = self.deliver(delivery)
        # The remembered rung, the top, and only then plain text; nothing is remembered of that.
        self.assertEqual((connections, verdict.rung), (3, "plain"))
        self.assertEqual(self.memory.forget([]), 0)

    def test_it_never_lowers_a_floor(self) -> None:
        self.memory.succeeded(Host("mx1.d.test", ("192.0.2.1",), 25), Rung.COMPATIBLE, Hello.FULL, remembered=False)
        delivery = Delivery(peer(creator=ONLY_CBC), level=Level.ENCRYPT, lowest_rung="strong128")
        connections, verdict = self.deliver(delivery)
        self.assertEqual((connections, verdict.result.value, verdict.rung), (2, "deferred", "strong128"))
