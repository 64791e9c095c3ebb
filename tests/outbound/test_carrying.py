"""What the sender asked for and what the message needs, carried on to servers that know it and to those that do not."""

from __future__ import annotations

from email import message_from_bytes
from typing import Any

import attrs
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Notify, OriginalRecipient, RecipientOptions, Returned
from fopemta.mail.seven_bit import seven_bit
from fopemta.outbound.carrying import _converted
from fopemta.outbound.content import ContentSource
from fopemta.trust.levels import Level
from fopemta.trust.verdict import Result, VerdictRecord
from tests.outbound.delivery import BOB, CONTENT, EVE, Delivery, peer

ALL = ("PIPELINING", "SIZE 0", "8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN")
UMLAUT = Mailbox("bü", "d.test")
TEXT = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode()
SIGNED = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b--\r\n"


def outcome(verdict: VerdictRecord) -> str:
    return f"{verdict.result.value} {verdict.diagnosis}" if verdict.diagnosis else verdict.result.value


class DsnTests(SynchronousTestCase):
    def asked(self, *extensions: str) -> tuple[list[str], VerdictRecord]:
        server = peer(extensions=extensions)
        delivery = Delivery(server, recipients=(BOB, EVE), sender=Mailbox("a", "us.test"))
        bob = RecipientOptions(frozenset({Notify.SUCCESS, Notify.DELAY}), OriginalRecipient("rfc822", "old+1@us.test"))
        delivery.envelope = attrs.evolve(
            delivery.envelope, returned=Returned.HEADERS, envelope_id="E=1", options=((BOB, bob),)
        )
        verdict = delivery.run()[0]
        said = [line[3:] for line in server.transcripts[0] if line.startswith(("C: MAIL", "C: RCPT"))]
        return said, verdict

    def test_wishes_are_passed_on(self) -> None:
        said, verdict = self.asked("DSN", "PIPELINING")
        self.assertEqual(
            said,
            [
                "MAIL FROM:<a@us.test> RET=HDRS ENVID=E+3D1",
                "RCPT TO:<bob@d.test> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;old+2B1@us.test",
                "RCPT TO:<eve@d.test>",
            ],
        )
        self.assertIs(verdict.carried_dsn, True)

    def test_a_server_that_knows_nothing_of_them_is_told_nothing(self) -> None:
        said, verdict = self.asked("PIPELINING")
        self.assertEqual(said, ["MAIL FROM:<a@us.test>", "RCPT TO:<bob@d.test>", "RCPT TO:<eve@d.test>"])
        self.assertIs(verdict.carried_dsn, False)

    def test_what_was_not_delivered_says_nothing(self) -> None:
        verdict = Delivery(peer(extensions=("DSN",), replies={"RCPT": "550 5.1.1 no"})).run()[0]
        self.assertIsNone(verdict.carried_dsn)


class EightBitTests(SynchronousTestCase):
    def test_as_it_is_where_that_is_offered(self) -> None:
        server = peer(extensions=("8BITMIME",))
        self.assertEqual(outcome(Delivery(server, content=TEXT, body=BodyType.EIGHT_BIT_MIME).run()[0]), "delivered")
        self.assertEqual(server.messages[0].content, TEXT)
        self.assertIn("C: MAIL FROM:<> BODY=8BITMIME", server.transcripts[0])

    def test_converted_where_it_is_not(self) -> None:
        server = peer(extensions=("PIPELINING", "SIZE 0"))
        self.assertEqual(outcome(Delivery(server, content=TEXT, body=BodyType.EIGHT_BIT_MIME).run()[0]), "delivered")
        (received,) = server.messages
        self.assertTrue(received.content.isascii())
        self.assertEqual(message_from_bytes(received.content).get_payload(decode=True), "Grüße\r\n".encode())
        self.assertIn(f"C: MAIL FROM:<> SIZE={len(received.content)}", server.transcripts[0])

    def test_converted_in_another_thread_however_small(self) -> None:
        server, called = peer(extensions=()), []

        def in_thread(call: Any, *arguments: Any) -> Deferred[Any]:
            called.append(call)
            return succeed(call(*arguments))

        delivery = Delivery(server, content=TEXT, body=BodyType.EIGHT_BIT_MIME)
        delivery.manager.context = attrs.evolve(delivery.manager.context, in_thread=in_thread)
        self.assertEqual((outcome(delivery.run()[0]), called), ("delivered", [seven_bit]))

    def test_large_ones_too(self) -> None:
        content = TEXT + "für dich und mich\r\n".encode() * 20_000
        server = peer(extensions=())
        self.assertEqual(
            outcome(Delivery(server, content=content, body=BodyType.EIGHT_BIT_MIME).run(5)[0]), "delivered"
        )
        decoded = message_from_bytes(server.messages[0].content).get_payload(decode=True)
        self.assertEqual(decoded, content.partition(b"\r\n\r\n")[2])

    def test_C148_what_nobody_has_declared_is_found_however_late_it_comes(self) -> None:
        late = b"Subject: x\r\n\r\n" + b"x" * 70 * 1024 * 4 + "\r\nü\r\n".encode()
        table = {
            (TEXT, ("8BITMIME",)): (" BODY=8BITMIME", True),
            (late, ("8BITMIME",)): (" BODY=8BITMIME", True),
            (TEXT, ()): ("", False),
            (late, ()): ("", False),
        }
        for (content, offered), wanted in table.items():
            server = peer(extensions=offered)
            self.assertEqual(outcome(Delivery(server, content=content).run(5)[0]), "delivered")
            (said,) = (line for line in server.transcripts[0] if line.startswith("C: MAIL"))
            self.assertEqual((said.removeprefix("C: MAIL FROM:<>"), server.messages[0].content == content), wanted)
            self.assertEqual(server.messages[0].content.isascii(), not offered)

    def test_what_was_declared_for_nothing_goes_as_it_is(self) -> None:
        for content in (CONTENT, CONTENT + b"x" * 70 * 1024 * 4 + b"\r\n"):
            server = peer(extensions=())
            verdict = Delivery(server, content=content, body=BodyType.EIGHT_BIT_MIME).run(5)[0]
            self.assertEqual((outcome(verdict), server.messages[0].content), ("delivered", content))

    def test_content_is_looked_through_once_however_many_transactions_it_takes(self) -> None:
        many = tuple(Mailbox(f"u{number}", "d.test") for number in range(3))
        delivery = Delivery(peer(extensions=("LIMITS RCPTMAX=1",)), recipients=many, content=CONTENT + b"x" * 300_000)
        opened, content = [], delivery.spool.content
        delivery.spool.content = lambda message_id: opened.append(1) or content(message_id)  # type: ignore[method-assign]
        self.assertEqual({outcome(verdict) for verdict in delivery.run(5)}, {"delivered"})
        self.assertEqual(len(opened), 1 + 3)

    def test_what_cannot_be_converted_is_returned(self) -> None:
        verdict = Delivery(peer(extensions=()), content=SIGNED, body=BodyType.EIGHT_BIT_MIME).run()[0]
        self.assertEqual((outcome(verdict), verdict.enhanced), ("failed eight_bit_not_offered", "5.6.3"))

    def test_a_converted_message_may_become_too_large(self) -> None:
        server = peer(extensions=(f"SIZE {len(TEXT)}",))
        verdict = Delivery(server, content=TEXT, body=BodyType.EIGHT_BIT_MIME).run()[0]
        self.assertEqual(outcome(verdict), "failed message_too_large")


class LargestConvertedTests(SynchronousTestCase):
    def test_what_would_fill_the_memory_is_not_converted(self) -> None:
        for size, wanted in ((16 << 20, seven_bit(TEXT)), ((16 << 20) + 1, None)):
            converting = _converted(ContentSource.of(TEXT), size, maybeDeferred)
            self.assertEqual(self.successResultOf(Deferred.fromCoroutine(converting)), wanted, size)


class BinaryTests(SynchronousTestCase):
    OCTETS = b"Content-Type: application/x-thing\r\n\r\n\0\xff\n.\r\n.\r\n\r"

    def deliver(self, server: object, content: bytes | None = None, seconds: float = 0) -> VerdictRecord:
        return Delivery(server, content=content or self.OCTETS, body=BodyType.BINARY_MIME).run(seconds)[0]

    def test_C063_by_bdat_octet_by_octet(self) -> None:
        server = peer(extensions=ALL)
        self.assertEqual(outcome(self.deliver(server)), "delivered")
        self.assertEqual(server.messages[0].content, self.OCTETS)
        self.assertEqual(server.verbs[0][2:], ["EHLO", "MAIL", "RCPT", "BDAT", f"({len(self.OCTETS)}"])

    def test_C071_large_ones_in_chunks(self) -> None:
        content = b"Subject: x\r\n\r\n" + bytes(range(256)) * 4000
        server = peer(extensions=ALL)
        self.assertEqual(outcome(self.deliver(server, content, 5)), "delivered")
        self.assertEqual(server.messages[0].content, content)
        self.assertEqual(server.verbs[0].count("BDAT"), 4)

    def test_a_chunk_is_refused(self) -> None:
        content = b"Subject: x\r\n\r\n" + bytes(range(256)) * 4000
        for reply, wanted in (
            ("552 5.2.2 full", "failed refused_by_peer"),
            ("451 4.3.0 no", "deferred deferred_by_peer"),
        ):
            server = peer(extensions=ALL, replies={"BDAT": reply})
            self.assertEqual(outcome(self.deliver(server, content, 5)), wanted)
            self.assertIn("RSET", server.verbs[0])

    def test_the_last_chunk_is_refused_and_the_session_goes_on(self) -> None:
        replies = {"end": "550 5.7.1 no"}
        server = peer(extensions=ALL, replies=replies)
        delivery = Delivery(server, content=self.OCTETS, body=BodyType.BINARY_MIME)
        self.assertEqual(outcome(delivery.run()[0]), "failed refused_by_peer")
        replies.clear()
        self.assertEqual(outcome(delivery.another()[0]), "delivered")

    def test_converted_where_it_is_not_offered(self) -> None:
        server = peer(extensions=("8BITMIME", "CHUNKING"))
        self.assertEqual(outcome(self.deliver(server)), "delivered")
        decoded = message_from_bytes(server.messages[0].content).get_payload(decode=True)
        self.assertEqual(decoded, self.OCTETS.partition(b"\r\n\r\n")[2])

    def test_every_wait_for_a_chunk_has_a_deadline(self) -> None:
        content = b"Subject: x\r\n\r\n" + bytes(range(256)) * 4000
        delivery = Delivery(peer(extensions=ALL, replies={"BDAT": ""}), content=content, body=BodyType.BINARY_MIME)
        self.assertEqual(outcome(delivery.run(700)[0]), "deferred conversation_timeout")
        self.assertEqual(delivery.network.getDelayedCalls(), [])


class Utf8Tests(SynchronousTestCase):
    def deliver(self, extensions: tuple[str, ...], recipients: tuple[Mailbox, ...] = (BOB,), content: bytes = CONTENT,
                sender: Mailbox | None = None) -> tuple[list[str], list[str]]:  # fmt: skip
        server = peer(extensions=extensions)
        delivery = Delivery(server, recipients=recipients, content=content, sender=sender, body=BodyType.EIGHT_BIT_MIME)
        delivery.envelope = attrs.evolve(delivery.envelope, smtputf8=True)
        outcomes = [outcome(verdict) for verdict in delivery.run(5)]
        return outcomes, [line[3:] for line in server.transcripts[0] if line.startswith(("C: MAIL", "C: RCPT"))]

    def test_C088_not_asked_for_where_it_is_not_needed(self) -> None:
        for sender in (None, Mailbox("a", "us.test")):
            for extensions in (("8BITMIME",), ALL):
                outcomes, said = self.deliver(extensions, sender=sender)
                self.assertEqual(outcomes, ["delivered"])
                self.assertNotIn("SMTPUTF8", said[0])

    def test_asked_for_where_it_is(self) -> None:
        header = "Subject: Grüße\r\n\r\n".encode()
        for recipients, content, sender in (
            ((UMLAUT,), CONTENT, None), ((BOB,), header, None), ((BOB,), CONTENT, Mailbox("ö", "us.test")),
        ):  # fmt: skip
            outcomes, said = self.deliver(ALL, recipients, content, sender)
            self.assertEqual(outcomes, ["delivered"])
            self.assertTrue(said[0].endswith(" SMTPUTF8"), said)

    def test_C088_a_header_that_is_longer_than_a_piece(self) -> None:
        long = b"".join(b"X-Filler: %070d\r\n" % number for number in range(4_000))
        for last, wanted in ((b"Subject: x", False), ("Subject: ü".encode(), True)):
            _, said = self.deliver(ALL, (BOB,), long + last + b"\r\n\r\nx\r\n")
            self.assertEqual(said[0].endswith(" SMTPUTF8"), wanted)

    def test_a_long_message_is_read_twice_only_where_its_begin_does_not_tell(self) -> None:
        short, long = b"Subject: x\r\n\r\n", b"".join(b"X-Filler: %070d\r\n" % each for each in range(4_000)) + b"\r\n"
        body = b"x" * 76 + b"\r\n"
        for header, declared, times in (
            (short, BodyType.EIGHT_BIT_MIME, 1), (long, BodyType.EIGHT_BIT_MIME, 2), (short, BodyType.SEVEN_BIT, 2),
        ):  # fmt: skip
            delivery = Delivery(peer(extensions=ALL), content=header + body * 5_000, body=declared)
            delivery.envelope = attrs.evolve(delivery.envelope, smtputf8=True)
            content, opened = delivery.spool.content, list[str]()

            def counted(message_id: str, content: Any = content, opened: list[str] = opened) -> Any:
                opened.append(message_id)
                return content(message_id)

            delivery.spool.content = counted  # type: ignore[method-assign]
            self.assertEqual([outcome(verdict) for verdict in delivery.run(5)], ["delivered"])
            self.assertEqual(len(opened), times, (len(header), declared))

    def test_returned_where_it_is_not_offered(self) -> None:
        header = "Subject: Grüße\r\n\r\n".encode()
        for content, sender in ((header, None), (CONTENT, Mailbox("ö", "us.test"))):
            outcomes, said = self.deliver(("8BITMIME",), (BOB,), content, sender)
            self.assertEqual((outcomes, said), (["failed smtputf8_not_offered"], []))

    def test_one_address_keeps_nobody_else_from_the_message(self) -> None:
        outcomes, said = self.deliver(("8BITMIME",), (BOB, UMLAUT, EVE))
        self.assertEqual(outcomes, ["delivered", "failed smtputf8_not_offered", "delivered"])
        self.assertEqual(said[1:], ["RCPT TO:<bob@d.test>", "RCPT TO:<eve@d.test>"])


class RequireTlsTests(SynchronousTestCase):
    def test_not_sent_on(self) -> None:
        server = peer()
        delivery = Delivery(server)
        delivery.envelope = attrs.evolve(delivery.envelope, require_tls=True)
        verdict = delivery.run()[0]
        self.assertEqual((outcome(verdict), verdict.enhanced), ("failed requiretls_not_offered", "5.7.30"))
        self.assertEqual(server.connections, 0)


class SourceAddressTests(SynchronousTestCase):
    def test_by_family(self) -> None:
        bound = {}
        for addresses in ((), ("192.0.2.50", "2001:db8::50")):
            delivery = Delivery(peer())
            delivery.manager.reconfigure(
                attrs.evolve(
                    delivery.config, delivery=attrs.evolve(delivery.config.delivery, source_addresses=addresses)
                )
            )
            delivery.run()
            bound[addresses] = delivery.network.bound
        self.assertEqual(bound, {(): [None], ("192.0.2.50", "2001:db8::50"): [("192.0.2.50", 0)]})


class LimitsTests(SynchronousTestCase):
    def test_rcptmax_divides(self) -> None:
        many = tuple(Mailbox(f"u{number}", "d.test") for number in range(5))
        server = peer(extensions=("PIPELINING", "LIMITS RCPTMAX=2"))
        verdicts = Delivery(server, recipients=many).run()
        self.assertEqual({verdict.result for verdict in verdicts}, {Result.DELIVERED})
        self.assertEqual([len(each.recipients) for each in server.messages], [2, 2, 1])
        self.assertEqual(server.connections, 1)

    def test_those_refused_for_now_are_not_asked_again_in_the_same_session(self) -> None:
        many = tuple(Mailbox(f"u{number}", "d.test") for number in range(4))
        server = peer(extensions=("LIMITS RCPTMAX=3",), recipients={"u1@d.test": "451 4.2.1 later"})
        verdicts = Delivery(server, recipients=many).run()
        self.assertEqual([each.result.value for each in verdicts], ["delivered", "deferred", "delivered", "delivered"])
        self.assertEqual([each.recipients for each in server.messages], [("u0@d.test", "u2@d.test"), ("u3@d.test",)])

    def test_mailmax_counts_the_transactions_of_one_message_too(self) -> None:
        many = tuple(Mailbox(f"u{number}", "d.test") for number in range(5))
        server = peer(extensions=("LIMITS RCPTMAX=1 MAILMAX=2",), recipients={"u1@d.test": "451 4.2.1 later"})
        verdicts = Delivery(server, recipients=many).run()
        self.assertEqual([verbs.count("MAIL") for verbs in server.verbs], [2, 2, 1])
        self.assertEqual([verbs[-1] for verbs in server.verbs[:2]], ["QUIT", "QUIT"])
        self.assertEqual(
            [each.result.value for each in verdicts], ["delivered", "deferred", "delivered", "delivered", "delivered"]
        )

    def test_no_server_is_called_for_ever(self) -> None:
        many = tuple(Mailbox(f"u{number}", "d.test") for number in range(8))
        server = peer(extensions=("LIMITS RCPTMAX=1 MAILMAX=1",))
        verdicts = Delivery(server, recipients=many).run()
        outcomes = [outcome(verdict) for verdict in verdicts]
        self.assertEqual(outcomes, ["delivered"] * 6 + ["deferred deferred_by_peer"] * 2)
        last = verdicts[-1]
        self.assertEqual(
            (last.code, last.enhanced, last.text), (451, "4.5.3", "the server takes no more in one session")
        )
        self.assertEqual(server.connections, 6)

    def test_the_next_server_is_asked_about_those_for_whom_there_was_no_room(self) -> None:
        many = tuple(Mailbox(f"u{number}", "d.test") for number in range(8))
        first, second = peer(extensions=("LIMITS RCPTMAX=1 MAILMAX=1",)), peer()
        outcomes = [outcome(verdict) for verdict in Delivery(first, second, recipients=many, level=Level.PLAIN).run()]
        self.assertEqual(outcomes, ["delivered"] * 8)
        self.assertEqual([each.recipients for each in second.messages], [("u6@d.test", "u7@d.test")])

    def test_rcptdomainmax(self) -> None:
        some = tuple(Mailbox(name, domain) for name in "ab" for domain in ("x.test", "y.test", "z.test"))
        server = peer(extensions=("LIMITS RCPTDOMAINMAX=2",))
        verdicts = Delivery(server, recipients=some).run()
        self.assertEqual({verdict.result for verdict in verdicts}, {Result.DELIVERED})
        self.assertEqual(
            [each.recipients for each in server.messages],
            [("a@x.test", "a@y.test", "b@x.test", "b@y.test"), ("a@z.test", "b@z.test")],
        )
        self.assertEqual(server.connections, 2)

    def test_a_session_without_room_for_another_domain_is_left(self) -> None:
        server = peer(extensions=("LIMITS RCPTDOMAINMAX=1",))
        delivery = Delivery(server, recipients=(Mailbox("a", "x.test"),))
        delivery.run()
        delivery.envelope = attrs.evolve(delivery.envelope, recipients=(Mailbox("a", "y.test"),))
        self.assertEqual(outcome(delivery.another()[0]), "delivered")
        self.assertEqual([verbs[-1] for verbs in server.verbs[:1]], ["QUIT"])
        self.assertEqual(server.connections, 2)

    def test_mailmax_ends_the_session(self) -> None:
        server = peer(extensions=("LIMITS MAILMAX=2",))
        delivery = Delivery(server)
        for _ in range(3):
            delivery.another()
        self.assertEqual(server.connections, 2)
