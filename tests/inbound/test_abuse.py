"""Clients that are too many, too fast, too slow, too early, or behind a proxy."""

from __future__ import annotations

import ipaddress
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import LimitTimeouts, Listener, ListenerKind, ListenerTls
from fopemta.mail.login import LoggedIn
from tests.inbound.inbound import ENVELOPE, Inbound, Logins, Recipients, Talk
from tests.inbound.test_endings import Deaf

OURS = "192.0.2.200"  # in [relay] networks


class LimitTests(SynchronousTestCase):
    def test_connections_of_one_client(self) -> None:
        inbound = Inbound(connections_per_client=2)
        first, _, third = (inbound.open() for _ in range(3))
        self.assertEqual((third.client.heard[:10], third.closed), (b"421 4.7.0 ", True))
        self.assertEqual(inbound.open("192.0.2.11").codes(), [220])
        first.go()
        self.assertEqual(inbound.open().codes(), [220])
        for _ in range(4):
            self.assertEqual(inbound.open(OURS).codes(), [220])

    def test_connections_a_minute(self) -> None:
        inbound = Inbound(connections_per_minute=2)
        codes = []
        for _ in range(3):
            talk = inbound.open()
            codes += talk.codes()
            talk.go()
        self.assertEqual(codes, [220, 220, 421])
        inbound.clock.advance(60)
        self.assertEqual(inbound.open().codes(), [220])

    def test_messages_and_recipients_a_minute(self) -> None:
        inbound = Inbound(messages_per_minute=2, recipients_per_minute=3)
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\n")
        for _ in range(3):
            talk.say(b"MAIL FROM:<>\r\nRCPT TO:<bob@us.test>\r\nRCPT TO:<eve@us.test>\r\nRSET\r\n")
        self.assertEqual(talk.codes()[2:], [250, 250, 250, 250, 250, 250, 452, 250, 450, 503, 503, 250])
        self.assertIsNone(talk.client.lost)
        ours = inbound.open(OURS)
        for _ in range(5):
            ours.say(ENVELOPE + b"RSET\r\n")
        self.assertEqual(set(ours.codes()[1:]), {250})

    def test_handshakes_a_minute(self) -> None:
        inbound = Inbound(handshakes_per_minute=1)
        for code in (220, 454):
            talk = inbound.open()
            talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
            self.assertEqual(talk.codes()[-1], code)
            talk.go()

    def test_handshakes_a_minute_under_implicit_tls(self) -> None:
        """Who begins it too often is cut off without one: a reply would cost what is to be saved."""
        inbound = Inbound(ListenerTls.IMPLICIT, handshakes_per_minute=1)
        first, second = inbound.open(), inbound.open()
        self.assertEqual((first.closed, second.closed, second.client.heard), (False, True, b""))
        first.start_tls()
        self.assertEqual(first.codes(), [220])
        first.go()
        self.assertEqual((inbound.factory.sessions.present, inbound.services.clients._open), (set(), {}))
        self.assertEqual([inbound.open(OURS).closed for _ in range(3)], [False, False, False])

    def test_C012_a_flood_of_silent_clients_keeps_nobody_out(self) -> None:
        inbound = Inbound(timeouts=LimitTimeouts(handshake=50.0))
        silent = [inbound.open() for _ in range(200)]
        self.assertEqual(sum(not each.closed for each in silent), 50)
        other = inbound.open("192.0.2.11")
        for talk in silent[:50]:
            talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
        other.say(ENVELOPE)
        self.assertEqual(other.codes()[-1], 250)
        other.wait(50)
        for talk in silent:
            talk.flush()
        self.assertTrue(all(each.closed for each in silent))
        self.assertEqual(len(inbound.factory.sessions.present), 1)

    def test_commands_without_a_message(self) -> None:
        talk = Inbound(commands=5).open()
        talk.say(b"NOOP\r\n" * 7)
        self.assertEqual((talk.codes(), talk.closed), ([220, 250, 250, 250, 250, 250, 421], True))


class SlowTests(SynchronousTestCase):
    TIMES = LimitTimeouts(command=100.0, data=60.0, handshake=50.0, session=1000.0)

    def drip(self, talk: Talk, octets: bytes, every: float) -> None:
        for octet in octets:
            if talk.closed:
                return
            talk.say(bytes([octet]))
            talk.wait(every)

    def test_an_octet_a_minute_is_no_progress(self) -> None:
        talk = Inbound(timeouts=self.TIMES).open()
        self.drip(talk, b"EHLO a.long.name.of.somebody.test\r\n", 30)
        self.assertEqual((talk.codes(), talk.closed), ([220, 421], True))

    def test_nor_in_a_message(self) -> None:
        for way in (b"DATA\r\n", b"BDAT 5000 LAST\r\n"):
            inbound = Inbound(timeouts=self.TIMES)
            talk = inbound.open()
            talk.say(ENVELOPE + way)
            self.drip(talk, b"Subject: slow and slower\r\n", 30)
            self.assertEqual((talk.codes()[-1], talk.closed, inbound.kept()), (421, True, []))

    def test_a_slow_line_is_not_cut_off(self) -> None:
        inbound = Inbound(timeouts=self.TIMES)
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        for _ in range(10):
            talk.say(b"x" * 1100 + b"\r\n")
            talk.wait(50)
        talk.say(b".\r\n")
        self.assertEqual(talk.codes()[-1], 250)

    def test_C012_handshake_as_a_whole(self) -> None:
        inbound = Inbound(timeouts=self.TIMES)
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
        self.drip(talk, b"\x16\x03\x01\x02\x00\x01", 20)
        self.assertTrue(talk.closed)
        self.assertEqual(inbound.factory.sessions.present, set())

    def test_a_session_has_its_time(self) -> None:
        inbound = Inbound(timeouts=self.TIMES)
        talk, ours = inbound.open(), inbound.open(OURS)
        for _ in range(12):
            talk.say(b"NOOP\r\n")
            ours.say(b"NOOP\r\n")
            talk.wait(90)
        self.assertEqual((talk.codes()[-1], talk.closed, ours.closed), (421, True, False))

    def test_but_a_message_under_way_comes_to_its_end(self) -> None:
        inbound = Inbound(timeouts=self.TIMES)
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        for _ in range(100):
            talk.say(b"x" * 990 + b"\r\n" + b"y" * 990 + b"\r\n")
            talk.wait(1 if inbound.clock.seconds() >= 1000 else 50)
        self.assertGreater(inbound.clock.seconds(), 1060)
        talk.say(b".\r\n")
        self.assertEqual(talk.codes()[-1], 250)
        talk.wait(5)
        self.assertEqual((talk.codes()[-1], talk.closed, len(inbound.kept())), (421, True, 1))

    def test_unless_it_goes_on_slowly(self) -> None:
        inbound = Inbound(timeouts=self.TIMES)
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        while not talk.closed and inbound.clock.seconds() < 5000:
            talk.say(b"x" * 990 + b"\r\n" + b"y" * 990 + b"\r\n")
            talk.wait(50)
        self.assertEqual((talk.codes()[-1], inbound.kept()), (421, []))
        self.assertEqual(inbound.clock.seconds(), 1100)

    def test_our_own_slowness_counts_against_nobody(self) -> None:
        room: Deferred[Any] = Deferred()
        inbound = Inbound(timeouts=self.TIMES, parts={"recipients": Recipients(room)})
        talk = inbound.open()
        talk.wait(950)
        self.assertTrue(talk.closed)  # for want of commands
        talk = inbound.open()
        for _ in range(10):
            talk.say(b"NOOP\r\n")
            talk.wait(95)
        talk.say(ENVELOPE)
        talk.wait(70)
        self.assertFalse(talk.closed)
        room.callback(None)
        talk.wait(5)
        self.assertEqual((talk.codes()[-2:], talk.closed), ([250, 421], True))


class EarlyTests(SynchronousTestCase):
    DELAYED = Listener(endpoint="tcp:25", banner_delay=5.0)

    def test_whoever_speaks_before_the_greeting_is_cut_off(self) -> None:
        inbound = Inbound(listener=self.DELAYED)
        talk = inbound.open()
        self.assertEqual(talk.client.heard, b"")
        talk.say(b"EHLO c.test\r\n")
        self.assertEqual((talk.client.heard[:10], talk.closed), (b"554 5.5.1 ", True))
        self.assertEqual(inbound.clock.getDelayedCalls(), [])

    def test_it_is_told_once_however_much_it_says(self) -> None:
        talk = Inbound(listener=self.DELAYED).open()
        talk.pump.server.registerProducer(Deaf(), True)
        talk.say(b"EHLO c.test\r\n")
        talk.say(b"EHLO c.test\r\n" * 3)
        self.assertEqual((talk.codes(), talk.closed), ([554], False))
        talk.wait(11)
        self.assertTrue(talk.closed)

    def test_whoever_waits_is_greeted(self) -> None:
        talk = Inbound(listener=self.DELAYED).open()
        talk.wait(5)
        talk.say(ENVELOPE)
        self.assertEqual(talk.codes(), [220, 250, 250, 250])
        self.assertEqual(Inbound(listener=self.DELAYED).open(OURS).codes(), [220])

    def test_whoever_was_greeted_and_is_idle_is_sent_away_as_others_are(self) -> None:
        talk = Inbound(listener=self.DELAYED).open()
        talk.wait(5)
        talk.wait(301)
        self.assertEqual((talk.codes(), talk.closed), ([220, 421], True))

    def test_a_server_that_ends_meanwhile_greets_nobody(self) -> None:
        inbound = Inbound(listener=self.DELAYED)
        talk = inbound.open()
        done = inbound.factory.sessions.shut_down(30)
        talk.flush()
        self.assertEqual((talk.client.heard, talk.closed, inbound.clock.getDelayedCalls()), (b"", True, []))
        self.successResultOf(done)

    def test_under_implicit_tls_the_client_speaks_first(self) -> None:
        inbound = Inbound(listener=attrs.evolve(self.DELAYED, tls=ListenerTls.IMPLICIT))
        talk = inbound.open()
        talk.start_tls()
        self.assertEqual(talk.codes(), [220])

    def test_one_that_goes_leaves_nothing(self) -> None:
        inbound = Inbound(listener=self.DELAYED)
        inbound.open().go()
        self.assertEqual((inbound.clock.getDelayedCalls(), inbound.factory.sessions.present), ([], set()))


class WholeSessionTests(SynchronousTestCase):
    def test_it_is_told_that_its_time_is_over(self) -> None:
        talk = Inbound(timeouts=LimitTimeouts(session=100, command=300)).open()
        talk.say(b"EHLO c.test\r\n")
        talk.wait(101)
        self.assertTrue(talk.client.heard.endswith(b"421 4.4.2 The session took too long, closing connection\r\n"))
        self.assertTrue(talk.closed)

    def test_one_that_has_not_begun_is_cut_off(self) -> None:
        inbound = Inbound(tls=ListenerTls.IMPLICIT, timeouts=LimitTimeouts(session=10, handshake=300))
        talk = inbound.open()
        talk.wait(11)
        self.assertEqual((talk.closed, inbound.factory.sessions.present, talk.client.heard), (True, set(), b""))


class XclientTests(SynchronousTestCase):
    LISTENER = Listener(endpoint="tcp:25", xclient=(ipaddress.ip_network("192.0.2.10/32"),))

    def test_a_proxy_speaks_for_another(self) -> None:
        inbound = Inbound(listener=self.LISTENER)
        talk = inbound.open()
        self.assertIn(b"250 XCLIENT NAME ADDR ", talk.say(b"EHLO proxy.test\r\n"))
        talk.say(b"XCLIENT ADDR=192.0.2.200 NAME=x\r\n")
        talk.say(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@far.test>\r\nDATA\r\n")
        talk.say(b".\r\n")
        self.assertEqual(talk.codes()[2:], [220, 250, 250, 250, 354, 250])
        self.assertIn(b"from c.test (unknown [192.0.2.200])", inbound.kept()[0])
        # And for a third, that may not do so much.
        talk.say(b"XCLIENT ADDR=192.0.2.11\r\nEHLO d.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@far.test>\r\n")
        self.assertEqual(talk.codes()[-1], 550)
        talk.go()
        self.assertEqual(inbound.services.clients._open, {})

    def test_who_the_proxy_does_not_know_has_no_rights(self) -> None:
        listener = Listener(endpoint="tcp:25", xclient=(ipaddress.ip_network(f"{OURS}/32"),))
        talk = Inbound(listener=listener).open(OURS)
        talk.say(b"EHLO proxy.test\r\nXCLIENT ADDR=[UNAVAILABLE]\r\nEHLO c.test\r\nMAIL FROM:<>\r\n")
        talk.say(b"RCPT TO:<b@far.test>\r\nRCPT TO:<bob@us.test>\r\n")
        self.assertEqual(talk.codes()[-2:], [550, 250])

    def test_limits_are_for_the_client_and_so_is_the_session_s_time(self) -> None:
        listener = Listener(endpoint="tcp:25", xclient=(ipaddress.ip_network(f"{OURS}/32"),))
        inbound = Inbound(listener=listener, connections_per_client=1, timeouts=SlowTests.TIMES)
        first, second = inbound.open(OURS), inbound.open(OURS)
        for talk, code in ((first, 220), (second, 421)):
            talk.say(b"EHLO proxy.test\r\nXCLIENT ADDR=192.0.2.11\r\n")
            self.assertEqual((talk.codes()[-1], talk.closed), (code, code == 421))
        for _ in range(11):
            first.say(b"NOOP\r\n")
            first.wait(95)
        self.assertTrue(first.closed)
        self.assertEqual(inbound.services.clients._open, {})

    def test_who_is_named_under_implicit_tls_has_begun_no_handshake(self) -> None:
        listener = attrs.evolve(self.LISTENER, tls=ListenerTls.IMPLICIT)
        inbound = Inbound(listener=listener, handshakes_per_minute=1)
        talk = inbound.open()
        talk.start_tls()
        talk.say(b"EHLO proxy.test\r\n" + b"XCLIENT ADDR=192.0.2.11\r\nEHLO proxy.test\r\n" * 3)
        self.assertEqual((talk.codes()[-2:], talk.closed), ([220, 250], False))

    def test_a_login_that_the_proxy_has_proven(self) -> None:
        """It may what a login of ours may, and a name that nobody has may nothing."""
        listener = attrs.evolve(self.LISTENER, kind=ListenerKind.SUBMISSION)
        for name, codes in {"bob": [250, 553], "eve": [530, 530]}.items():
            talk = Inbound(listener=listener, parts={"logins": Logins()}).open()
            talk.say(b"EHLO proxy.test\r\nXCLIENT ADDR=192.0.2.11 LOGIN=%s\r\nEHLO c.test\r\n" % name.encode())
            talk.say(b"MAIL FROM:<bob@us.test>\r\nRSET\r\nMAIL FROM:<carol@us.test>\r\n")
            self.assertEqual([talk.codes()[-3], talk.codes()[-1]], codes, name)

    def test_a_login_of_which_nobody_can_say_is_none(self) -> None:
        """Neither a fault of ours nor one that thinks too long makes another of the client."""

        class Broken(Logins):
            def known(self, name: str) -> Deferred[LoggedIn | None]:
                return fail(ZeroDivisionError())

        class Slow(Logins):
            def known(self, name: str) -> Deferred[LoggedIn | None]:
                return Deferred()

        listener = attrs.evolve(self.LISTENER, kind=ListenerKind.SUBMISSION)
        for logins, faults in ((Broken(), 1), (Slow(), 0)):
            inbound = Inbound(listener=listener, parts={"logins": logins})
            talk = inbound.open()
            talk.say(b"EHLO proxy.test\r\nXCLIENT ADDR=192.0.2.200 LOGIN=bob\r\n")
            talk.wait(121)
            self.assertEqual(talk.codes()[-1], 451)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), faults)
            # 192.0.2.200 may send without a login, and anywhere.
            talk.say(b"MAIL FROM:<bob@us.test>\r\n")
            self.assertEqual(talk.codes()[-1], 530)
            self.assertEqual(list(inbound.services.clients._open), ["192.0.2.10/32"])

    def test_nonsense_and_strangers(self) -> None:
        talk = Inbound(listener=self.LISTENER).open()
        talk.say(b"EHLO proxy.test\r\nXCLIENT ADDR=nonsense\r\nNOOP\r\n")
        self.assertEqual(talk.codes()[2:], [501, 250])
        stranger = Inbound(listener=self.LISTENER).open("192.0.2.11")
        self.assertNotIn(b"XCLIENT", stranger.say(b"EHLO c.test\r\n"))
        stranger.say(b"XCLIENT ADDR=192.0.2.200\r\n")
        self.assertEqual(stranger.codes()[-1], 500)
