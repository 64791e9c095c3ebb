"""Messages that users of this machine hand in: by the same gate and reception as others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.rules import load_rules
from fopemta.inbound.local_intake import LocalIntake
from fopemta.interfaces import HandedIn, ILocalIntake, Later, SpoolFull
from fopemta.mail.envelope import BodyType, Direction, Notify, Returned
from fopemta.mail.reply import Reply
from fopemta.sendmail.dropped import Damaged, DroppedLetter
from tests.inbound.inbound import Inbound

NO_SUCH = Reply.of(550, "5.1.1", "There is no such mailbox")
UNKNOWN = Reply.of(450, "4.1.1", "Nobody knows yet")
LETTER = DroppedLetter(sender="anna", recipients=("bob@peer.test",))
FOLDED = b"Received: by mx.us.test (fopemta, from userid 1000)\r\n\tid BCDFHAND\r\n\tfor <bob@peer.test>; "
STAMP = b"Wed, 25 Nov 2026 05:09:45 +0000\r\n"


class Answers:
    def __init__(self, **answers: Reply) -> None:
        self.answers = answers

    def verify(self, recipient: Mailbox) -> Deferred[Reply | None] | None:
        return succeed(self.answers.get(recipient.local_part)) if recipient.domain == "peer.test" else None


class LocalIntakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.inbound = Inbound()
        self.refused: list[HandedIn] = []
        self.ids = iter(["BCDFHAND", "BCDFHANDS", "BCDFHANDSS"])

    def rules(self, text: str) -> None:
        self.inbound.config = attrs.evolve(self.inbound.config, rulebook=load_rules(text, "/"))

    def intake(self, **services: Any) -> LocalIntake:
        return LocalIntake(self.inbound.config, attrs.evolve(self.inbound.services, **services))

    def take(
        self, letter: DroppedLetter = LETTER, *pieces: bytes, uid: int = 1000, **services: Any
    ) -> Deferred[HandedIn]:
        rest = list(pieces or (b"Subject: hi\n\nText\n",))
        return self.intake(**services).take(
            next(self.ids), letter, uid, lambda: succeed(rest.pop(0) if rest else b""), self.refuse
        )

    def refuse(self, some: HandedIn) -> Deferred[None]:
        self.refused.append(some)
        return succeed(None)

    def taken(self, letter: DroppedLetter = LETTER, *pieces: bytes, **more: Any) -> HandedIn:
        return self.successResultOf(self.take(letter, *pieces, **more))

    def content(self) -> bytes:
        [content] = self.inbound.kept()
        return content


class TakenTests(LocalIntakeTests):
    def test_interface(self) -> None:
        from zope.interface.verify import verifyObject

        verifyObject(ILocalIntake, self.intake())

    def test_what_a_submission_lacks_is_added_and_who_it_was_is_told(self) -> None:
        found = self.taken()
        self.assertEqual(
            self.content(),
            FOLDED + STAMP + b"From: <anna@us.test>\r\nDate: " + STAMP
            + b"Message-ID: <BCDFHAND@mx.us.test>\r\nSubject: hi\r\n\r\nText\r\n",
        )  # fmt: skip
        assert found.message is not None
        self.assertEqual((found.message.id, found.refused), ("BCDFHAND", ()))
        arrival = found.message.envelope.arrival
        assert arrival is not None
        self.assertEqual((arrival.client_address, arrival.uid, arrival.protocol), ("127.0.0.1", 1000, "local"))

    def test_nothing_is_handed_to_the_queue(self) -> None:
        """That is for whoever has removed the file."""
        self.taken()
        self.assertEqual(self.inbound.queue.messages, [])

    def test_what_is_there_stays(self) -> None:
        self.taken(LETTER, b"From: x@us.test\nDate: then\nMessage-ID: <1@us>\n\nText\n")
        self.assertTrue(
            self.content().endswith(STAMP + b"From: x@us.test\r\nDate: then\r\nMessage-ID: <1@us>\r\n\r\nText\r\n")
        )

    def test_the_name_of_the_sender(self) -> None:
        for name, field in (
            ('Anna "A" \\ Smith', b'From: "Anna A  Smith" <anna@us.test>\r\n'),
            ("Cron, Daemon", b'From: "Cron, Daemon" <anna@us.test>\r\n'),
            ("J\u00f6rg", b"From: =?utf-8?b?SsO2cmc=?=\r\n <anna@us.test>\r\n"),
        ):
            self.setUp()
            self.taken(attrs.evolve(LETTER, full_name=name))
            self.assertIn(field, self.content())

    def test_a_sender_who_needs_utf_8(self) -> None:
        found = self.taken(attrs.evolve(LETTER, sender="j\u00f6rg@us.test", full_name="x"))
        assert found.message is not None
        self.assertTrue(found.message.envelope.smtputf8)
        self.assertIn("From: <j\u00f6rg@us.test>\r\n".encode(), self.content())

    def test_the_null_sender_writes_no_from(self) -> None:
        found = self.taken(attrs.evolve(LETTER, sender=""))
        assert found.message is not None
        self.assertIsNone(found.message.envelope.sender)
        self.assertNotIn(b"From:", self.content())

    def test_lines_end_in_crlf_and_nul_is_removed(self) -> None:
        self.taken(LETTER, b"A: b\n\none\r", b"\ntwo\rthr\0ee\n.\n..\n")
        self.assertTrue(self.content().endswith(b"A: b\r\n\r\none\r\ntwo\r\nthree\r\n.\r\n..\r\n"))

    def test_eight_bits_are_found_out(self) -> None:
        for content, said, found in (
            (b"A: b\n\n\xe4\n", BodyType.SEVEN_BIT, BodyType.EIGHT_BIT_MIME),
            (b"A: b\n\na\n", BodyType.SEVEN_BIT, BodyType.SEVEN_BIT),
            (b"A: b\n\na\n", BodyType.EIGHT_BIT_MIME, BodyType.EIGHT_BIT_MIME),
        ):
            self.setUp()
            message = self.taken(attrs.evolve(LETTER, body=said), content).message
            assert message is not None
            self.assertIs(message.envelope.body_type, found)
            self.assertFalse(message.envelope.smtputf8)

    def test_names_without_a_domain_are_at_home(self) -> None:
        found = self.taken(attrs.evolve(LETTER, sender="root", recipients=("root", "bob")))
        assert found.message is not None
        envelope = found.message.envelope
        self.assertEqual(envelope.recipients, (Mailbox("root", "us.test"), Mailbox("bob", "us.test")))
        self.assertEqual(envelope.sender, Mailbox("root", "us.test"))
        self.assertFalse(envelope.from_outside)
        self.assertIs(envelope.direction_of(envelope.recipients[0]), Direction.OUTBOUND)

    def test_what_was_asked_for_goes_along(self) -> None:
        notify = frozenset({Notify.SUCCESS})
        letter = attrs.evolve(LETTER, notify=notify, returned=Returned.HEADERS, envelope_id="7")
        found = self.taken(letter)
        assert found.message is not None
        envelope = found.message.envelope
        self.assertEqual((envelope.returned, envelope.envelope_id), (Returned.HEADERS, "7"))
        self.assertEqual(envelope.options_of(envelope.recipients[0]).notify, notify)
        self.assertEqual(found.notify, notify)

    def test_a_full_spool_makes_it_wait(self) -> None:
        busy: Deferred[None] = Deferred()
        self.inbound.spool.busy = busy
        taking = self.take(LETTER, b"A: b\n\nx\n", b"y\n")
        self.assertNoResult(taking)
        busy.callback(None)
        self.assertIsNotNone(self.successResultOf(taking).message)

    def test_rules_see_it(self) -> None:
        self.rules(
            '[[rule]]\nname = "r"\nwhen = { clients = ["127.0.0.1"], subject = ["hi"] }\nthen = { action = "hold" }\n'
        )
        found = self.taken()
        assert found.message is not None
        self.assertTrue(found.message.envelope.held)


class RefusedTests(LocalIntakeTests):
    def nothing_stays(self) -> None:
        self.assertEqual(self.inbound.kept(), [])

    def test_all_of_them(self) -> None:
        letter = attrs.evolve(LETTER, recipients=("bob@peer.test", "not an address"), notify=frozenset({Notify.NEVER}))
        found = self.taken(letter, recipients=Answers(bob=NO_SUCH))
        self.assertEqual(found.refused[0], ("bob@peer.test", NO_SUCH))
        self.assertEqual((found.refused[1][0], found.refused[1][1].enhanced), ("not an address", "5.1.3"))
        self.assertEqual((found.sender, found.message), (Mailbox("anna", "us.test"), None))
        self.assertEqual(found.notify, letter.notify)
        self.assertEqual(self.refused, [])
        self.nothing_stays()

    def test_some_of_them_before_the_others_get_it(self) -> None:
        kept_then: list[list[bytes]] = []
        self.refuse = lambda some: (  # type: ignore[method-assign,assignment]
            kept_then.append(self.inbound.kept()), self.refused.append(some), succeed(None),
        )[2]  # fmt: skip
        letter = attrs.evolve(LETTER, recipients=("bob@peer.test", "carl@peer.test"))
        found = self.taken(letter, b"A: b\n\none\n", b"two\n", recipients=Answers(bob=NO_SUCH))
        assert found.message is not None
        self.assertEqual([str(each) for each in found.message.envelope.recipients], ["carl@peer.test"])
        self.assertEqual([each.refused for each in self.refused], [(("bob@peer.test", NO_SUCH),)])
        self.assertEqual(kept_then, [[]])
        self.assertTrue(self.content().endswith(b"A: b\r\n\r\none\r\ntwo\r\n"))

    def test_a_sender_that_is_none(self) -> None:
        found = self.taken(attrs.evolve(LETTER, sender="two words"))
        self.assertEqual([(each, reply.enhanced) for each, reply in found.refused], [("bob@peer.test", "5.1.7")])
        self.assertIsNone(found.sender)
        self.nothing_stays()

    def test_by_a_rule_about_the_sender(self) -> None:
        self.rules('[[rule]]\nname = "r"\nwhen = { senders = ["anna@us.test"] }\nthen = { action = "reject" }\n')
        found = self.taken(attrs.evolve(LETTER, recipients=("bob",)))
        self.assertEqual([each for each, _ in found.refused], ["bob@us.test"])
        self.nothing_stays()

    def test_by_a_rule_about_the_content(self) -> None:
        self.rules('[[rule]]\nname = "r"\nwhen = { subject = ["hi"] }\nthen = { action = "reject" }\n')
        found = self.taken()
        self.assertEqual([each for each, _ in found.refused], ["bob@peer.test"])
        self.nothing_stays()

    def test_nul_characters_that_are_removed_count(self) -> None:
        """A file with a hole of terabytes costs its writer nothing, and would be read for days."""
        self.inbound = Inbound(message_size=100)
        read: list[int] = []

        def hole() -> Deferred[bytes]:
            read.append(50)
            return succeed(bytes(50) if len(read) < 1000 else b"")

        found = self.successResultOf(self.intake().take("BCDFHAND", LETTER, 1000, hole, self.refuse))
        self.assertEqual([reply.code for _, reply in found.refused], [552])
        self.assertEqual(len(read), 3)
        self.assertEqual(self.inbound.kept(), [])

    def test_too_large_and_nothing_more_is_read(self) -> None:
        self.inbound = Inbound(message_size=10)
        read: list[int] = []

        def piece() -> Deferred[bytes]:
            read.append(1)
            return succeed(b"x" * 11)

        found = self.successResultOf(self.intake().take("BCDFHAND", LETTER, 0, piece, self.refuse))
        self.assertEqual([reply.code for _, reply in found.refused], [552])
        self.assertEqual(len(read), 1)
        self.nothing_stays()

    def test_a_last_octet_too_many(self) -> None:
        """A CR at the end is a line end, which is known only then."""
        for most, taken in ((11, True), (10, False)):
            self.setUp()
            self.inbound = Inbound(message_size=most)
            found = self.taken(LETTER, b"\n\n12345\r")
            self.assertEqual(found.message is not None, taken)
            self.assertEqual(len(self.inbound.kept()), int(taken))

    def test_round_in_a_circle(self) -> None:
        self.inbound = Inbound(hops=3)
        found = self.taken(LETTER, b"Received: x\n" * 4 + b"\nText\n")
        self.assertEqual([reply.enhanced for _, reply in found.refused], ["5.4.6"])
        self.nothing_stays()


class LaterTests(LocalIntakeTests):
    def later(self, letter: DroppedLetter = LETTER, **services: Any) -> Later:
        later = self.failureResultOf(self.take(letter, **services), Later).value
        assert isinstance(later, Later)
        self.assertEqual(self.inbound.kept(), [])
        return later

    def test_a_recipient_of_whom_nobody_knows(self) -> None:
        letter = attrs.evolve(LETTER, recipients=("bob@peer.test", "carl"))
        later = self.later(letter, recipients=Answers(bob=UNKNOWN))
        self.assertEqual(later.handed_in.refused, (("bob@peer.test", UNKNOWN), ("carl@us.test", UNKNOWN)))
        self.assertEqual(later.handed_in.sender, Mailbox("anna", "us.test"))

    def test_a_rule_that_defers(self) -> None:
        for condition in ('senders = ["anna@us.test"]', 'recipients = ["bob@peer.test"]', 'subject = ["hi"]'):
            self.setUp()
            self.rules(f'[[rule]]\nname = "r"\nwhen = {{ {condition} }}\nthen = {{ action = "defer" }}\n')
            self.later()

    def test_a_spool_that_has_no_room(self) -> None:
        self.inbound.spool.full = True
        self.failureResultOf(self.take(), SpoolFull)

    def test_damage_that_shows_at_the_end(self) -> None:
        pieces: list[Callable[[], Deferred[bytes]]] = [lambda: succeed(b"A: b\n\n"), lambda: _failed(Damaged("x"))]
        taking = self.intake().take("BCDFHAND", LETTER, 0, lambda: pieces.pop(0)(), self.refuse)
        forgotten = self.inbound.kept()
        self.failureResultOf(taking, Damaged)
        self.assertEqual(forgotten, [])

    def test_a_report_that_cannot_be_kept(self) -> None:
        self.refuse = lambda _: _failed(SpoolFull("x"))  # type: ignore[method-assign,assignment]
        letter = attrs.evolve(LETTER, recipients=("bob@peer.test", "carl@peer.test"))
        self.failureResultOf(self.take(letter, recipients=Answers(bob=NO_SUCH)), SpoolFull)
        self.assertEqual(self.inbound.kept(), [])

    def test_another_configuration(self) -> None:
        intake = self.intake()
        self.rules('[[rule]]\nname = "r"\nwhen = { senders = ["anna@us.test"] }\nthen = { action = "reject" }\n')
        intake.reconfigure(self.inbound.config)
        taking = intake.take("BCDFHAND", LETTER, 0, lambda: succeed(b""), self.refuse)
        self.assertIsNone(self.successResultOf(taking).message)


def _failed(error: Exception) -> Deferred[Any]:
    failed: Deferred[Any] = Deferred()
    failed.errback(error)
    return failed
