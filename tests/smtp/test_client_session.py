"""A client's session: its table, what it says to whom, and strangers' answers."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Envelope, Notify, OriginalRecipient, RecipientOptions, Returned
from fopemta.mail.reply import Reply
from fopemta.smtp.client_effects import (
    BeginTls,
    ClientEffect,
    Hangup,
    Phase,
    Ready,
    SendChunk,
    SendContent,
    SessionFailed,
    Transaction,
    TransactionDone,
    Write,
)
from fopemta.smtp.client_session import ClientSession
from fopemta.smtp.client_states import NEXT, PHASES, ClientEvent, ClientState
from fopemta.smtp.reply_parser import LONGEST_LINE, MOST_LINES
from fopemta.trust.diagnosis import Diagnosis
from tests.smtp.permits import permit_for

BOB, EVE = Mailbox("bob", "d.test"), Mailbox("eve", "d.test")
GREETING = b"220 mx ESMTP\r\n"
CHUNKS = 3


def transaction(body: BodyType = BodyType.SEVEN_BIT, **more: object) -> Transaction:
    values: dict[str, object] = {"envelope": Envelope(None, (BOB, EVE)), "recipients": (BOB, EVE), "size": 10}
    return Transaction(**{**values, "body": body, **more})  # type: ignore[arg-type]


class Talk:
    """Performs what a session wants: one transaction as soon as it is ready, `CHUNKS` chunks of BDAT."""

    def __init__(self, message: Transaction | None = None, wants_tls: bool = False) -> None:
        self.session = ClientSession("us.test", wants_tls)
        self.message = message or transaction()
        self.said: list[str] = []
        self.effects: list[ClientEffect] = []
        self.chunks = 0

    def hear(self, data: bytes, at_once: bool = False) -> Talk:
        """And nothing more for a while, unless more follows `at_once`."""
        self.perform(self.session.receive(data))
        return self if at_once else self.wait()

    def wait(self) -> Talk:
        self.perform(self.session.waited())
        return self

    def perform(self, effects: list[ClientEffect]) -> None:
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, Write):
                self.said += effect.data.decode().splitlines()
            elif isinstance(effect, BeginTls):
                self.perform(self.session.secured())
            elif isinstance(effect, Ready):
                self.perform(self.session.begin(self.message, permit_for(self.message, self.session.tls)))
            elif isinstance(effect, SendContent):
                self.said.append("(content)")
                self.session.content_sent()
            elif isinstance(effect, SendChunk):
                self.chunks += 1
                self.said.append("BDAT" + " LAST" * (self.chunks == CHUNKS))
                self.session.chunk_sent(self.chunks == CHUNKS)

    def told(self, kind: type) -> list[object]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    @property
    def results(self) -> list[tuple[str, bool, str, int]]:
        (done,) = self.told(TransactionDone)
        assert isinstance(done, TransactionDone)
        return [
            (each.recipient.local_part, each.accepted, each.phase.value, each.reply.code if each.reply else 0)
            for each in done.results
        ]


def ehlo(*extensions: str) -> bytes:
    lines = ("mx", *extensions)
    return b"".join(b"250%c%s\r\n" % (b"- "[line is lines[-1]], line.encode()) for line in lines)


class TableTests(SynchronousTestCase):
    def test_every_state_is_reached_and_left(self) -> None:
        reachable = {ClientState.GREETING}
        for _ in ClientState:
            reachable |= {there for (here, _), there in NEXT.items() if here in reachable}
        self.assertEqual(reachable, set(ClientState))
        self.assertEqual({here for here, _ in NEXT}, set(ClientState))
        self.assertEqual({event for _, event in NEXT}, set(ClientEvent))

    def test_every_state_can_be_cut_off_and_has_its_wait(self) -> None:
        self.assertEqual({s for s in ClientState if NEXT.get((s, ClientEvent.CLOSE)) is ClientState.CLOSED}, {*PHASES})
        self.assertEqual(set(PHASES), set(ClientState))

    def test_an_event_that_is_not_in_the_table_is_a_bug_of_ours(self) -> None:
        for call in (ClientSession.secured, ClientSession.content_sent):
            with self.assertRaises(KeyError):
                call(ClientSession("us.test", True))


class CommandTests(SynchronousTestCase):
    def said(self, message: Transaction, *extensions: str) -> list[str]:
        return Talk(message).hear(GREETING).hear(ehlo("PIPELINING", *extensions)).said[1:]

    def test_parameters_only_where_they_are_known(self) -> None:
        options = RecipientOptions(frozenset({Notify.NEVER}), OriginalRecipient("utf-8", "bü+@d.test"))
        envelope = Envelope(
            Mailbox("a", "us.test"), (BOB,), returned=Returned.FULL, envelope_id="x y", options=((BOB, options),)
        )  # fmt: skip
        message = transaction(envelope=envelope, recipients=(BOB,), utf8=True, body=BodyType.EIGHT_BIT_MIME)
        mail, bob = "MAIL FROM:<a@us.test>", "RCPT TO:<bob@d.test>"
        eight = f"{mail} BODY=8BITMIME SMTPUTF8"
        table = {
            (): [eight, bob, "DATA"],
            ("SIZE",): [f"{mail} SIZE=10 BODY=8BITMIME SMTPUTF8", bob, "DATA"],
            ("DSN",): [
                f"{eight} RET=FULL ENVID=x+20y",
                f"{bob} NOTIFY=NEVER ORCPT=utf-8;b\\x{{FC}}\\x{{2B}}@d.test",
                "DATA",
            ],
        }
        self.assertEqual({offer: self.said(message, *offer) for offer in table}, table)

    def test_C049_no_password_ever_crosses(self) -> None:
        """The way to a next hop knows no AUTH, so none can be tricked out of it, in the clear or within TLS."""
        for offers in (("AUTH PLAIN LOGIN",), ("AUTH=PLAIN", "AUTH SCRAM-SHA-256")):
            self.assertEqual(self.said(transaction(), *offers)[0], "MAIL FROM:<>")

    def test_requiretls_is_never_said(self) -> None:
        message = transaction(envelope=Envelope(None, (BOB, EVE), require_tls=True))
        self.assertEqual(self.said(message, "REQUIRETLS")[0], "MAIL FROM:<>")

    def test_one_at_a_time_without_pipelining(self) -> None:
        talk = Talk().hear(GREETING).hear(ehlo())
        for line in ("MAIL FROM:<>", "RCPT TO:<bob@d.test>", "RCPT TO:<eve@d.test>"):
            self.assertEqual(talk.said[-1], line)
            talk.hear(b"250 2.1.0 Ok\r\n")
        self.assertEqual(talk.hear(b"354 go\r\n").said[-2:], ["DATA", "(content)"])
        self.assertEqual(
            talk.hear(b"250 2.0.0 Ok\r\n").results, [("bob", True, "final", 250), ("eve", True, "final", 250)]
        )

    def test_what_was_offered_in_the_clear_is_forgotten_under_tls(self) -> None:
        talk = Talk(transaction(), wants_tls=True).hear(GREETING).hear(ehlo("SIZE 5", "DSN", "PIPELINING", "STARTTLS"))
        talk.hear(b"220 go\r\n").hear(ehlo())
        self.assertEqual(talk.said, ["EHLO us.test", "STARTTLS", "EHLO us.test", "MAIL FROM:<>"])

    def test_octets_of_the_clear_that_say_nothing_are_no_part_of_what_is_said_under_tls(self) -> None:
        # As the begin of the first line, or the lines before it, they would be too much of one.
        for nothing in (b" " * (LONGEST_LINE - 2), b"\r\n" * MOST_LINES):
            talk = Talk(transaction(), wants_tls=True).hear(GREETING).hear(ehlo("STARTTLS"))
            talk.hear(b"220 go\r\n" + nothing).hear(ehlo())
            self.assertEqual(talk.said, ["EHLO us.test", "STARTTLS", "EHLO us.test", "MAIL FROM:<>"])


class ChunkTests(SynchronousTestCase):
    def begun(self) -> Talk:
        return Talk(transaction(BodyType.BINARY_MIME)).hear(GREETING).hear(ehlo("PIPELINING", "BINARYMIME", "CHUNKING"))

    def after(self, replies: int) -> Talk:
        """Each reply comes when what it answers is out."""
        talk = self.begun()
        for _ in range(replies):
            talk.hear(b"250 Ok\r\n")
        return talk

    def test_C072_one_reply_a_chunk_and_the_last_one_decides(self) -> None:
        talk = self.begun().hear(b"250 Ok\r\n" * 3)
        self.assertEqual(talk.said[-1], "BDAT")
        talk.hear(b"250 Ok\r\n").hear(b"250 Ok\r\n")
        self.assertEqual((talk.said[-1], talk.told(TransactionDone)), ("BDAT LAST", []))
        self.assertEqual(talk.hear(b"550 5.7.1 no\r\n").said[-1], "RSET")
        talk.hear(b"250 2.0.0 Ok\r\n")
        self.assertEqual(talk.results, [("bob", False, "final", 550), ("eve", False, "final", 550)])

    def test_C072_what_contradicts_a_refusal_at_once_does_not_undo_it(self) -> None:
        talk = self.after(5).hear(b"550 5.7.1 no\r\n250 2.0.0 Ok\r\n")
        self.assertEqual([each.accepted for each in talk.session.answered()], [False, False])
        self.assertEqual((talk.told(TransactionDone), len(talk.told(SessionFailed))), ([], 1))

    def test_C072_a_second_final_reply_changes_nothing(self) -> None:
        talk = self.after(6)
        self.assertEqual({accepted for _, accepted, _, _ in talk.results}, {True})
        talk.hear(b"550 5.7.1 no\r\n")
        self.assertEqual(len(talk.told(TransactionDone)), 1)
        self.assertEqual(len(talk.told(SessionFailed)), 1)

    def test_failure_at_any_chunk(self) -> None:
        for number in range(CHUNKS):
            for words, goes_on in (
                (b"451 4.3.0 no\r\n", True),
                (b"552 5.3.4 no\r\n", True),
                (b"421 4.3.2 no\r\n", False),
            ):
                talk = self.after(3 + number).hear(words)
                self.assertEqual(talk.chunks, number + 1)
                self.assertEqual(talk.said[-1] == "RSET", goes_on)
                if goes_on:
                    talk.hear(b"250 Ok\r\n")
                code = int(words[:3])
                self.assertEqual(talk.results, [("bob", False, "final", code), ("eve", False, "final", code)])
                self.assertEqual(bool(talk.told(Hangup)), not goes_on)

    def test_a_server_ahead_of_itself_gets_nothing(self) -> None:
        talk = self.begun().hear(b"250 Ok\r\n" * 4)
        self.assertEqual((talk.chunks, len(talk.told(SessionFailed))), (0, 1))
        talk = Talk().hear(GREETING).hear(ehlo("PIPELINING")).hear(b"250 Ok\r\n" * 3 + b"354 go\r\n250 Ok\r\n")
        self.assertNotIn("(content)", talk.said)
        talk = Talk().hear(GREETING).hear(ehlo() + b"250 Ok\r\n")
        self.assertEqual(talk.said, ["EHLO us.test"])

    def test_nobody_is_taken_so_nothing_is_sent(self) -> None:
        talk = self.begun().hear(b"250 Ok\r\n550 no\r\n550 no\r\n")
        self.assertEqual((talk.said[-1], talk.chunks), ("RSET", 0))


class PhaseTests(SynchronousTestCase):
    def test_a_server_that_falls_silent_under_tls_has_failed_the_handshake_only_if_it_said_nothing(self) -> None:
        for said, phase in ((b"", Phase.HANDSHAKE), (b"2", Phase.HELO), (b"250-mx.test\r\n", Phase.HELO)):
            talk = Talk(transaction(), wants_tls=True).hear(GREETING).hear(ehlo("STARTTLS")).hear(b"220 go\r\n")
            talk.hear(said) if said else None
            self.assertIs(talk.session.phase, phase, said)

    def test_what_is_said_in_the_clear_does_not_count_as_said_under_tls(self) -> None:
        talk = Talk(transaction(), wants_tls=True).hear(GREETING)
        self.assertIs(talk.session.phase, Phase.HELO)
        talk.hear(ehlo("STARTTLS"))
        self.assertIs(talk.session.phase, Phase.STARTTLS)

    def test_a_refusal_of_the_session_is_for_good_from_500_on(self) -> None:
        for code, diagnosis in ((421, Diagnosis.DEFERRED_BY_PEER), (499, Diagnosis.DEFERRED_BY_PEER),
                                (500, Diagnosis.REFUSED_BY_PEER), (554, Diagnosis.REFUSED_BY_PEER)):  # fmt: skip
            [failed] = Talk().hear(b"%d no\r\n" % code).told(SessionFailed)
            assert isinstance(failed, SessionFailed)
            self.assertIs(failed.diagnosis, diagnosis, code)


class LongReplyTests(SynchronousTestCase):
    LONG = b"550-5.1.1 " + b"x" * 600 + b"\r\n550-5.1.1 " + b"y" * 600 + b"\r\n550 5.1.1 z\r\n"

    def check(self, reply: object) -> None:
        assert isinstance(reply, Reply)
        self.assertEqual((reply.code, reply.enhanced), (550, "5.1.1"))
        self.assertEqual(reply.text, "x" * 600 + " " + "y" * 424 + "... (177 more characters)")

    def test_of_each_answer_only_so_much_is_kept(self) -> None:
        talk = Talk().hear(GREETING).hear(ehlo("PIPELINING")).hear(b"250 Ok\r\n").hear(self.LONG).hear(b"250 Ok\r\n")
        self.assertEqual(talk.session.oversize, 1201)
        [bob] = talk.session.answered()
        self.check(bob.reply)
        talk = Talk().hear(GREETING).hear(ehlo()).hear(self.LONG).hear(b"250 Ok\r\n")
        for result in talk.session.answered():
            self.check(result.reply)

    def test_of_what_ends_a_session_too(self) -> None:
        for talk in (Talk(), Talk().hear(GREETING).hear(b"502 no\r\n")):
            [failed] = talk.hear(self.LONG).told(SessionFailed)
            assert isinstance(failed, SessionFailed)
            self.check(failed.reply)
            assert failed.reply is not None
            self.assertEqual(failed.text, failed.reply.text)
        [failed] = Talk().hear(GREETING).hear(ehlo()).hear(b"250 Ok\r\n" * 3 + self.LONG).told(SessionFailed)
        assert isinstance(failed, SessionFailed)
        self.assertLess(len(failed.text), 1200)

    def test_of_a_refusal_of_tls_too(self) -> None:
        talk = Talk(wants_tls=True).hear(GREETING).hear(ehlo("STARTTLS")).hear(self.LONG)
        ready = talk.told(Ready)[0]
        assert isinstance(ready, Ready)
        self.check(ready.refused)

    def test_how_much_can_be_said(self) -> None:
        session = ClientSession("us.test", False, 200)
        [failed, _] = session.receive(self.LONG)
        assert isinstance(failed, SessionFailed)
        self.assertEqual(failed.text, "x" * 200 + "... (1001 more characters)")
        self.assertEqual(Talk().hear(GREETING).hear(ehlo("X" * 3000, "SIZE 5")).session.oversize, 0)

    def test_when_it_is_over_nothing_is_kept(self) -> None:
        talk = Talk().hear(b"554 no\r\n")
        before = len(talk.effects)
        for _ in range(100):
            talk.hear(b"x" * 1000)
        self.assertEqual((len(talk.effects), talk.session._parser.empty), (before, True))


class RefusedInContentTests(SynchronousTestCase):
    def talking(self, body: BodyType) -> Talk:
        """As far as the middle of the content."""
        talk = Talk(transaction(body))
        talk.hear(GREETING).hear(ehlo("PIPELINING", "BINARYMIME", "CHUNKING"))
        talk.session.content_sent = lambda: None  # type: ignore[method-assign]
        talk.session.chunk_sent = lambda last: None  # type: ignore[method-assign]
        return talk.hear(b"250 Ok\r\n550 5.1.1 no\r\n250 Ok\r\n").hear(
            b"354 go\r\n" if body is BodyType.SEVEN_BIT else b""
        )

    def test_what_is_refused_for_good_is(self) -> None:
        for body in (BodyType.SEVEN_BIT, BodyType.BINARY_MIME):
            talk = self.talking(body).hear(b"554 5.6.0 I have seen enough\r\n")
            self.assertEqual(talk.results, [("bob", False, "rcpt", 550), ("eve", False, "content", 554)])
            self.assertEqual((talk.told(SessionFailed), len(talk.told(Hangup))), ([], 1))
            self.assertEqual(talk.said[-1], "(content)" if body is BodyType.SEVEN_BIT else "BDAT")

    def test_what_is_put_off_is(self) -> None:
        for body in (BodyType.SEVEN_BIT, BodyType.BINARY_MIME):
            talk = self.talking(body).hear(b"451 4.3.0 not now\r\n")
            [failed] = talk.told(SessionFailed)
            assert isinstance(failed, SessionFailed)
            self.assertEqual((failed.diagnosis.value, talk.told(TransactionDone)), ("deferred_by_peer", []))


class ProbeTests(SynchronousTestCase):
    def test_no_message_is_sent(self) -> None:
        talk = Talk(transaction(probe=True)).hear(GREETING).hear(ehlo("PIPELINING", "SIZE"))
        talk.hear(b"250 Ok\r\n250 Ok\r\n550 5.1.1 no\r\n").hear(b"250 reset\r\n")
        self.assertEqual(talk.said[1:], ["MAIL FROM:<>", "RCPT TO:<bob@d.test>", "RCPT TO:<eve@d.test>", "RSET"])
        self.assertEqual(talk.results, [("bob", True, "rcpt", 250), ("eve", False, "rcpt", 550)])


class StrangersTests(SynchronousTestCase):
    REPLIES = (
        GREETING, ehlo("PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME"), ehlo("STARTTLS"), ehlo(), b"250 Ok\r\n",
        b"250 2.1.5 Ok\r\n", b"354 go\r\n", b"421 bye\r\n", b"450 no\r\n", b"550 5.1.1 no\r\n", b"220 go\r\n",
        b"hello\r\n", b"250-\r\n", b"2", b"\r\n", b"\xff\n", b"250 Ok\r\n" * 4,
    )  # fmt: skip

    @settings(deadline=None, derandomize=True, max_examples=400)
    @given(
        st.lists(st.sampled_from(REPLIES), max_size=14),
        st.sampled_from([BodyType.SEVEN_BIT, BodyType.BINARY_MIME]),
        st.booleans(),
        st.data(),
    )
    def test_any_answers_cut_anywhere(
        self, replies: list[bytes], body: BodyType, tls: bool, data: st.DataObject
    ) -> None:
        # Who speaks out of turn may be heard sooner or later; who does not is understood the same however it was cut.
        whole = b"".join(replies)
        octets, lines, pieces = (Talk(transaction(body), wants_tls=tls) for _ in range(3))
        for number in range(len(whole)):
            octets.hear(whole[number : number + 1])
        for line in whole.splitlines(keepends=True):
            lines.hear(line)
        self.assertEqual((lines.said, lines.effects), (octets.said, octets.effects))
        places = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=5)))
        for start, end in itertools.pairwise([0, *places, len(whole)]):
            pieces.hear(whole[start:end])
        for talk in (lines, pieces):
            self.check(talk)

    def check(self, talk: Talk) -> None:
        done = talk.told(TransactionDone)
        self.assertLessEqual(len(done) + len(talk.told(SessionFailed)), 2)
        self.assertLessEqual(len(done), 1)
        for each in done:
            assert isinstance(each, TransactionDone)
            self.assertEqual([result.recipient for result in each.results], [BOB, EVE])
            for result in each.results:
                assert result.reply is not None
                self.assertLessEqual(result.accepted, 200 <= result.reply.code < 300)
        if talk.told(Hangup):
            self.assertIs(talk.session.state, ClientState.CLOSED)
            self.assertIsInstance(talk.effects[-1], Hangup)
