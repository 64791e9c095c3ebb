"""STARTTLS: what comes in the clear is never run under TLS (C001, C002, C004, C005, C176)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import ListenerTls
from tests.inbound.inbound import Inbound, Talk

INJECTED = (
    b"EHLO inject.test\r\nMAIL FROM:<mitm@evil.test>\r\n",
    b"MAIL FROM:<mitm@evil.test>\r\nRCPT TO:<bob@us.test>\r\nDATA\r\nx\r\n.\r\n",
    b"RCPT TO:<bo",
)


def injected(tail: bytes, tls: ListenerTls = ListenerTls.OPPORTUNISTIC) -> tuple[Inbound, Talk]:
    """STARTTLS with more behind it in the same segment, then a clean handshake."""
    inbound = Inbound(tls)
    talk = inbound.open()
    talk.say(b"EHLO c.test\r\n")
    talk.say(b"STARTTLS\r\n" + tail)
    talk.start_tls()
    return inbound, talk


class InjectionTests(SynchronousTestCase):
    def test_C001_C176_nothing_behind_starttls_is_run(self) -> None:
        for tail in INJECTED:
            _, talk = injected(tail)
            self.assertTrue(talk.client.heard.endswith(b"220 Ready to start TLS\r\n"), tail)
            self.assertTrue(talk.say(b"RCPT TO:<bob@us.test>\r\n").startswith(b"503 "), tail)

    def test_C001_in_a_second_segment_the_handshake_fails(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\n")
        talk.say(b"STARTTLS\r\n")
        talk.say(b"EHLO inject.test\r\nMAIL FROM:<mitm@evil.test>\r\n")
        self.assertTrue(talk.closed)
        self.assertEqual(inbound.kept(), [])

    def test_C002_pipelining_does_not_get_around_required_tls(self) -> None:
        tail = b"MAIL FROM:<a@evil.test>\r\nRCPT TO:<bob@us.test>\r\n"
        inbound, talk = injected(tail, ListenerTls.REQUIRED)
        self.assertTrue(talk.say(b"DATA\r\n").startswith(b"503 "))
        self.assertEqual(inbound.kept(), [])

    def test_C005_the_greeting_of_before_does_not_count(self) -> None:
        _, talk = injected(b"")
        self.assertTrue(talk.say(b"MAIL FROM:<a@c.test>\r\n").startswith(b"503 "))

    def test_C004_facts_of_before_are_forgotten(self) -> None:
        inbound = Inbound(ListenerTls.REQUIRED)
        talk = inbound.open()
        talk.say(b"EHLO old.test\r\n")
        self.assertTrue(talk.say(b"MAIL FROM:<a@c.test>\r\n").startswith(b"530 "))
        talk.say(b"STARTTLS\r\n")
        talk.start_tls()
        talk.say(b"EHLO new.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<bob@us.test>\r\nDATA\r\n")
        talk.say(b"\r\n.\r\n")
        (content,) = inbound.kept()
        self.assertIn(b"with ESMTPS id", content)
        self.assertIn(b"from new.test ", content)
        self.assertNotIn(b"old.test", content)
