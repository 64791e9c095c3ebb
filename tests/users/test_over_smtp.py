"""Logins from the first byte of a session to the sender it may use."""

from __future__ import annotations

import base64

from fopemta.config.model import Listener, ListenerKind, ListenerTls
from tests.inbound.inbound import Inbound, Talk
from tests.smtp.test_scram import client_final
from tests.users.test_logins import WithLogins

EHLO = b"EHLO c.test\r\n"
GOOD = b"\0alice\0secret"
LISTENER = Listener(endpoint="tcp:587", kind=ListenerKind.SUBMISSION, tls=ListenerTls.REQUIRED)


def b64(octets: bytes) -> bytes:
    return base64.b64encode(octets)


class OverSmtpTests(WithLogins):
    def open(self, secure: bool = True) -> Talk:
        inbound = Inbound(clock=self.clock, listener=LISTENER, parts={"logins": self.logins})
        talk = inbound.open()
        talk.say(EHLO)
        if secure:
            talk.say(b"STARTTLS\r\n")
            talk.start_tls()
            talk.say(EHLO)
        return talk

    def codes(self, *lines: bytes) -> list[int]:
        """What a client hears that says EHLO and then these, each after the answer to the one before."""
        talk = self.open()
        before = len(talk.codes())
        for line in lines:
            talk.say(line + b"\r\n")
        return talk.codes()[before:]

    def test_C010_no_login_in_the_clear_whatever_the_password_is(self) -> None:
        answers = []
        for password in (b"secret", b"wrong"):
            talk = self.open(secure=False)
            self.assertNotIn(b"AUTH", talk.client.heard)
            answers.append(talk.say(b"AUTH PLAIN " + b64(b"\0alice\0" + password) + b"\r\n"))
        self.assertEqual((answers[0][:3], answers[0]), (b"530", answers[1]))
        self.assertEqual(self.threads.calls, [])
        self.assertIn(b"250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n", self.open().client.heard)

    def test_C079_after_whatever_came_of_it_the_session_is_in_step(self) -> None:
        noop = b"NOOP"
        for lines, codes in {
            (b"AUTH PLAIN " + b64(GOOD),): [235],
            (b"AUTH PLAIN", b64(GOOD)): [334, 235],
            (b"AUTH PLAIN", b"*"): [334, 501],
            (b"AUTH PLAIN =",): [501],
            (b"AUTH PLAIN", b""): [334, 501],
            (b"AUTH PLAIN", b"no base64!"): [334, 501],
            (b"AUTH PLAIN", b"A" * 20_000): [334, 500],
            (b"AUTH PLAIN " + b64(b"\0alice\0wrong"),): [535],
            (b"AUTH LOGIN", b"*"): [334, 501],
            (b"AUTH LOGIN", b64(b"alice"), b"*"): [334, 334, 501],
            (b"AUTH LOGIN", b64(b"alice"), b64(b"secret")): [334, 334, 235],
            (b"AUTH LOGIN " + b64(b"alice"), b64(b"secret")): [334, 235],
            (b"AUTH LOGIN", b"", b64(b"secret")): [334, 334, 501],
            (b"AUTH LOGIN", b64(b"alice"), b"A" * 20_000): [334, 334, 500],
            (b"AUTH SCRAM-SHA-256", b"*"): [334, 501],
            (b"AUTH SCRAM-SHA-256", b64(b"n,,n=alice,r=abc"), b"*"): [334, 334, 501],
            (b"AUTH SCRAM-SHA-256 " + b64(b"n,,n=alice,r=abc"), b64(b"nonsense")): [334, 501],
            (b"AUTH SCRAM-SHA-256 " + b64(b"p=tls-unique,,n=alice,r=abc"),): [535],
            (b"AUTH SCRAM-SHA-256-PLUS",): [504],
        }.items():
            self.assertEqual(self.codes(*lines, noop), [*codes, 250], lines)

    def test_scram(self) -> None:
        talk, first = self.open(), b"n,,n=alice,r=abc"
        challenge = base64.b64decode(talk.say(b"AUTH SCRAM-SHA-256 " + b64(first) + b"\r\n")[4:])
        final, expected = client_final("secret", first, challenge)
        self.assertEqual(talk.say(b64(final) + b"\r\n"), b"334 " + b64(expected) + b"\r\n")
        self.assertEqual(talk.say(b"\r\n"), b"235 2.7.0 Authentication succeeded\r\n")
        self.assertEqual(talk.say(b"MAIL FROM:<x@alice.test>\r\n")[:3], b"250")

    def test_a_login_writes_as_itself(self) -> None:
        login = b"AUTH PLAIN " + b64(GOOD)
        for sender, code in {
            b"alice@us.test": 250,
            b"Alice@US.test": 250,
            b"any@alice.test": 250,
            b"bob@us.test": 553,
            b"alice@far.test": 553,
        }.items():
            self.assertEqual(self.codes(login, b"MAIL FROM:<" + sender + b">"), [235, code], sender)
        self.assertEqual(self.codes(b"MAIL FROM:<alice@us.test>"), [530])

    def test_guesser_is_held_up_and_hears_the_same_for_ever(self) -> None:
        talk, answers = self.open(), set()
        for _ in range(8):
            before = talk.client.heard
            talk.client.transport.write(b"AUTH PLAIN " + b64(b"\0nobody\0x") + b"\r\n")
            talk.flush()
            waited = 0
            while talk.client.heard == before and waited < 60:
                talk.wait(1)
                waited += 1
            answers.add(talk.client.heard[len(before) :])
        self.assertEqual(answers, {b"535 5.7.8 Authentication credentials invalid\r\n"})
        self.assertGreater(self.clock.seconds(), 3)
