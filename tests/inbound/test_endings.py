"""Every way in which a client may end, at each point: what it said is answered where it can still hear, and a message
stands exactly where its end has come.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import ListenerTls
from fopemta.mail.reply import Reply
from tests.inbound.inbound import ENVELOPE, Inbound, Recipients, Talk

CONTENT = b"Subject: x\r\n\r\nHello\r\n"
CHUNK = b"BDAT %d LAST\r\n%s" % (len(CONTENT), CONTENT)


@attrs.frozen
class Point:
    """What the client has said when it ends, the codes of the answers to it, and whether a message has come of it."""

    said: bytes
    codes: tuple[int, ...]
    stands: bool = False


POINTS = {
    "nothing": Point(b"", ()),
    "half a command": Point(b"EHLO c.test\r\nNOO", (250,)),
    "a CR": Point(b"EHLO c.test\r\nNOOP\r", (250,)),
    "a command": Point(b"EHLO c.test\r\nNOOP\r\n", (250, 250)),
    "QUIT": Point(b"EHLO c.test\r\nQUIT\r\n", (250, 221)),
    "an envelope": Point(ENVELOPE, (250, 250, 250)),
    "DATA": Point(ENVELOPE + b"DATA\r\n", (250, 250, 250, 354)),
    "content": Point(ENVELOPE + b"DATA\r\n" + CONTENT, (250, 250, 250, 354)),
    "content and a dot": Point(ENVELOPE + b"DATA\r\n" + CONTENT + b".", (250, 250, 250, 354)),
    "content, a dot and a CR": Point(ENVELOPE + b"DATA\r\n" + CONTENT + b".\r", (250, 250, 250, 354)),
    "the end of data": Point(ENVELOPE + b"DATA\r\n" + CONTENT + b".\r\n", (250, 250, 250, 354, 250), True),
    "the end of data and half a command": Point(
        ENVELOPE + b"DATA\r\n" + CONTENT + b".\r\nMAIL FROM:<", (250, 250, 250, 354, 250), True
    ),
    "the end of data and QUIT": Point(
        ENVELOPE + b"DATA\r\n" + CONTENT + b".\r\nQUIT\r\n", (250, 250, 250, 354, 250, 221), True
    ),
    "half a chunk": Point(ENVELOPE + CHUNK[:-1], (250, 250, 250)),
    "a chunk": Point(ENVELOPE + b"BDAT 3\r\nabc", (250, 250, 250, 250)),
    "a BDAT line": Point(ENVELOPE + b"BDAT 3 LAST\r\n", (250, 250, 250)),
    "the last chunk": Point(ENVELOPE + CHUNK, (250, 250, 250, 250), True),
    "the last chunk and QUIT": Point(ENVELOPE + CHUNK + b"QUIT\r\n", (250, 250, 250, 250, 221), True),
    "an empty last chunk": Point(ENVELOPE + b"BDAT 3\r\nabcBDAT 0 LAST\r\n", (250, 250, 250, 250, 250), True),
    "a message that is refused": Point(
        ENVELOPE + b"BDAT 3 LAST extra\r\nabcQUIT\r\n", (250, 250, 250, 501, 221)
    ),
}  # fmt: skip


def _fin(talk: Talk) -> None:
    talk.client.transport.loseWriteConnection()


def _good_bye(talk: Talk) -> None:
    """TLS: close_notify; the client's half of the connection stays open."""
    talk.client.transport.loseConnection()


def _good_bye_and_fin(talk: Talk) -> None:
    talk.client.transport.loseConnection()
    talk.inbound.clock.advance(0)
    talk.client.transport.loseWriteConnection()


def _close(talk: Talk) -> None:
    talk.client.transport.loseConnection()


def _reset(talk: Talk) -> None:
    talk.client.transport.abortConnection()


IN_CLEAR = {"FIN": _fin}
UNDER_TLS = {"FIN without close_notify": _fin, "close_notify": _good_bye, "close_notify and FIN": _good_bye_and_fin}


class EndingTests(SynchronousTestCase):
    def opened(self, tls: bool) -> Talk:
        inbound = Inbound(tls=ListenerTls.IMPLICIT if tls else ListenerTls.OPPORTUNISTIC)
        inbound.spool.slow = True
        talk = inbound.open()
        if tls:
            talk.start_tls()
        return talk

    def end(self, point: Point, how: Callable[[Talk], None], tls: bool) -> Talk:
        """Everything is said at once, and what is to be committed has not been when the client ends."""
        talk = self.opened(tls)
        talk.client.transport.write(point.said)
        talk.inbound.clock.advance(0)
        how(talk)
        talk.flush()
        return talk

    def check(self, point: Point, talk: Talk, name: str) -> None:
        self.assertEqual(talk.closed, not point.stands, name)
        talk.inbound.spool.flush()
        talk.flush()
        self.assertEqual(tuple(talk.codes()[1:]), point.codes, name)
        self.nothing_is_left(point, talk, name)

    def nothing_is_left(self, point: Point, talk: Talk, name: str) -> None:
        self.assertTrue(talk.closed, name)
        self.assertEqual(len(talk.inbound.queue.messages), point.stands, name)
        self.assertEqual(len(talk.inbound.kept()), point.stands, name)
        self.assertEqual(talk.inbound.factory.sessions.present, set(), name)
        self.assertEqual(talk.inbound.clock.getDelayedCalls(), [], name)
        self.assertEqual(self.flushLoggedErrors(), [], name)

    def test_what_was_said_is_answered_then_the_connection_ends(self) -> None:
        for tls, ways in ((False, IN_CLEAR), (True, UNDER_TLS)):
            for way, how in ways.items():
                for name, point in POINTS.items():
                    self.check(point, self.end(point, how, tls), f"{name}, {way}")

    def test_the_client_does_not_hear_it_and_yet_only_whole_messages_stand(self) -> None:
        for name, point in POINTS.items():
            talk = self.end(point, _close, tls=False)
            talk.inbound.spool.flush()
            talk.flush()
            self.nothing_is_left(point, talk, name)

    def test_a_reset_comes_in_the_place_of_what_had_not_been_read(self) -> None:
        for tls in (False, True):
            for name, point in POINTS.items():
                talk = self.opened(tls)
                talk.say(point.said)
                _reset(talk)
                talk.flush()
                talk.inbound.spool.flush()
                talk.flush()
                self.nothing_is_left(point, talk, name)

    def test_however_it_is_cut(self) -> None:
        point = POINTS["the end of data and QUIT"]
        for tls, ways in ((False, IN_CLEAR), (True, UNDER_TLS)):
            for way, how in ways.items():
                talk = self.opened(tls)
                talk.pump.server.segment = 1
                talk.client.transport.write(point.said)
                talk.inbound.clock.advance(0)
                how(talk)
                talk.flush()
                self.check(point, talk, way)

    def test_between_starttls_and_the_end_of_the_handshake(self) -> None:
        for said in (b"", b"\x16\x03\x01\x00\xc8"):
            talk = Inbound().open()
            talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
            talk.say(said)
            _fin(talk)
            talk.flush()
            self.assertEqual(tuple(talk.codes()), (220, 250, 220))
            self.nothing_is_left(POINTS["nothing"], talk, repr(said))

    def test_while_others_think_about_what_was_said(self) -> None:
        waiting: Deferred[Reply | None] = Deferred()
        inbound = Inbound(parts={"recipients": Recipients(waiting)})
        talk = inbound.open()
        talk.client.transport.write(POINTS["the end of data and QUIT"].said)
        _fin(talk)
        talk.flush()
        self.assertEqual((talk.closed, talk.codes()), (False, [220, 250, 250]))
        waiting.callback(None)
        talk.flush()
        self.assertEqual(tuple(talk.codes()[1:]), POINTS["the end of data and QUIT"].codes)
        self.nothing_is_left(POINTS["the end of data and QUIT"], talk, "thinking")

    def test_before_the_greeting(self) -> None:
        listener = attrs.evolve(Inbound().factory.context.listener, banner_delay=5.0)
        talk = Inbound(listener=listener).open()
        _fin(talk)
        talk.flush()
        self.assertEqual(talk.codes(), [])
        self.nothing_is_left(POINTS["nothing"], talk, "silent")

    def test_who_ends_and_does_not_read_is_cut_off(self) -> None:
        for tls in (False, True):
            talk = self.opened(tls)
            talk.pump.client.paused = True
            talk.pump.server.registerProducer(Deaf(), True)
            talk.client.transport.write(b"NOOP\r\n")
            talk.inbound.clock.advance(0)
            _fin(talk)
            talk.flush()
            self.assertEqual(len(talk.inbound.factory.sessions.present), 1)
            talk.wait(11)
            self.assertEqual(talk.inbound.factory.sessions.present, set())

    def test_octets_behind_the_good_bye_are_not_heard(self) -> None:
        talk = self.opened(tls=True)
        talk.client.transport.write(POINTS["the end of data"].said)
        talk.inbound.clock.advance(0)
        _good_bye(talk)
        talk.flush()
        for _ in range(3):
            talk.pump.client.write_raw(b"x" * 10_000)
            talk.flush()
        self.check(POINTS["the end of data"], talk, "behind the good-bye")

    def test_a_client_that_hears_us_say_good_bye_may_end_without_its_own(self) -> None:
        talk = self.opened(tls=True)
        talk.pump.client.paused = True
        talk.client.transport.write(b"QUIT\r\n")
        talk.flush()
        self.assertEqual(len(talk.inbound.factory.sessions.present), 1)
        _fin(talk)
        talk.flush()
        self.assertEqual(talk.inbound.factory.sessions.present, set())


class Deaf:
    """A producer that keeps the transport from closing, as if the client took nothing."""

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass
