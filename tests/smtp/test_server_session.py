"""The server session: whole dialogues, its tables, and whatever bytes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import BodyType
from fopemta.mail.reply import Reply
from fopemta.smtp.commands import Verb
from fopemta.smtp.server_effects import AskRecipient, CommitMessage, OpenMessage, Send, WriteContent
from fopemta.smtp.server_session import ServerSession
from fopemta.smtp.server_states import NEEDS, NEXT, READING, Event, State
from tests.smtp.conversation import REFUSED, TLS, Conversation, rules

HELLO = b"EHLO c.test\r\n"
ENVELOPE = HELLO + b"MAIL FROM:<a@c.test>\r\nRCPT TO:<b@local.test>\r\n"


class GreetingTests(SynchronousTestCase):
    def test_R2_ehlo_list(self) -> None:
        wanted = (
            b"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250-8BITMIME\r\n"
            b"250 ENHANCEDSTATUSCODES\r\n"
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
        self.assertEqual(opened.sender, Mailbox("a", "c.test"))
        self.assertEqual(opened.recipients, (Mailbox("b", "local.test"),))
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
        self.assertEqual([each.body_type for each, _ in talk.messages], [BodyType.EIGHT_BIT_MIME, BodyType.SEVEN_BIT])
        self.assertEqual(talk.messages[1][0].recipients, (Mailbox("d", "local.test"),))

    def test_recipient_given_twice_is_one(self) -> None:
        talk = Conversation()
        talk.say(ENVELOPE + b"RCPT TO:<b@LOCAL.test>\r\nDATA\r\n.\r\n")
        self.assertEqual(talk.messages[0][0].recipients, (Mailbox("b", "local.test"),))

    def test_postmaster_needs_no_domain(self) -> None:
        talk = Conversation()
        talk.say(HELLO + b"MAIL FROM:<>\r\nRCPT TO:<POSTMASTER>\r\nDATA\r\n.\r\n")
        self.assertEqual(talk.messages[0][0].recipients, (Mailbox("pm", "local.test"),))

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
        self.assertEqual(effects[-2:], [WriteContent(b"body\r\n"), CommitMessage()])
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

    def test_lines_with_bare_line_ends_and_long_ones(self) -> None:
        talk = Conversation()
        talk.say(b"NOOP\nNOOP\r\nNOOP\r\n" + b"N" * 5000 + b"\r\nNOOP\r\n")
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
        self.assertEqual({state for state in State if (state, Event.CLOSE) not in NEXT}, set())

    def test_every_verb_in_every_state_is_answered_once_and_never_raises(self) -> None:
        lines = {
            verb: {Verb.MAIL: b"MAIL FROM:<>", Verb.RCPT: b"RCPT TO:<b@local.test>", Verb.EHLO: b"EHLO c.test",
                   Verb.HELO: b"HELO c.test", Verb.VRFY: b"VRFY b"}.get(verb, verb.value.encode())
            for verb in Verb
        }  # fmt: skip
        ways = {
            State.START: b"",
            State.READY: HELLO,
            State.SENDER: HELLO + b"MAIL FROM:<>\r\n",
            State.RECIPIENTS: ENVELOPE,
        }
        self.assertEqual(set(ways), set(READING))
        for state, way in ways.items():
            for verb, line in lines.items():
                talk = Conversation()
                talk.say(way)
                self.assertIs(talk.session.state, state)
                before = len(talk.codes())
                talk.say(line + b"\r\n")
                codes = talk.codes()[before:]
                self.assertEqual(len(codes), 1, (state, verb))
                fits = state in NEEDS.get(verb, READING)
                self.assertEqual(codes[0] == 503, not fits, (state, verb, codes))


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
            self.assertTrue(opened.recipients)
