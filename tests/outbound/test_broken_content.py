"""Servers that say something while the message is still on its way: it must never become a whole one afterwards."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from fopemta.interfaces import IMessageContent
from fopemta.mail.envelope import BodyType
from fopemta.outbound.content import PIECE
from fopemta.routing.consignment import Consignment
from fopemta.routing.routes import next_hop
from fopemta.testing.peers import Peer
from fopemta.trust.verdict import VerdictRecord
from tests.outbound.delivery import BOB, CONTENT, Delivery, peer

ALL = ("PIPELINING", "CHUNKING", "BINARYMIME", "8BITMIME")
FIRST = CONTENT + b"\xff" * (PIECE - len(CONTENT))
LAST = b"the end\r\n"


@implementer(IMessageContent)
class Slow:
    """Content whose last piece comes when the test wants."""

    def __init__(self) -> None:
        self.last: Deferred[bytes] = Deferred()
        self._pieces = deque([succeed(FIRST), self.last])

    def read(self, size: int) -> Deferred[bytes]:
        return self._pieces.popleft() if self._pieces else succeed(b"")

    def close(self) -> None:
        pass


class BrokenContentTests(SynchronousTestCase):
    def interrupted(self, body: BodyType, said: bytes | None) -> tuple[Any, VerdictRecord, Delivery]:
        """A message of which the server has the first piece when it says `said` (None: is gone); then the rest could be
        read.
        """
        server, slow = peer(extensions=ALL), Slow()
        delivery = Delivery(server, content=FIRST + LAST, body=body)
        done: list[Any] = []
        delivery.spool.submit("BCDFGH01", delivery.envelope, delivery.content).addCallback(done.append)
        delivery.network.flush()
        delivery.spool.content = lambda _: succeed(slow)  # type: ignore[method-assign]
        verdicts: list[VerdictRecord] = []
        hop = next_hop("d.test", ())
        delivery.manager.deliver(Consignment(done[0], hop, (BOB,)), delivery.note).addCallback(verdicts.extend)
        delivery.network.flush()
        self.assertEqual(verdicts, [])
        if said is None:
            delivery.network.pumps[0].server.abortConnection()
        else:
            delivery.network.pumps[0].server.write(said)
        delivery.network.flush()
        waiting = len(delivery.network.getDelayedCalls())
        slow.last.callback(LAST)
        if said is None:
            self.assertLessEqual(len(delivery.network.getDelayedCalls()), waiting)
        delivery.network.flush(60)
        return server, verdicts[0], delivery

    def test_table(self) -> None:
        said = {
            b"552 5.3.4 enough\r\n": ("failed", "refused_by_peer", 552, "5.3.4"),
            b"554 no\r\n": ("failed", "refused_by_peer", 554, "5.0.0"),
            b"451 4.3.0 not now\r\n": ("deferred", "deferred_by_peer", 451, "4.3.0"),
            b"421 4.3.2 closing\r\n": ("deferred", "deferred_by_peer", 421, "4.3.2"),
            b"250 2.0.0 Ok\r\n": ("deferred", "protocol_error", 451, "4.5.0"),
            b"hello\r\n": ("deferred", "protocol_error", 451, "4.5.0"),
        }
        for body in (BodyType.EIGHT_BIT_MIME, BodyType.BINARY_MIME):
            for words, wanted in said.items():
                server, verdict, delivery = self.interrupted(body, words)
                found = (verdict.result.value, verdict.diagnosis, verdict.code, verdict.enhanced)
                self.assertEqual(found, wanted, (body, words))
                self.assertEqual((server.messages, server.connections), ([], 1))
                self.assertEqual(delivery.network.getDelayedCalls(), [])

    def test_one_that_is_gone_is_waited_for_no_more(self) -> None:
        for body in (BodyType.EIGHT_BIT_MIME, BodyType.BINARY_MIME):
            server, verdict, delivery = self.interrupted(body, None)
            self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "conversation_dropped"), body)
            self.assertEqual((server.messages, server.connections), ([], 1), body)
            self.assertEqual(delivery.network.getDelayedCalls(), [])

    def test_without_a_word_it_arrives(self) -> None:
        for body in (BodyType.EIGHT_BIT_MIME, BodyType.BINARY_MIME):
            server, verdict, _ = self.interrupted(body, b"")
            self.assertEqual((verdict.result.value, server.messages[0].content), ("delivered", FIRST + LAST))


class ShortContentTests(SynchronousTestCase):
    """The spool gives less than it has promised: nothing of it may become a message."""

    def short(self, body: BodyType, extensions: tuple[str, ...], pieces: list[bytes]) -> tuple[Peer, VerdictRecord]:
        server, slow = peer(extensions=extensions), Slow()
        delivery = Delivery(server, content=FIRST + LAST, body=body)
        done: list[Any] = []
        delivery.spool.submit("BCDFGH01", delivery.envelope, delivery.content).addCallback(done.append)
        delivery.network.flush()
        delivery.message = done[0]

        def content(_: str) -> Any:
            slow._pieces = deque(succeed(each) for each in pieces)
            return succeed(slow)

        delivery.spool.content = content  # type: ignore[method-assign]
        [verdict] = delivery.run(60)
        self.assertEqual(delivery.network.getDelayedCalls(), [])
        return server, verdict

    def test_it_is_put_off(self) -> None:
        for body in (BodyType.EIGHT_BIT_MIME, BodyType.BINARY_MIME):
            for extensions in (ALL, ()):
                for pieces in ([FIRST], [FIRST, LAST[:-1]], [b""]):
                    server, verdict = self.short(body, extensions, pieces)
                    self.assertEqual((len(server.messages), verdict.result.value), (0, "deferred"), (body, extensions))
                    self.assertEqual(verdict.diagnosis, "local_trouble", (body, extensions))

    def test_what_is_whole_goes(self) -> None:
        for body in (BodyType.EIGHT_BIT_MIME, BodyType.BINARY_MIME):
            for pieces in ([FIRST, LAST], [FIRST[:1000], FIRST[1000:], LAST]):
                server, _ = self.short(body, ALL, pieces)
                self.assertEqual([each.content for each in server.messages], [FIRST + LAST], body)
