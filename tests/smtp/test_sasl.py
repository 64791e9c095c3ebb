"""PLAIN and LOGIN as their grammars say."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.login import Challenge
from fopemta.smtp.sasl import Claim, Fault, Login, PasswordDialogue, Plain, Rejected, Step

MALFORMED, DENIED = Fault.MALFORMED, Fault.DENIED


def outcome(step: Step) -> object:
    """What matters of a step."""
    return step.fault if isinstance(step, Rejected) else step


class PlainTests(SynchronousTestCase):
    def test_one_response(self) -> None:
        for response, expected in {
            # RFC 4616 4.
            b"\0tim\0tanstaaftanstaaf": Claim("tim", "tanstaaftanstaaf"),
            b"tim\0tim\0secret": Claim("tim", "secret"),
            b"Tim\0tim\0secret": Claim("tim", "secret"),
            b"Ursel\0Kurt\0xipj3plmq": DENIED,
            b"\0alice@example.org\0a b\xc3\xa9": Claim("alice@example.org", "a bé"),
            b"\0tim\0" + b"x" * 1024: Claim("tim", "x" * 1024),
            b"": MALFORMED,
            b"\0": MALFORMED,
            b"tim": MALFORMED,
            b"tim\0secret": MALFORMED,
            b"\0tim\0secret\0": MALFORMED,
            b"\0\0secret": MALFORMED,
            b"\0tim\0": MALFORMED,
            b"\0tim\0\xff": MALFORMED,
            b"\0\xff\0secret": MALFORMED,
            b"\xff\0tim\0secret": MALFORMED,
            b"\0tim\n\0secret": MALFORMED,
            b"\0tim\0" + b"x" * 1025: MALFORMED,
            b"\0" + b"x" * 1025 + b"\0secret": MALFORMED,
        }.items():
            self.assertEqual(outcome(Plain().respond(response)), expected, response[:40])

    def test_without_initial_response(self) -> None:
        plain = Plain()
        self.assertEqual(plain.respond(None), Challenge(b""))
        self.assertEqual(plain.respond(b"\0tim\0secret"), Claim("tim", "secret"))

    def test_password_is_not_shown(self) -> None:
        self.assertNotIn("secret", repr(Claim("tim", "secret")))


class LoginTests(SynchronousTestCase):
    def test_asks_for_both(self) -> None:
        login = Login()
        self.assertEqual(login.respond(None), Challenge(b"Username:"))
        self.assertEqual(login.respond(b"tim"), Challenge(b"Password:"))
        self.assertEqual(login.respond(b"secret"), Claim("tim", "secret"))

    def test_name_may_come_with_auth(self) -> None:
        login = Login()
        self.assertEqual(login.respond(b"tim"), Challenge(b"Password:"))
        self.assertEqual(login.respond(b"secret"), Claim("tim", "secret"))

    def test_malformed(self) -> None:
        for name, password in ((b"", b"x"), (b"tim", b""), (b"\xff", b"x"), (b"tim", b"\xff"), (b"t\0m", b"x")):
            login = Login()
            self.assertEqual(login.respond(name), Challenge(b"Password:"))
            self.assertEqual(outcome(login.respond(password)), MALFORMED, (name, password))


class StrangersTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.sampled_from([Plain, Login]), st.lists(st.none() | st.binary(max_size=60), max_size=4))
    def test_never_raises(self, kind: type[PasswordDialogue], responses: list[bytes | None]) -> None:
        dialogue = kind()
        for response in responses:
            step = dialogue.respond(response)
            self.assertIsInstance(step, Challenge | Claim | Rejected)
            if not isinstance(step, Challenge):
                return
