"""The server session under random dialogues: no exception, no state outside the table, replies = commands, and memory
that does not grow.
"""

from __future__ import annotations

import os
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from fopemta.smtp.server_session import LONGEST_LINE
from fopemta.smtp.server_states import State
from tests.fuzz.dialogues import conversation, dialogue, surplus
from tests.smtp.conversation import Conversation, rules

DIALOGUES = int(os.environ.get("FOPEMTA_FUZZ", "3000"))
SEED = int(os.environ.get("FOPEMTA_FUZZ_SEED", "20261125"))


class RandomDialogueTests(SynchronousTestCase):
    def test_random_dialogues(self) -> None:
        for number in range(DIALOGUES):
            dice = random.Random(f"{SEED}-{number}")
            talk = conversation(dice)
            segments = dialogue(dice)
            for segment in segments:
                talk.say(segment)
                if talk.session.state is State.HANDSHAKE:
                    talk.secure()
            about = (SEED, number, segments)
            self.assertIn(talk.session.state, State, about)
            self.assertEqual(surplus(talk), 0, about)
            self.assertLessEqual(talk.session.waiting_octets, 2 * LONGEST_LINE, about)
            for opened, content in talk.messages:
                self.assertTrue(opened.envelope.recipients, about)
                if opened.envelope.body_type.value != "BINARYMIME":
                    self.assertEqual(content.count(b"\n"), content.count(b"\r\n"), about)
                    self.assertEqual(content.count(b"\r"), content.count(b"\r\n"), about)

    def test_however_it_is_cut(self) -> None:
        for number in range(DIALOGUES // 10):
            seed = f"cut-{SEED}-{number}"
            segments = dialogue(random.Random(seed))
            # What comes in one segment with STARTTLS is dropped on purpose, so cutting matters there alone.
            stream = b"".join(segments).replace(b"STARTTLS", b"NOOP")
            whole, cut = conversation(random.Random(seed)), conversation(random.Random(seed))
            whole.say(stream)
            # Every octet by itself, where that does not take too long.
            size = 1 if len(stream) < 1000 else 701
            for start in range(0, len(stream), size):
                cut.say(stream[start : start + size])
            self.assertEqual((whole.sent, whole.messages, whole.closed), (cut.sent, cut.messages, cut.closed), seed)


class SessionMachine(RuleBasedStateMachine):
    """A client that knows where it stands and mostly does what fits."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = Conversation(rules(errors=10_000, mechanisms=("PLAIN",), recipients=3, message_size=200))

    @property
    def state(self) -> State:
        return self.talk.session.state

    @rule(name=st.sampled_from([b"c.test", b"[192.0.2.1]", b"bad name"]), verb=st.sampled_from([b"EHLO ", b"HELO "]))
    def greet(self, verb: bytes, name: bytes) -> None:
        self.talk.say(verb + name + b"\r\n")

    @rule(parameters=st.sampled_from([b"", b" BODY=BINARYMIME", b" SIZE=300", b" SMTPUTF8", b" RET=FULL"]))
    def mail(self, parameters: bytes) -> None:
        self.talk.say(b"MAIL FROM:<a@b.test>" + parameters + b"\r\n")

    @rule(name=st.sampled_from([b"b@local.test", b"c@local.test", b"x@denied.test", b"postmaster"]))
    def rcpt(self, name: bytes) -> None:
        self.talk.say(b"RCPT TO:<" + name + b">\r\n")

    @rule(lines=st.lists(st.sampled_from([b"x\r\n", b"..\r\n", b"\n", b"\r\n", b"y" * 90]), max_size=4))
    def data(self, lines: list[bytes]) -> None:
        self.talk.say(b"DATA\r\n")
        if self.state is State.CONTENT:
            self.talk.say(b"".join(lines))
            self.talk.say(b"\r\n.\r\n")

    @rule(octets=st.binary(max_size=120), last=st.booleans())
    def bdat(self, octets: bytes, last: bool) -> None:
        self.talk.say(b"BDAT %d%s\r\n" % (len(octets), b" LAST" if last else b"") + octets)

    @rule(line=st.sampled_from([b"RSET", b"NOOP", b"HELP", b"VRFY x", b"ETRN local.test", b"", b"QUI"]))
    def other(self, line: bytes) -> None:
        self.talk.say(line + b"\r\n")

    @precondition(lambda self: self.talk.session.tls is None)
    @rule()
    def starttls(self) -> None:
        self.talk.say(b"STARTTLS\r\n")
        if self.state is State.HANDSHAKE:
            self.talk.secure()

    @rule(answers=st.lists(st.sampled_from([b"c2VjcmV0", b"bW9yZQ==", b"*", b"!", b""]), min_size=1, max_size=3))
    def auth(self, answers: list[bytes]) -> None:
        self.talk.say(b"AUTH PLAIN\r\n")
        while self.state is State.LOGIN:
            self.talk.say((answers.pop() if answers else b"*") + b"\r\n")

    @invariant()
    def replies_are_commands(self) -> None:
        assert surplus(self.talk) == 0, self.talk.sent

    @invariant()
    def no_more_than_is_allowed(self) -> None:
        session = self.talk.session
        assert session.waiting_octets <= LONGEST_LINE
        for opened, content in self.talk.messages:
            assert 1 <= len(opened.envelope.recipients) <= 3
            assert len(content) <= 200


class StateMachineTests(SynchronousTestCase):
    def test_machine(self) -> None:
        examples = min(max(DIALOGUES // 60, 40), 3000)
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            SessionMachine,
            settings=settings(deadline=None, derandomize=True, max_examples=examples, stateful_step_count=30),
        )
