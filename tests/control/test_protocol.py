"""A command's connection to the running server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

import fopemta
from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration
from fopemta.control.outflow import portions_of
from fopemta.control.protocol import ControlFactory, ControlledServer
from fopemta.interfaces import IQueue, IReload, Portions, Reloaded, Unanswered
from fopemta.mail.envelope import Envelope
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.memory import MemorySpool

REPORT = Envelope(None, (Mailbox("alice", "example.org"),))
ID, OTHER = "0vyKfVczdK5G1f", "0vyKfVczdK5G2g"


@implementer(IQueue)
class Queue:
    size = 7

    def __init__(self) -> None:
        self.orders: list[tuple[str, Order]] = []
        self.slow: Deferred[OrderResult] | None = None

    def accepted(self, message: QueuedMessage) -> None:
        raise AssertionError("nobody said so")

    def freed_by(self, config: Configuration) -> Deferred[int]:
        raise AssertionError("nobody asked")

    def let_demands_fall(self, lowered_by: str) -> None:
        raise AssertionError("nobody said so")

    def flush(self, domain: str) -> Deferred[int]:
        return succeed(len(domain))

    def order(self, message_id: str, order: Order) -> Deferred[OrderResult]:
        self.orders.append((message_id, order))
        return self.slow or succeed(OrderResult(Obeyed.DONE, ("bob@example.net",)))


@implementer(IReload)
class Reload:
    outcome = Reloaded()
    allowed: bool | None = None

    def run(self, allow_lower: bool | None = None, who: str = "") -> Deferred[Reloaded]:
        self.allowed = allow_lower
        return succeed(self.outcome)


class Memory:
    """An IHostMemory of which only one thing is asked."""

    def forget(self, hosts: Iterable[str]) -> int:
        return len(list(hosts))


class ProtocolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.queue, self.reload, self.clock = Queue(), Reload(), Clock()
        self.spool = MemorySpool(self.clock)
        self.listing: Callable[[], Portions] = lambda: portions_of(self.spool.listing())
        self.is_ready = True
        reach = ControlledServer(self.queue, self.reload, Memory(), lambda: self.listing(), lambda: self.is_ready)
        self.protocol = ControlFactory(reach, self.clock).buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def say(self, *requests: Any) -> list[dict[str, Any]]:
        for request in requests:
            self.protocol.dataReceived(json.dumps(request).encode() + b"\n")
        return self.heard()

    def heard(self) -> list[dict[str, Any]]:
        answers = [json.loads(line) for line in self.transport.value().splitlines()]
        self.transport.clear()
        return answers

    def test_a_server_that_reads_no_spool_is_ready(self) -> None:
        self.assertTrue(ControlledServer(self.queue, self.reload, Memory(), self.listing).is_ready())

    def test_doubles(self) -> None:
        verifyObject(IQueue, self.queue)
        verifyObject(IReload, self.reload)

    def listed(self) -> tuple[list[str], list[dict[str, Any]]]:
        answers = self.heard()
        return [each["id"] for each in answers if "id" in each], answers[-1:]

    def fill(self, messages: int) -> list[str]:
        for number in range(messages):
            self.spool.keep(f"0BCDFGHJKM{number:04}", REPORT, b"x")
        return list(self.spool.kept)

    def test_a_list_comes_as_fast_as_it_is_taken(self) -> None:
        ids = self.fill(450)
        self.protocol.dataReceived(b'{"command":"list"}\n')
        heard = []
        while self.transport.producer is not None:
            before, _ = self.listed()
            self.assertLessEqual(len(before), 200)
            heard += before
            self.transport.producer.resumeProducing()
        after, end = self.listed()
        self.assertEqual((heard + after, end), (ids, [{"end": True}]))
        self.assertEqual(self.say({"command": "status"})[0]["unfinished"], 7)

    def test_while_the_spool_is_read_there_is_an_answer_to_everything(self) -> None:
        self.is_ready = False
        requests = (
            {"command": "order", "order": "hold", "messages": [{"id": ID}]},
            {"command": "flush", "domain": "example.org"},
            {"command": "reload"},
            {"command": "forget_hosts"},
            {"command": "list"},
        )
        for request in requests:
            [answer] = self.say(request)
            self.assertEqual(
                answer,
                {"end": True, "error": "the server is starting and still reads its spool: try again later"},
                request,
            )
        self.assertEqual((self.queue.orders, self.reload.allowed), ([], None))
        [answer] = self.say({"command": "status"})
        self.assertEqual(answer, {"end": True, "version": fopemta.__version__, "unfinished": 7, "starting": True})
        self.is_ready = True
        [answer] = self.say({"command": "status"})
        self.assertNotIn("starting", answer)

    def test_a_command_that_stops_reading_is_cut_off(self) -> None:
        self.fill(450)
        self.protocol.dataReceived(b'{"command":"list"}\n')
        self.transport.producer.resumeProducing()
        self.clock.advance(59)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(2)
        self.assertTrue(self.transport.disconnecting)
        self.transport.producer.stopProducing()
        self.assertFalse(self.flushLoggedErrors())

    def test_a_list_that_waits_for_others_comes_as_they_answer_or_says_why_not(self) -> None:
        asked: list[Deferred[Sequence[bytes]]] = []

        def portions() -> Deferred[Sequence[bytes]]:
            asked.append(Deferred())
            return asked[-1]

        self.listing = lambda: portions
        self.protocol.dataReceived(b'{"command":"list"}\n')
        self.transport.producer.resumeProducing()
        self.assertEqual(self.heard(), [])
        asked[0].callback([b'{"id":"one"}'])
        self.assertEqual(self.heard(), [{"id": "one"}])
        self.transport.producer.resumeProducing()
        self.assertEqual(self.heard(), [])
        asked[1].errback(Unanswered("worker 2 does not answer"))
        self.assertEqual(self.heard(), [{"end": True, "error": "worker 2 does not answer"}])
        self.assertEqual(self.say({"command": "status"})[0]["unfinished"], 7)

    def test_a_list_for_a_command_that_has_gone(self) -> None:
        asked: Deferred[Sequence[bytes]] = Deferred()
        self.listing = lambda: lambda: asked
        self.protocol.dataReceived(b'{"command":"list"}\n')
        self.transport.producer.resumeProducing()
        self.transport.producer.stopProducing()
        # As a transport says it that has met the end twice.
        self.transport.producer.stopProducing()
        asked.callback([b'{"id":"one"}'])
        self.assertEqual(self.heard(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_an_empty_list_ends_at_once(self) -> None:
        self.protocol.dataReceived(b'{"command":"list"}\n')
        self.transport.producer.resumeProducing()
        self.assertEqual(self.listed(), ([], [{"end": True}]))

    def test_orders_are_answered_one_by_one(self) -> None:
        answers = self.say({"command": "order", "order": "hold", "messages": [{"id": ID}, {"id": OTHER}]})
        done = {"result": "done", "recipients": ["bob@example.net"]}
        self.assertEqual(answers, [{"id": ID} | done, {"id": OTHER} | done, {"end": True}])
        self.assertEqual(self.queue.orders, [(ID, Order(kind=OrderKind.HOLD)), (OTHER, Order(kind=OrderKind.HOLD))])

    def test_flush_status_reload(self) -> None:
        self.reload.outcome = Reloaded(("a: is missing",), ("b: odd",), ("c",))
        self.assertEqual(
            self.say({"command": "flush", "domain": "b.test"}, {"command": "status"}, {"command": "reload"}),
            [
                {"end": True, "messages": 6},
                {"end": True, "version": fopemta.__version__, "unfinished": 7},
                {"end": True, "errors": ["a: is missing"], "cautions": ["b: odd"], "at_start": ["c"], "freed": 0},
            ],
        )
        self.assertIs(self.reload.allowed, False)
        self.say({"command": "reload", "allow_lower": True})
        self.assertIs(self.reload.allowed, True)
        self.assertEqual(self.say({"command": "forget_hosts", "hosts": ["a", "b"]}), [{"end": True, "hosts": 2}])

    def test_what_is_no_request_is_an_error_and_the_next_is_served(self) -> None:
        answers = self.say("nonsense", {"command": "status"})
        self.assertEqual(answers[0], {"end": True, "error": "not a command of this version"})
        self.assertEqual(answers[1]["unfinished"], 7)

    def test_one_after_another(self) -> None:
        self.queue.slow = Deferred()
        order = {"command": "order", "order": "retry", "messages": [{"id": ID}]}
        self.assertEqual(self.say(order, {"command": "status"}), [])
        slow, self.queue.slow = self.queue.slow, None
        slow.callback(OrderResult(Obeyed.UNKNOWN))
        self.assertEqual([each.get("result", "end") for each in self.heard()], ["unknown", "end", "end"])

    def test_who_leaves_before_the_answer_has_given_his_order(self) -> None:
        self.queue.slow = slow = Deferred()
        self.say({"command": "order", "order": "retry", "messages": [{"id": ID}, {"id": OTHER}]})
        self.protocol.connectionLost()
        self.protocol.connected = False
        self.queue.slow = None
        slow.callback(OrderResult(Obeyed.DONE))
        self.assertEqual([message_id for message_id, _ in self.queue.orders], [ID, OTHER])
        self.assertEqual((self.heard(), self.clock.getDelayedCalls()), ([], []))

    def test_silence_and_endless_lines_end_it(self) -> None:
        self.clock.advance(61)
        self.assertTrue(self.transport.disconnecting)
        self.setUp()
        self.clock.advance(40)
        self.say({"command": "status"})
        self.clock.advance(59)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(2)
        self.assertTrue(self.transport.disconnecting)
        self.setUp()
        self.protocol.dataReceived(b"x" * 300_000)
        self.assertEqual(self.heard(), [{"end": True, "error": "the request is too long"}])
        self.assertTrue(self.transport.disconnecting)
