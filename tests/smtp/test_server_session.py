"""The server session: whole dialogues, its tables, and whatever bytes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Notify, RecipientOptions, Returned
from fopemta.mail.reply import Reply
from fopemta.smtp.commands import Verb
from fopemta.smtp.server_effects import AskRecipient, CommitMessage, OpenMessage, Send, WriteContent
from fopemta.smtp.server_session import ServerSession
from fopemta.smtp.server_states import NEEDS, NEXT, READING, ServerEvent, State
from fopemta.smtp.session_rules import Lenient
from fopemta.smtp.transaction import BareLineEnds
from tests.smtp.conversation import REFUSED, TLS, Conversation, rules

HELLO = b"EHLO c.test\r\n"
ENVELOPE = HELLO + b"MAIL FROM:<a@c.test>\r\nRCPT TO:<b@local.test>\r\n"


class GreetingTests(SynchronousTestCase):
    def test_R2_ehlo_list(self) -> None:
        wanted = (
            b"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-ETRN\r\n250-STARTTLS\r\n250-8BITMIME\r\n"
            b"250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n"
            b"250 LIMITS RCPTMAX=3\r\n"
        )
        self.assertEqual(Conversation().say(b"ehlo c.test\r\n"), wanted)

    def test_starttls_is_not_offered_inside_tls_nor_without_certificate(self) -> None:
        self.assertNotIn(b"STARTTLS", Conversation(tls=TLS).say(HELLO))
        self.assertNotIn(b"STARTTLS", Conversation(rules(starttls=False)).say(HELLO))  # C015

    def test_banner(self) -> None:
        self.assertEqual(Conversation().sent, b"220 mx.test ESMTP fopemta\r\n")


class TransactionTests(SynchronousTestCase):
    def test_message(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(b"Subject: x\r\n\r\n..dot\r\n.\r\n")
        self.assertEqual(talk.codes(), [220, 250, 250, 250, 354, 250])
        opened, content = talk.messages[0]
        self.assertEqual(content, b"Subject: x\r\n\r\n.dot\r\n")
        self.assertEqual(opened.envelope.sender, Mailbox("a", "c.test"))
        self.assertEqual(opened.envelope.recipients, (Mailbox("b", "local.test"),))
        self.assertTrue(talk.sent.endswith(b"250 2.0.0 Ok: queued as ID1\r\n"))

    def test_pipelined_answers_come_in_order_and_in_one_write(self) -> None:
        talk = Conversation()
        talk.say(HELLO)
        talk.sends.clear()
        talk.say(b"MAIL FROM:<>\r\nRCPT TO:<b@local.test>\r\nRCPT TO:<x@denied.test>\r\nNOOP\r\nDATA\r\n")
        self.assertEqual([data[:3] for data in b"".join(talk.sends).split(b"\r\n")[:-1]],
                         [b"250", b"250", b"550", b"250", b"354"])  # fmt: skip
        self.assertEqual(len(talk.sends), 2)  # the 354 waits for the spool

    def test_C202_state_of_one_message_is_not_left_for_the_next(self) -> None:
        talk = Conversation()
        talk.say(HELLO + b"MAIL FROM:<a@c.test> BODY=8BITMIME\r\nRCPT TO:<b@local.test>\r\nDATA\r\n\r\n.\r\n")
        talk.say(b"MAIL FROM:<>\r\nRCPT TO:<d@local.test>\r\nDATA\r\n\r\n.\r\n")
        self.assertEqual(
            [each.envelope.body_type for each, _ in talk.messages], [BodyType.EIGHT_BIT_MIME, BodyType.SEVEN_BIT]
        )
        self.assertEqual(talk.messages[1][0].envelope.recipients, (Mailbox("d", "local.test"),))

    def test_recipient_given_twice_is_one(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"RCPT TO:<b@LOCAL.test>\r\nDATA\r\n.\r\n")
        self.assertEqual(talk.messages[0][0].envelope.recipients, (Mailbox("b", "local.test"),))

    def test_postmaster_needs_no_domain(self) -> None:
        talk = Conversation()
        talk.say(HELLO + b"MAIL FROM:<>\r\nRCPT TO:<POSTMASTER>\r\nDATA\r\n.\r\n")
        self.assertEqual(talk.messages[0][0].envelope.recipients, (Mailbox("pm", "local.test"),))

    def test_too_many_recipients(self) -> None:
        talk = Conversation()
        talk.say(HELLO + b"MAIL FROM:<>\r\n" + b"".join(b"RCPT TO:<b%d@local.test>\r\n" % n for n in range(4)))
        self.assertTrue(
            talk.sent.endswith(b"452 4.5.3 Too many recipients, send the others in another transaction\r\n")
        )

    def test_no_valid_recipient(self) -> None:
        talk = Conversation()
        talk.say(HELLO + b"MAIL FROM:<>\r\nRCPT TO:<x@denied.test>\r\nDATA\r\n")
        self.assertEqual(talk.codes()[-2:], [550, 503])

    def test_C092_ehlo_in_a_transaction_is_a_reset(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + HELLO + b"RCPT TO:<b@local.test>\r\n")
        self.assertEqual(talk.codes()[-2:], [250, 503])

    def test_spool_refusal_leaves_nothing_over(self) -> None:
        full = Reply.of(452, "4.3.1", "full")
        for stage in ("refuse_open", "refuse_commit"):
            talk = Conversation()
            setattr(talk, stage, full)
            talk.say(ENVELOPE + b"DATA\r\n")
            if stage == "refuse_commit":
                talk.say(b"x\r\n.\r\n")
            self.assertTrue(talk.sent.endswith(b"452 4.3.1 full\r\n"), stage)
            setattr(talk, stage, None)
            talk.say(b"RCPT TO:<b@local.test>\r\n")
            self.assertEqual(talk.codes()[-1], 503)
            talk.say(ENVELOPE + b"DATA\r\n.\r\n")
            self.assertEqual(len(talk.messages), 1)


class OneAtATimeTests(SynchronousTestCase):
    """C175: while policy or the spool thinks, later commands wait, and reply k belongs to command k."""

    def test_C175_slow_policy(self) -> None:
        session = ServerSession(rules())
        session.start()
        session.receive(
            b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<slow@local.test>\r\nRCPT TO:<fast@local.test>\r\nNOOP\r\n"
        )
        self.assertEqual(session.judged(None), [AskRecipient(Mailbox("slow", "local.test"))])
        self.assertEqual(session.receive(b"HELP\r\n"), [])
        self.assertEqual(session.judged(REFUSED), [AskRecipient(Mailbox("fast", "local.test"))])
        (send,) = session.judged(None)
        assert isinstance(send, Send)
        codes = [line[:3] for line in send.data.split(b"\r\n")[:-1] if line[3:4] != b"-"]
        self.assertEqual(codes[-5:], [b"250", b"550", b"250", b"250", b"214"])

    def test_C175_slow_spool(self) -> None:
        session = ServerSession(rules())
        session.start()
        effects = session.receive(ENVELOPE)
        while effects and not isinstance(effects[-1], Send):
            effects = session.judged(None)
        self.assertIsInstance(session.receive(b"DATA\r\n")[-1], OpenMessage)
        self.assertEqual(session.receive(b"body\r\n.\r\nNOOP\r\n"), [])
        effects = session.opened()
        self.assertEqual(effects[-2:], [WriteContent(b"body\r\n"), CommitMessage(BodyType.SEVEN_BIT)])
        self.assertEqual(session.receive(b"QUIT\r\n"), [])
        last = session.committed("ID1")
        self.assertEqual(
            last[0], Send(b"250 2.0.0 Ok: queued as ID1\r\n250 2.0.0 Ok\r\n221 2.0.0 mx.test closing connection\r\n")
        )


class SizeTests(SynchronousTestCase):
    def test_declared(self) -> None:
        talk = Conversation()
        talk.say(HELLO + b"MAIL FROM:<> SIZE=1000\r\nRSET\r\nMAIL FROM:<> SIZE=1001\r\n")
        self.assertEqual(talk.codes()[-3:], [250, 250, 552])
        self.assertIn(b"552 5.3.4", talk.sent)

    def test_measured_is_answered_once_at_the_end_and_the_session_goes_on(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"DATA\r\n")
        for _ in range(10):
            talk.say(b"x" * 298 + b"\r\n")
        self.assertEqual(talk.codes()[-1], 354)
        talk.say(b".\r\nMAIL FROM:<>\r\n")
        self.assertEqual(talk.codes()[-2:], [552, 250])
        self.assertEqual((talk.messages, talk.aborted), ([], 1))

    def test_exactly_the_limit_is_taken(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"DATA\r\n" + b"x" * 998 + b"\r\n.\r\n")
        self.assertEqual(len(talk.messages[0][1]), 1000)

    def test_C177_over_long_line_in_data_never_leaves_data(self) -> None:
        talk = Conversation(rules(message_size=100_000))
        talk.say(ENVELOPE + b"DATA\r\n" + b"x" * 20_000)
        talk.say(b"\r\nMAIL FROM:<evil@c.test>\r\nRCPT TO:<v@local.test>\r\nDATA\r\n")
        self.assertEqual(talk.codes()[-1], 354)
        talk.say(b".\r\n")
        self.assertEqual(len(talk.messages), 1)
        self.assertIn(b"evil", talk.messages[0][1])


class StartTlsTests(SynchronousTestCase):
    def test_exact_words(self) -> None:
        talk = Conversation()
        talk.say(HELLO)
        self.assertEqual(talk.say(b"starttls\r\n"), b"220 Ready to start TLS\r\n")
        self.assertEqual(talk.handshakes, 1)

    def test_refusals(self) -> None:
        table = {
            "within a transaction": (Conversation(), ENVELOPE + b"STARTTLS\r\nRCPT TO:<c@local.test>\r\n", [503, 250]),
            "a second one": (Conversation(tls=TLS), HELLO + b"STARTTLS\r\nNOOP\r\n", [503, 250]),
            "with an argument": (Conversation(), HELLO + b"STARTTLS now\r\nNOOP\r\n", [501, 250]),
            "without TLS": (Conversation(rules(starttls=False)), HELLO + b"STARTTLS\r\nNOOP\r\n", [502, 250]),
        }
        for case, (talk, data, codes) in table.items():
            talk.say(data)
            self.assertEqual((talk.codes()[-2:], talk.handshakes), (codes, 0), case)

    def test_tls_required(self) -> None:
        talk = Conversation(rules(tls_required=True))
        talk.say(HELLO + b"MAIL FROM:<>\r\nVRFY x\r\nHELP\r\nDATA\r\nNOOP\r\nSTARTTLS\r\n")
        self.assertEqual(talk.codes(), [220, 250, 530, 530, 530, 530, 250, 220])
        talk.secure()
        talk.say(ENVELOPE)
        self.assertEqual(talk.codes()[-3:], [250, 250, 250])


class EndTests(SynchronousTestCase):
    def test_quit(self) -> None:
        talk = Conversation()
        talk.say(b"QUIT\r\nNOOP\r\n")
        self.assertEqual((talk.codes(), talk.closed), ([220, 221], "quit"))

    def test_too_many_errors(self) -> None:
        talk = Conversation(rules(errors=3))
        talk.say(b"X\r\n" * 10)
        self.assertEqual(talk.codes(), [220, 500, 500, 500, 500, 421])
        self.assertEqual(talk.closed, "too many errors")

    def test_surplus_recipients_are_no_errors(self) -> None:
        talk = Conversation(rules(errors=2))
        talk.say(HELLO + b"MAIL FROM:<>\r\n" + b"".join(b"RCPT TO:<b%d@local.test>\r\n" % n for n in range(20)))
        talk.say(b"DATA\r\n.\r\n")
        self.assertEqual(talk.codes().count(452), 17)
        self.assertEqual((len(talk.messages), talk.closed), (1, None))

    def test_a_message_makes_up_for_errors(self) -> None:
        talk = Conversation(rules(errors=2))
        talk.say(b"X\r\nX\r\n" + ENVELOPE + b"DATA\r\n.\r\nX\r\nX\r\n")
        self.assertIsNone(talk.closed)
        talk.say(b"X\r\n")
        self.assertEqual(talk.closed, "too many errors")

    def test_end_in_mid_content_forgets_it(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"DATA\r\nhalf a mess")
        talk.perform(talk.session.end(Reply.of(421, "4.4.2", "Timeout"), "timeout"))
        self.assertEqual((talk.codes()[-1], talk.closed, talk.aborted), (421, "timeout", 1))
        self.assertEqual(talk.session.end(Reply.of(421, None), "again"), [])

    def test_C057_lines_with_bare_line_ends_and_long_ones(self) -> None:
        talk = Conversation()
        talk.say(b"NOOP\nNOOP\r\nNOOP\r\n" + b"N" * 13_000 + b"\r\nNOOP\r\n")
        self.assertEqual(talk.codes(), [220, 500, 250, 500, 250])  # C057


class TableTests(SynchronousTestCase):
    def test_every_event_leads_somewhere_known(self) -> None:
        self.assertEqual({state for state, _ in NEXT}, set(State))
        reachable, frontier = {State.START}, [State.START]
        while frontier:
            here = frontier.pop()
            new = {there for (state, _), there in NEXT.items() if state is here} - reachable
            reachable |= new
            frontier += new
        self.assertEqual(reachable, set(State))
        self.assertEqual({state for state in State if (state, ServerEvent.CLOSE) not in NEXT}, set())

    def test_every_verb_in_every_state_is_answered_once_and_never_raises(self) -> None:
        lines = {
            verb: {Verb.MAIL: b"MAIL FROM:<>", Verb.RCPT: b"RCPT TO:<b@local.test>", Verb.EHLO: b"EHLO c.test",
                   Verb.HELO: b"HELO c.test", Verb.VRFY: b"VRFY b", Verb.BDAT: b"BDAT 0", Verb.AUTH: b"AUTH PLAIN",
                   Verb.ETRN: b"ETRN local.test", Verb.XCLIENT: b"XCLIENT ADDR=192.0.2.9"
                   }.get(verb, verb.value.encode())
            for verb in Verb
        }  # fmt: skip
        ways = {
            State.START: b"",
            State.READY: HELLO,
            State.SENDER: HELLO + b"MAIL FROM:<>\r\n",
            State.RECIPIENTS: ENVELOPE,
            State.CHUNKS: ENVELOPE + b"BDAT 1\r\nx",
        }
        self.assertEqual(set(ways), set(READING))
        for state, way in ways.items():
            for verb, line in lines.items():
                talk = Conversation(rules(mechanisms=("PLAIN",), xclient=True))
                talk.say(way)
                self.assertIs(talk.session.state, state)
                before = len(talk.codes())
                talk.say(line + b"\r\n")
                codes = talk.codes()[before:]
                self.assertEqual(len(codes), 1, (state, verb))
                # A session that is not greeted does not know XCLIENT: 500.
                fits = state in NEEDS.get(verb, READING) or (verb is Verb.XCLIENT and state is State.START)
                self.assertEqual(codes[0] == 503, not fits, (state, verb, codes))


class ChunkTests(SynchronousTestCase):
    """BDAT (RFC 3030)."""

    def test_C066_two_messages_in_one_write(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE)
        talk.say(b"BDAT 10\r\n0123456789BDAT 0 LAST\r\nMAIL FROM:<>\r\nRCPT TO:<d@local.test>\r\nBDAT 4 LAST\r\n.\r\n.")
        self.assertEqual([content for _, content in talk.messages], [b"0123456789", b".\r\n."])
        self.assertEqual(
            [str(each.envelope.recipients[0]) for each, _ in talk.messages], ["b@local.test", "d@local.test"]
        )
        self.assertEqual(talk.codes()[-5:], [250, 250, 250, 250, 250])

    def test_C065_octets_of_a_refused_chunk_are_no_commands(self) -> None:
        inside = b"MAIL FROM:<x@e.test>\r\n"
        table = {
            "before EHLO": (b"", b"BDAT 22 LAST\r\n" + inside, 503),
            "before MAIL": (HELLO, b"BDAT 22 LAST\r\n" + inside, 503),
            "before RCPT": (HELLO + b"MAIL FROM:<>\r\n", b"BDAT 22\r\n" + inside, 503),
            "no recipient": (HELLO + b"MAIL FROM:<>\r\nRCPT TO:<x@denied.test>\r\n", b"BDAT 22\r\n" + inside, 503),
            "too large": (ENVELOPE, b"BDAT 1001 LAST\r\n" + b"x" * 979 + inside, 552),
            "odd word": (ENVELOPE, b"BDAT 22 FIRST\r\n" + inside, 501),
            "after HELO": (b"HELO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@local.test>\r\n", b"BDAT 22\r\n" + inside, 502),
        }
        for case, (way, chunk, code) in table.items():
            for cut in range(len(chunk) + 1):
                talk = Conversation()
                talk.say(way)
                before = len(talk.codes())
                talk.say_in_pieces(chunk + b"NOOP\r\n", cut)
                self.assertEqual(talk.codes()[before:], [code, 250], (case, cut))
                self.assertEqual((talk.messages, talk.closed), ([], None), case)

    def test_C065_no_sane_size_ends_the_session(self) -> None:
        for line in (b"BDAT -1", b"BDAT 99999999999999999999", b"BDAT", b"BDAT LAST"):
            talk = Conversation()
            talk.say(ENVELOPE + line + b"\r\nMAIL FROM:<x@e.test>\r\n")
            self.assertEqual((talk.codes()[-1], talk.closed), (501, "a BDAT without a size"), line)

    def test_a_refusal_ends_the_transaction(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"BDAT 3\r\nabcBDAT 999\r\n" + b"x" * 999 + b"BDAT 1 LAST\r\nyRCPT TO:<b@local.test>\r\n")
        self.assertEqual(talk.codes()[-4:], [250, 552, 503, 503])
        self.assertEqual((talk.messages, talk.aborted), ([], 1))

    def test_what_cannot_be_opened_is_no_error_of_the_client(self) -> None:
        talk = Conversation(rules(errors=0))
        talk.refuse_open = REFUSED
        talk.say(ENVELOPE + b"DATA\r\n")
        self.assertEqual((talk.codes()[-1], talk.closed, talk.session.state), (550, None, State.READY))

    def test_C072_one_reply_for_last_and_only_after_the_decision(self) -> None:
        for stage in ("refuse_open", "refuse_commit"):
            talk = Conversation()
            setattr(talk, stage, REFUSED)
            talk.say(ENVELOPE + b"BDAT 5 LAST\r\nhelloNOOP\r\n")
            self.assertEqual(talk.codes()[-2:], [550, 250], stage)

    def test_C069_a_flood_of_tiny_chunks_keeps_nothing(self) -> None:
        talk = Conversation(rules(message_size=0))
        talk.say(ENVELOPE)
        for _ in range(300):
            talk.say(b"BDAT 1\r\nx" * 10)
        talk.say(b"BDAT 0 LAST\r\n")
        self.assertEqual(talk.messages[0][1], b"x" * 3000)

    def test_reset_quit_and_ehlo_between_chunks_forget_the_message(self) -> None:
        for line in (b"RSET", b"QUIT", b"EHLO c.test", b"HELO c.test"):
            talk = Conversation()
            talk.say(ENVELOPE + b"BDAT 3\r\nabc" + line + b"\r\n")
            self.assertEqual((talk.messages, talk.aborted), ([], 1), line)

    def test_other_commands_between_chunks(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"BDAT 3\r\nabcRCPT TO:<c@local.test>\r\nMAIL FROM:<>\r\nNOOP\r\nBDAT 0 LAST\r\n")
        self.assertEqual(talk.codes()[-5:], [250, 503, 503, 250, 250])
        self.assertEqual([content for _, content in talk.messages], [b"abc"])

    def test_data_between_chunks_is_the_end_of_the_message(self) -> None:
        for last in (b"BDAT 0 LAST\r\n", b"BDAT 6 LAST\r\nQUIT\r\n", b"BDAT 2\r\nxyBDAT 0 LAST\r\n"):
            talk = Conversation()
            heard = talk.say(ENVELOPE + b"BDAT 3\r\nabcDATA\r\n")
            self.assertTrue(heard.endswith(b"503 5.5.1 DATA cannot follow BDAT: the message is dropped, begin a new "
                                           b"transaction\r\n"))  # fmt: skip
            self.assertIs(talk.session.state, State.READY)
            self.assertEqual((talk.messages, talk.aborted), ([], 1))
            talk.say(last)
            self.assertEqual(set(talk.codes()[-last.count(b"BDAT") :]), {503})
            talk.say(b"MAIL FROM:<a@c.test>\r\nRCPT TO:<b@local.test>\r\nDATA\r\nx\r\n.\r\n")
            self.assertEqual((talk.codes()[-1], [content for _, content in talk.messages]), (250, [b"x\r\n"]))

    def test_what_is_wrong_with_data_between_chunks_comes_first(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"BDAT 3\r\nabcDATA now\r\nBDAT 0 LAST\r\n")
        self.assertEqual((talk.codes()[-2:], len(talk.messages)), ([501, 250], 1))

    def test_dots_mean_nothing_and_text_has_crlf_only(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"BDAT 7\r\n.\r\n..\n\rBDAT 3 LAST\r\n\n.\r")
        self.assertEqual(talk.messages[0][1], b".\r\n..\r\n\r\n.\r\n")

    def test_binary_is_kept_octet_by_octet(self) -> None:
        octets = bytes(range(256)) + b"\n.\r\r\n.\r\n"
        talk = Conversation()
        talk.say(HELLO + b"MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<b@local.test>\r\nDATA\r\n")
        self.assertEqual(talk.codes()[-1], 503)  # RFC 3030 3
        talk.say(b"BDAT %d LAST\r\n" % len(octets) + octets)
        self.assertEqual(talk.messages[0][1], octets)
        self.assertEqual(talk.body_types, [BodyType.BINARY_MIME])


class ContentTests(SynchronousTestCase):
    def test_8_bit_content_that_was_not_declared_counts_as_if(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\ngr\xfc\xdfe\r\n.\r\n")
        self.assertEqual(talk.body_types, [BodyType.EIGHT_BIT_MIME])

    def test_C051_bare_line_ends_where_they_are_refused(self) -> None:
        strict = rules(bare_newlines=BareLineEnds.REJECT)
        for odd in (b"\n", b"\r", b"\n.\n", b"\r\n.\n", b"\r\n.\r", b"\n.\r\n"):
            for way in (b"DATA\r\na" + odd + b"b\r\n.\r\n", b"BDAT %d LAST\r\na" % (len(odd) + 2) + odd + b"b"):
                for cut in range(len(way) + 1):
                    talk = Conversation(strict)
                    talk.say(ENVELOPE)
                    talk.say_in_pieces(way + b"NOOP\r\n", cut)
                    self.assertEqual(talk.codes()[-2:], [550, 250], (odd, cut))
                    self.assertIn(b"550 5.6.11 ", talk.sent)
                    self.assertEqual((talk.messages, talk.aborted), ([], 1))

    def test_too_many_hops(self) -> None:
        few, many = b"Received: x\r\n" * 3, b"rEcEiVeD: x\r\n\tReceived: folded\r\n" * 4
        for header, code in ((few, 250), (many, 554), (few + b"\r\n" + many, 250)):
            for cut in range(len(header)):
                talk = Conversation(rules(hops=3))
                talk.say(ENVELOPE + b"DATA\r\n")
                talk.say_in_pieces(header + b"\r\n.\r\nNOOP\r\n", cut)
                self.assertEqual(talk.codes()[-2:], [code, 250])

    def test_C093_the_edges_of_size(self) -> None:
        for limit, size, code in ((0, 10**19, 250), (1, 1, 250), (1, 2, 552), (2**31 - 1, 2**31, 552),
                                  (2**63 - 1, 2**63 - 1, 250), (2**63 - 1, 2**63, 552)):  # fmt: skip
            talk = Conversation(rules(message_size=limit))
            self.assertIn(b"SIZE %d\r\n" % limit, talk.say(HELLO))
            talk.say(b"MAIL FROM:<> SIZE=%d\r\n" % size)
            self.assertEqual(talk.codes()[-1], code, (limit, size))
        # What is declared is a hint; what comes decides.
        for way in (b"DATA\r\n" + b"x" * 1000 + b"\r\n.\r\n", b"BDAT 1001 LAST\r\n" + b"x" * 1001):
            talk = Conversation()
            talk.say(HELLO + b"MAIL FROM:<> SIZE=10\r\nRCPT TO:<b@local.test>\r\n" + way)
            self.assertEqual((talk.codes()[-1], talk.messages), (552, []))
        talk = Conversation()
        talk.say(HELLO + b"MAIL FROM:<> SIZE=999\r\nRCPT TO:<b@local.test>\r\nDATA\r\nx\r\n.\r\n")
        self.assertEqual(len(talk.messages), 1)

    def test_C060_one_reply_for_an_over_long_line_in_data(self) -> None:
        talk = Conversation(rules(message_size=100_000))
        talk.say(ENVELOPE + b"DATA\r\n" + b"x" * 10_000)
        self.assertEqual(talk.codes()[-1], 354)
        talk.say(b"x" * 10_000 + b"\r\n.\r\nQUIT\r\n")
        self.assertEqual(talk.codes()[-2:], [250, 221])

    def test_what_mail_and_rcpt_say_reaches_the_envelope(self) -> None:
        talk = Conversation()
        talk.say(
            HELLO + b"MAIL FROM:<\xc3\xbc@c.test> SMTPUTF8 RET=FULL ENVID=E1\r\nRCPT TO:<b@local.test> NOTIFY=DELAY\r\n"
            b"RCPT TO:<c@local.test>\r\nRCPT TO:<b@local.test> NOTIFY=NEVER\r\nDATA\r\n.\r\n"
        )
        envelope = talk.messages[0][0].envelope
        self.assertEqual((envelope.smtputf8, envelope.returned, envelope.envelope_id), (True, Returned.FULL, "E1"))
        self.assertEqual(envelope.options, ((Mailbox("b", "local.test"), RecipientOptions(frozenset({Notify.DELAY}))),))


class AuthTests(SynchronousTestCase):
    RULES = rules(mechanisms=("PLAIN", "LOGIN"), login_required=True)

    def test_C010_never_before_tls(self) -> None:
        talk = Conversation(self.RULES)
        self.assertNotIn(b"AUTH", talk.say(HELLO))
        talk.say(b"AUTH PLAIN c2VjcmV0\r\nMAIL FROM:<>\r\nNOOP\r\n")
        self.assertEqual(talk.codes()[-3:], [538, 530, 250])
        self.assertIn(b"250-AUTH PLAIN LOGIN\r\n", Conversation(self.RULES, tls=TLS).say(HELLO))

    def test_ways_to_log_in(self) -> None:
        for line, codes in (
            (b"AUTH PLAIN c2VjcmV0\r\n", [235]),
            (b"auth plain\r\nc2VjcmV0\r\n", [334, 235]),
            (b"AUTH LOGIN bW9yZQ==\r\nc2VjcmV0\r\n", [334, 235]),
            (b"AUTH PLAIN =\r\n", [535]),
            (b"AUTH PLAIN d3Jvbmc=\r\n", [535]),
            (b"AUTH CRAM-MD5\r\n", [504]),
        ):
            talk = Conversation(self.RULES, tls=TLS)
            talk.say(HELLO + line + b"NOOP\r\n")
            self.assertEqual(talk.codes()[2:], [*codes, 250], line)
            self.assertEqual(talk.session.login is not None, codes[-1] == 235, line)

    def test_C079_cancel_and_nonsense_leave_the_session_in_step(self) -> None:
        for answer, code in ((b"*", 501), (b"no base64!", 501), (b"c2VjcmV0 ", 501), (b"", 535), (b"x" * 20_000, 500),
                             (b"a\nb", 500)):  # fmt: skip
            for start in (b"AUTH PLAIN\r\n", b"AUTH LOGIN bW9yZQ==\r\n"):
                talk = Conversation(self.RULES, tls=TLS)
                talk.say(HELLO + start + answer + b"\r\nNOOP\r\n")
                self.assertEqual(talk.codes()[2:], [334, code, 250], answer)
                self.assertIsNone(talk.session.login)

    def test_once_and_not_in_a_transaction(self) -> None:
        talk = Conversation(self.RULES, tls=TLS)
        talk.say(b"AUTH PLAIN c2VjcmV0\r\n")
        talk.say(HELLO + b"AUTH PLAIN c2VjcmV0\r\nAUTH PLAIN c2VjcmV0\r\nMAIL FROM:<>\r\nAUTH PLAIN c2VjcmV0\r\n")
        self.assertEqual(talk.codes()[1:], [503, 250, 235, 503, 250, 503])

    def test_C092_a_login_stays_after_ehlo(self) -> None:
        talk = Conversation(self.RULES, tls=TLS)
        talk.say(HELLO + b"AUTH PLAIN c2VjcmV0\r\nEHLO again.test\r\nMAIL FROM:<a@b.test>\r\n")
        self.assertEqual(talk.codes()[-1], 250)

    def test_logins_that_come_to_nothing_are_errors_whatever_the_answer(self) -> None:
        for code, enhanced in ((535, "5.7.8"), (454, "4.7.0")):
            talk = Conversation(rules(mechanisms=("PLAIN",), errors=3), tls=TLS)
            talk.refuse_login = Reply.of(code, enhanced, "no")
            talk.say(HELLO + b"AUTH PLAIN d3Jvbmc=\r\n" * 3)
            self.assertEqual((talk.codes()[2:], talk.closed), ([code] * 3, None))
            talk.say(b"AUTH PLAIN d3Jvbmc=\r\n")
            self.assertEqual((talk.codes()[-2:], talk.closed), ([code, 421], "too many errors"))

    def test_not_offered(self) -> None:
        talk = Conversation(tls=TLS)
        talk.say(HELLO + b"AUTH PLAIN c2VjcmV0\r\n")
        self.assertEqual(talk.codes()[-1], 502)


class OtherExtensionTests(SynchronousTestCase):
    def test_etrn(self) -> None:
        talk = Conversation()
        talk.say(
            b"ETRN local.test\r\n"
            + HELLO
            + b"ETRN local.test\r\nETRN other.test\r\nMAIL FROM:<>\r\nETRN local.test\r\n"
        )
        self.assertEqual(talk.codes()[1:], [503, 250, 253, 550, 250, 503])
        talk = Conversation(rules(without=frozenset({"ETRN"})))
        talk.say(HELLO + b"ETRN local.test\r\n")
        self.assertEqual(talk.codes()[-1], 502)

    def test_C172_requiretls_is_offered_within_tls_alone(self) -> None:
        with_it = rules(require_tls=True)
        self.assertNotIn(b"REQUIRETLS", Conversation(with_it).say(HELLO))
        talk = Conversation(with_it, tls=TLS)
        self.assertIn(b"250-REQUIRETLS\r\n", talk.say(HELLO))
        talk.say(b"MAIL FROM:<> REQUIRETLS\r\nRCPT TO:<b@local.test>\r\nDATA\r\n.\r\n")
        self.assertTrue(talk.messages[0][0].envelope.require_tls)
        # Mail without it is not touched (RFC 8689 2).
        talk.say(b"MAIL FROM:<>\r\nRCPT TO:<b@local.test>\r\nDATA\r\n.\r\n")
        self.assertFalse(talk.messages[1][0].envelope.require_tls)
        self.assertNotIn(b"REQUIRETLS", Conversation(tls=TLS).say(HELLO))

    def test_C174_requiretls_in_the_clear_or_with_a_value_is_refused(self) -> None:
        for tls, line, code in (
            (None, b"MAIL FROM:<> REQUIRETLS\r\n", 555),
            (TLS, b"MAIL FROM:<> REQUIRETLS=yes\r\n", 501),
            (TLS, b"MAIL FROM:<> REQUIRETLS\r\n", 250),
        ):
            talk = Conversation(rules(require_tls=True), tls=tls)
            talk.say(HELLO + line)
            self.assertEqual(talk.codes()[-1], code, line)

    def test_extensions_turned_off(self) -> None:
        talk = Conversation(rules(without=frozenset({"CHUNKING", "SMTPUTF8", "LIMITS"})))
        listed = talk.say(HELLO)
        for keyword in (b"CHUNKING", b"BINARYMIME", b"SMTPUTF8", b"LIMITS"):
            self.assertNotIn(keyword, listed)
        talk.say(b"MAIL FROM:<> SMTPUTF8\r\nMAIL FROM:<>\r\nRCPT TO:<b@local.test>\r\nBDAT 3 LAST\r\nabc")
        self.assertEqual(talk.codes()[-4:], [555, 250, 250, 502])

    def test_help_names_what_anybody_may_use(self) -> None:
        heard = Conversation(rules(xclient=True)).say(b"HELP\r\n")
        self.assertTrue(heard.startswith(b"214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT"), heard)
        self.assertNotIn(b"XCLIENT", heard)

    def test_xclient_begins_anew(self) -> None:
        talk = Conversation(rules(xclient=True))
        talk.say(HELLO + b"XCLIENT ADDR=nonsense\r\nXCLIENT ADDR=192.0.2.9\r\nMAIL FROM:<>\r\n")
        self.assertEqual(talk.codes()[1:], [250, 501, 220, 503])
        self.assertIn(b"220 other.test ", talk.sent)

    def test_tls_refused_for_the_moment(self) -> None:
        for way in (b"", HELLO):
            talk = Conversation()
            talk.refuse_tls = Reply.of(454, "4.7.0", "not now")
            talk.say(way + b"STARTTLS\r\nNOOP\r\n" + ENVELOPE)
            self.assertEqual(talk.codes()[-5:], [454, 250, 250, 250, 250])
            self.assertEqual(talk.handshakes, 0)

    def test_C082_an_endless_line_is_not_read_for_ever(self) -> None:
        talk = Conversation()
        for _ in range(20):
            talk.say(b"a" * 10_000)
        self.assertEqual((talk.codes(), talk.closed), ([220, 500, 421], "an endless line"))

    def test_as_many_recipients_as_are_permitted_are_not_too_many_commands(self) -> None:
        talk = Conversation(rules(commands=10, recipients=20))
        talk.say(HELLO + b"MAIL FROM:<a@c.test>\r\n")
        talk.say(b"".join(b"RCPT TO:<b%d@local.test>\r\n" % each for each in range(20)))
        talk.say(b"DATA\r\nSubject: x\r\n\r\n.\r\n")
        self.assertEqual((talk.codes()[-2:], len(talk.messages)), ([354, 250], 1))
        talk.say(b"MAIL FROM:<a@c.test>\r\n" + b"RCPT TO:<b@local.test>\r\n" * 20)
        self.assertEqual((talk.codes()[-1], talk.closed), (421, "too many commands"))

    def test_chunks_are_no_commands(self) -> None:
        talk = Conversation(rules(commands=10, message_size=0))
        talk.say(ENVELOPE + b"BDAT 1\r\nx" * 3000 + b"BDAT 0 LAST\r\n")
        self.assertEqual((talk.codes()[-1], talk.messages[0][1]), (250, b"x" * 3000))
        # Empty ones bring nothing nearer.
        talk.say(ENVELOPE.removeprefix(HELLO) + b"BDAT 0\r\n" * 10)
        self.assertEqual((talk.codes()[-1], talk.closed), (421, "too many commands"))

    def test_leniency_is_for_those_who_are_known(self) -> None:
        mail = b"MAIL FROM:root\r\nRCPT TO:b@local.test\r\nRCPT TO:<b@local.test>\r\nDATA\r\nx\r\n.\r\n"
        plain = b"AUTH PLAIN c2VjcmV0\r\n"
        for lenient, strangers, known in (
            (Lenient.TRUSTED, 501, 250),
            (Lenient.ALL, 250, 250),
            (Lenient.NONE, 501, 501),
        ):
            for trusted, login in ((False, b""), (True, b""), (False, plain)):
                talk = Conversation(rules(lenient=lenient, trusted=trusted, mechanisms=("PLAIN",)), tls=TLS)
                talk.say(HELLO + login + mail)
                code = known if trusted or login else strangers
                self.assertIn(code, talk.codes()[2 + bool(login) :], (lenient, trusted, login))
                self.assertEqual(len(talk.messages), code == 250, (lenient, trusted, login))
                for opened, _ in talk.messages:
                    self.assertEqual(opened.envelope.sender, Mailbox("root", "local.test"))

    def test_too_many_commands_without_a_message(self) -> None:
        talk = Conversation(rules(commands=10))
        talk.say(ENVELOPE + b"DATA\r\n.\r\n" + b"NOOP\r\n" * 10)
        self.assertIsNone(talk.closed)
        talk.say(b"NOOP\r\n")
        self.assertEqual((talk.codes()[-1], talk.closed), (421, "too many commands"))


COMMANDS = st.sampled_from(
    [b"EHLO c.test\r\n", b"HELO c\r\n", b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<b@local.test>\r\n",
     b"RCPT TO:<b@denied.test>\r\n", b"RSET\r\n", b"NOOP\r\n", b"HELP\r\n", b"VRFY x\r\n", b"X\r\n", b"\r\n",
     b"MAIL FROM:<a\r\n", b"NOOP\n\r\n"]
)  # fmt: skip

TRANSACTION = [b"x", b".", b"..", b"\r", b"\n", b"\r\n", b"\r\n.\r\n", b"y" * 40, ENVELOPE, b"DATA\r\n", b"QUIT\r\n"]


class FuzzTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(COMMANDS, max_size=18), st.lists(st.integers(0, 600), max_size=6))
    def test_one_reply_for_each_command_however_it_is_cut(self, commands: list[bytes], cuts: list[int]) -> None:
        whole = b"".join(commands)
        places = sorted(min(each, len(whole)) for each in cuts)
        talk = Conversation(rules(errors=1000))
        talk.say_in_pieces(whole, *places)
        self.assertEqual(len(talk.codes()), len(commands) + 1)
        together = Conversation(rules(errors=1000))
        together.say(whole)
        self.assertEqual(talk.sent, together.sent)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.lists(st.sampled_from(TRANSACTION), max_size=12), st.lists(st.integers(0, 900), max_size=8))
    def test_messages_are_the_same_however_they_are_cut(self, pieces: list[bytes], cuts: list[int]) -> None:
        whole = ENVELOPE + b"DATA\r\n" + b"".join(pieces)
        talk, together = Conversation(rules(message_size=60)), Conversation(rules(message_size=60))
        talk.say_in_pieces(whole, *sorted(min(each, len(whole)) for each in cuts))
        together.say(whole)
        self.assertEqual((talk.sent, talk.messages, talk.aborted), (together.sent, together.messages, together.aborted))
        self.assertIs(talk.session.state, together.session.state)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.lists(st.one_of(COMMANDS, st.binary(max_size=30), st.just(b"DATA\r\n"), st.just(b".\r\n")), max_size=25))
    def test_whatever_bytes(self, pieces: list[bytes]) -> None:
        talk = Conversation()
        for piece in pieces:
            talk.say(piece)
            self.assertIn(talk.session.state, State)
        for opened, _ in talk.messages:
            self.assertTrue(opened.envelope.recipients)
