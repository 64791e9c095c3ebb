"""What rules read of mail that waits: in another thread, and only where they ask for it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Listener, Node
from fopemta.config.rules import load_rules
from fopemta.interfaces import SpoolFailing
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.policy.rulebook import Rulebook
from fopemta.queue.demanding import Demanding
from fopemta.spool.memory import MemorySpool
from tests.inbound.test_reading import Threads

BOB = Mailbox("bob", "bank.test")


def rule(when: str) -> str:
    return f'[[rule]]\nname = "r"\nwhen = {{ {when} }}\nthen = {{ action = "force_tls" }}\n'


class ReadingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.threads, self.clock = Threads(), Clock()
        self.spool = MemorySpool(self.clock)

    def _begun(self, when: str, content: bytes = b"Subject: secret\r\n\r\nx\r\n") -> Deferred[Any]:
        config = Configuration(
            node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")),
            listeners=(Listener(endpoint="tcp:25"),),
            rulebook=load_rules(rule(when), "/etc"),
        )
        stored: list[QueuedMessage] = []
        self.spool.submit("BCDFGHJK", Envelope(None, (BOB,)), content).addCallback(stored.append)
        self.clock.advance(1)
        demanding = Demanding(self.spool, config, lambda: 0.0, self.threads)
        return Deferred.fromCoroutine(demanding.of(stored[0]))

    def test_reading_and_judging_are_both_for_a_thread(self) -> None:
        judged: list[object] = []
        concerning = Rulebook.concerning

        def recorded(book: Rulebook, *arguments: Any) -> Any:
            judged.append(book)
            return concerning(book, *arguments)

        self.patch(Rulebook, "concerning", recorded)
        found = self._begun('subject = ["secret"]')
        self.assertNoResult(found)
        self.assertEqual((len(self.threads.calls), judged), (1, []))
        self.threads.run()
        self.assertEqual(self.successResultOf(found).of(str(BOB)).demanded.rules, ("r",))
        self.assertEqual(len(judged), 1)

    def test_where_no_rule_asks_nothing_is_read(self) -> None:
        self.spool.content = lambda message_id: self.fail("read")  # type: ignore[method-assign, assignment]
        found = self.successResultOf(self._begun('recipients = ["bank.test"]'))
        self.assertEqual((found.of(str(BOB)).demanded.rules, self.threads.calls), (("r",), []))

    def test_what_cannot_be_read_now_may_not_go_now(self) -> None:
        self.spool.content = lambda message_id: fail(SpoolFailing("no"))  # type: ignore[method-assign]
        found = self.successResultOf(self._begun('subject = ["secret"]'))
        self.assertEqual(found.of(str(BOB)).unsure, "rule r: the message cannot be read now")
