"""Reports of messages that were handed in on this machine and not taken."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Listener, Node
from fopemta.interfaces import HandedIn
from fopemta.mail.envelope import Notify
from fopemta.mail.queued import QueuedMessage
from fopemta.mail.reply import Reply
from fopemta.policy.aliases import Aliases, parse
from fopemta.queue.made_here import MadeHere
from fopemta.queue.unaccepted import UnacceptedReports
from fopemta.report.enclosure import LARGEST_ENCLOSED
from fopemta.routing.route import Route, Via
from fopemta.spool.memory import MemorySpool

NOW = 1_795_583_385.0
NO_SUCH = Reply.of(550, "5.1.1", "There is no such mailbox")
LATER = Reply.of(450, "4.1.1", "Nobody knows yet")
ANNA = Mailbox("anna", "us.test")
REFUSED = HandedIn(sender=ANNA, refused=(("bob@peer.test", NO_SUCH), ("two words", NO_SUCH)))
BEGINNING = b"Subject: secret\n\nsecret text\n"


class UnacceptedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.spool = MemorySpool(Clock())
        self.config = Configuration(
            node=Node(hostname="mx.us.test", postmaster=Mailbox("pm", "us.test")),
            listeners=(Listener(endpoint="tcp:25"),),
            routes=(Route(domain="us.test", via=Via.MAILDIR, maildir="/m"),),
        )

    def tell(self, handed_in: HandedIn, beginning: bytes = BEGINNING, aliases: Any = None) -> QueuedMessage | None:
        made_here = MadeHere(self.config, lambda: NOW)
        made_here.aliases = aliases
        reports = UnacceptedReports(self.spool, self.config, lambda: NOW, made_here)
        return self.successResultOf(reports.tell("BCDF00000000", handed_in, NOW - 60, beginning))

    def content(self) -> bytes:
        [kept] = self.spool.kept.values()
        return kept.content

    def test_to_the_sender_from_nobody_with_every_reason(self) -> None:
        report = self.tell(REFUSED)
        assert report is not None
        self.assertEqual((report.envelope.sender, report.envelope.recipients), (None, (ANNA,)))
        content = self.content()
        for words in (
            b"<bob@peer.test>", b'rfc822; "two words"@invalid', b"550 5.1.1 There is no such mailbox",
            b"X-Fopemta-Queue-ID: BCDF00000000\r\n", b"Subject: secret\r\n\r\nsecret text\r\n", b"Action: failed",
        ):  # fmt: skip
            self.assertIn(words, content)

    def test_once(self) -> None:
        self.assertIsNotNone(self.tell(REFUSED))
        self.assertIsNone(self.tell(REFUSED))

    def test_of_other_recipients_there_is_another(self) -> None:
        self.tell(REFUSED)
        self.assertIsNotNone(self.tell(attrs.evolve(REFUSED, refused=REFUSED.refused[:1])))

    def test_what_would_leave_this_machine_holds_nothing_of_the_message(self) -> None:
        self.assertIsNotNone(self.tell(attrs.evolve(REFUSED, sender=Mailbox("anna", "peer.test"))))
        self.assertNotIn(b"secret", self.content())

    def test_nor_what_leaves_by_an_alias(self) -> None:
        class Away:
            def weight(self, _: Mailbox) -> int:
                return 1

            def current(self) -> Aliases:
                found = parse("anna: anna@peer.test\n", lambda domain: domain == "us.test")
                assert isinstance(found, Aliases)
                return found

        report = self.tell(REFUSED, aliases=Away())
        assert report is not None
        self.assertEqual([str(each) for each in report.envelope.recipients], ["anna@peer.test"])
        self.assertNotIn(b"secret", self.content())

    def test_of_a_large_message_the_header(self) -> None:
        self.tell(REFUSED, BEGINNING + b"x\n" * LARGEST_ENCLOSED)
        self.assertIn(b"Subject: secret\r\n", self.content())
        self.assertNotIn(b"secret text", self.content())

    def test_the_null_sender_hears_nothing(self) -> None:
        self.assertIsNone(self.tell(attrs.evolve(REFUSED, sender=None)))
        self.assertEqual(self.spool.kept, {})

    def test_who_wants_no_notice_hears_nothing(self) -> None:
        for notify, told in (
            ({Notify.NEVER}, False), ({Notify.SUCCESS}, False), ({Notify.DELAY}, False), ({Notify.FAILURE}, True),
            (set(), True),
        ):  # fmt: skip
            self.setUp()
            report = self.tell(attrs.evolve(REFUSED, notify=frozenset(notify)))
            self.assertEqual(report is not None, told, notify)

    def test_what_was_put_off_too_long_has_its_own_status(self) -> None:
        self.tell(attrs.evolve(REFUSED, refused=(("bob@peer.test", LATER),)))
        self.assertIn(b"Status: 5.4.7\r\n", self.content())

    def test_eight_bits(self) -> None:
        report = self.tell(REFUSED, "Subject: x\n\n\u00e4\n".encode())
        assert report is not None
        self.assertEqual(report.envelope.body_type.value, "8BITMIME")
