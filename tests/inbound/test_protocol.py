"""The inbound protocol over a transport in memory, with real TLS."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv6Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fopemta import maillog
from fopemta.config.model import ListenerTls
from fopemta.inbound.protocol import _words
from tests.inbound.inbound import ENVELOPE, AnyClient, Inbound, Recipients
from tests.users.accounts import caught

MESSAGE = b"Subject: x\r\n\r\nHello\r\n..dot\r\n.\r\n"


class BrokenTls:
    """Server TLS whose facts cannot be read."""

    def __init__(self, real: Any) -> None:
        self.channel = real.channel

    def session(self, connection: object) -> None:
        raise ZeroDivisionError


class EndTests(SynchronousTestCase):
    def test_a_session_that_is_over_does_not_wait_for_the_collector_of_garbage(self) -> None:
        protocol = Inbound().factory.buildProtocol(None)
        gone = weakref.ref(protocol)
        self.addCleanup(gc.enable)
        gc.disable()
        protocol.makeConnection(StringTransport())
        for said in (ENVELOPE, b"DATA\r\n", MESSAGE, b"QUIT\r\n"):
            protocol.dataReceived(said)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertIsNotNone(gone())
        del protocol
        self.assertIsNone(gone())


class MessageTests(SynchronousTestCase):
    def test_plain(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        self.assertEqual(talk.say(MESSAGE), b"250 2.0.0 Ok: queued as BCDFGHJKB\r\n")
        (content,) = inbound.kept()
        self.assertTrue(
            content.startswith(
                b"Received: from c.test (unknown [192.0.2.10])\r\n\tby mx.us.test (fopemta) with ESMTP id"
            )
        )
        self.assertTrue(content.endswith(b"\r\nSubject: x\r\n\r\nHello\r\n.dot\r\n"))
        self.assertEqual([each.id for each in inbound.queue.messages], ["BCDFGHJKB"])
        arrival = inbound.queue.messages[0].envelope.arrival
        assert arrival is not None
        self.assertEqual((arrival.client_address, arrival.helo, arrival.listener), ("192.0.2.10", "c.test", "tcp:25"))

    def test_our_header_does_not_swallow_the_first_line_of_a_message_without_any(self) -> None:
        for said, kept in (
            (b"DATA\r\nhello\r\nworld\r\n.\r\n", b"\r\n\r\nhello\r\nworld\r\n"),
            (b"BDAT 3\r\nhelBDAT 4 LAST\r\nlo\r\n", b"\r\n\r\nhello\r\n"),
            (b"BDAT 3 LAST\r\nhel", b"\r\n\r\nhel"),
        ):
            inbound = Inbound()
            talk = inbound.open()
            talk.say(ENVELOPE + said)
            self.assertTrue(inbound.kept()[0].endswith(kept), inbound.kept())

    def test_the_line_of_a_mailbox_is_left_out_for_those_who_are_known(self) -> None:
        for client, left in (("192.0.2.200", b""), ("192.0.2.10", b"From a@c.test now\r\n")):
            inbound = Inbound()
            talk = inbound.open(client)
            talk.say(ENVELOPE + b"BDAT 31 LAST\r\nFrom a@c.test now\r\nSubject: x\r\n")
            (content,) = inbound.kept()
            self.assertTrue(content.endswith(b" +0000\r\n" + left + b"Subject: x\r\n"), content)

    def test_a_program_on_our_side_writes_as_it_is_used_to(self) -> None:
        for client, codes in (("192.0.2.200", [250, 250, 250, 354, 250]), ("192.0.2.10", [250, 501, 501, 503, 500])):
            inbound = Inbound()
            talk = inbound.open(client)
            talk.say(b"EHLO (my)pc\r\nMAIL FROM:root\r\nRCPT TO:bob@us.test\r\nDATA\r\n.\r\n")
            self.assertEqual(talk.codes()[1:], codes, client)
            for content in inbound.kept():
                self.assertTrue(content.startswith(b"Received: from ?my?pc (unknown [192.0.2.200])\r\n"), content)
            senders = [str(each.envelope.sender) for each in inbound.queue.messages]
            self.assertEqual(senders, ["root@us.test"] * codes.count(354))

    def test_over_starttls(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\n")
        self.assertEqual(talk.say(b"STARTTLS\r\n"), b"220 Ready to start TLS\r\n")
        talk.start_tls()
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(MESSAGE)
        self.assertIn(b"\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n", inbound.kept()[0])
        self.assertIn(b"with ESMTPS id", inbound.kept()[0])

    def test_while_the_server_starts_clients_are_told_to_come_again(self) -> None:
        inbound = Inbound()
        inbound.factory.sessions.starting = True
        talk = inbound.open()
        self.assertEqual(talk.client.heard, b"421 4.3.2 The server is starting, please try again later\r\n")
        self.assertTrue(talk.closed)
        inbound.factory.sessions.starting = False
        self.assertEqual(inbound.open().codes(), [220])

    def test_while_the_server_starts_nothing_is_said_under_implicit_tls(self) -> None:
        inbound = Inbound(ListenerTls.IMPLICIT)
        inbound.factory.sessions.starting = True
        talk = inbound.open()
        self.assertEqual((talk.client.heard, talk.closed), (b"", True))

    def test_implicit_tls(self) -> None:
        inbound = Inbound(ListenerTls.IMPLICIT)
        talk = inbound.open()
        self.assertEqual(talk.client.heard, b"")
        talk.start_tls()
        self.assertEqual(talk.codes(), [220])
        self.assertNotIn(b"STARTTLS", talk.say(b"EHLO c.test\r\n"))
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(MESSAGE)
        self.assertIn(b"with ESMTPS id", inbound.kept()[0])

    def test_relay_networks(self) -> None:
        for address, code in (("192.0.2.10", 550), ("192.0.2.200", 250)):
            talk = Inbound().open(address)
            talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@far.test>\r\n")
            self.assertEqual(talk.codes()[-1], code)


class LoggedTests(SynchronousTestCase):
    def test_a_refusal(self) -> None:
        talk = Inbound().open()
        events = caught(lambda: talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<x@far.test>\r\n"))
        [event] = [each for each in events if each["event"] == "refused"]
        said = [event[each] for each in ("client", "stage", "code", "enhanced", "subject")]
        self.assertEqual(said, ["192.0.2.10", "RCPT", 550, "5.7.1", "x@far.test"])
        self.assertIn("Relaying denied", event["text"])

    def test_why_a_connection_ended(self) -> None:
        """In words: those of OpenSSL where there are some."""
        for tls, said, event, words in (
            (ListenerTls.OPPORTUNISTIC, b"NOOP\r\n", "disconnected", "Connection to the other side was lost"),
            (ListenerTls.IMPLICIT, b"EHLO c.test\r\n" * 9, "tls_failed", "wrong version number"),
        ):
            wanted, maillog.detail.wanted = maillog.detail.wanted, True
            try:
                talk = Inbound(tls=tls).open()
                events = caught(lambda talk=talk, said=said: (talk.say(said), talk.go()))  # type: ignore[misc]
            finally:
                maillog.detail.wanted = wanted
            [found] = [each["why"] for each in events if each["event"] == event]
            self.assertIn(words, found)
            self.assertNotIn("(", found.replace("(a non-clean fashion", ""))
        self.assertEqual(_words(None), "closed")

    def said_of(self, call: Callable[[], object], event: str) -> list[str]:
        return [each["why"] for each in caught(call) if each["event"] == event]

    def test_a_handshake_that_does_not_come_to_its_end(self) -> None:
        for tls, said, told in (
            (ListenerTls.OPPORTUNISTIC, b"EHLO c.test\r\nSTARTTLS\r\n", 1),
            (ListenerTls.OPPORTUNISTIC, b"EHLO c.test\r\n", 0),
            (ListenerTls.IMPLICIT, b"", 1),
        ):
            talk = Inbound(tls=tls).open()
            talk.say(said)
            self.assertEqual(len(self.said_of(talk.go, "tls_failed")), told, said)
        talk = Inbound(ListenerTls.IMPLICIT).open()
        talk.start_tls()
        self.assertEqual(self.said_of(talk.go, "tls_failed"), [])

    def test_why_we_have_ended_a_session_and_nothing_where_the_client_has(self) -> None:
        for end, words in (
            (lambda talk: talk.say(b"QUIT\r\n"), []),
            (lambda talk: (talk.client.transport.loseWriteConnection(), talk.flush()), []),
            (lambda talk: talk.wait(301), ["timeout"]),
            (lambda talk: talk.inbound.factory.sessions.shut_down(5.0), ["shutting down"]),
        ):
            talk = Inbound().open()
            self.assertEqual(self.said_of(lambda talk=talk, end=end: end(talk), "cut_off"), words)  # type: ignore[misc]
            talk.flush()
            self.assertTrue(talk.closed)

    def test_openssl_s_words_where_there_are_none(self) -> None:
        self.assertEqual(_words(Failure(SSL.Error([]))), "TLS error")


class ManyAtOnceTests(SynchronousTestCase):
    def test_thousands_of_commands_that_are_answered_at_once(self) -> None:
        """One after the other, and none within another."""
        inbound = Inbound(parts={"recipients": Recipients(None)}, recipients=5000, recipients_per_minute=0, commands=0)
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\n")
        heard = talk.say(b"".join(b"RCPT TO:<bob%d@us.test>\r\n" % each for each in range(3000)))
        self.assertEqual(heard.count(b"250 2.1.5 Ok\r\n"), 3000)
        self.assertEqual(self.flushLoggedErrors(), [])


class SpoolTests(SynchronousTestCase):
    def test_C099_no_250_before_the_message_is_durable(self) -> None:
        inbound = Inbound()
        inbound.spool.slow = True
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        self.assertEqual(talk.say(MESSAGE), b"")
        self.assertEqual(talk.say(b"NOOP\r\n"), b"")
        self.assertTrue(talk.pump.server.paused)
        inbound.spool.flush()
        talk.flush()
        self.assertEqual(talk.codes()[-2:], [250, 250])
        self.assertFalse(talk.pump.server.paused)

    def test_refusals_of_the_spool(self) -> None:
        for attribute, reply in (("full", b"452 4.3.1"), ("failing", b"451 4.3.0")):
            for at_open in (True, False):
                inbound = Inbound()
                talk = inbound.open()
                if at_open:
                    setattr(inbound.spool, attribute, True)
                heard = talk.say(ENVELOPE + b"DATA\r\n")
                if not at_open:
                    setattr(inbound.spool, attribute, True)
                    heard = talk.say(MESSAGE)
                self.assertEqual(heard.split(b"\r\n")[-2][:9], reply, (attribute, at_open))
                self.assertEqual((inbound.kept(), inbound.queue.messages), ([], []))
                setattr(inbound.spool, attribute, False)
                talk.say(ENVELOPE + b"DATA\r\n")
                talk.say(MESSAGE)
                self.assertEqual(len(inbound.kept()), 1)

    def test_a_fault_of_ours_is_answered_without_a_word_of_it(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        session: Any = next(iter(inbound.factory.sessions.present))
        session._reception._incoming.commit = lambda _: fail(ZeroDivisionError("secret path /etc/x"))
        heard = talk.say(MESSAGE)
        self.assertEqual(heard, b"451 4.3.0 Temporary trouble here, please try again later\r\n")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_fault_anywhere_else_ends_the_session_without_a_word_of_it(self) -> None:
        places = {"ids": lambda: 1 // 0, "aliases": object(), "now": lambda: 1 // 0, "spool": None}
        for place, broken in places.items():
            inbound = Inbound()
            talk = inbound.open()
            inbound.exchange(**{place: broken})
            talk.say(ENVELOPE + b"DATA\r\n")
            self.assertTrue(
                talk.client.heard.endswith(b"\r\n421 4.3.0 Temporary trouble here, please try again later\r\n")
            )
            self.assertTrue(talk.closed, place)
            self.assertEqual(inbound.factory.sessions.present, set())
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError, AttributeError)), 1, place)
            self.assertEqual(inbound.clock.getDelayedCalls(), [])

    def test_a_fault_while_content_comes_leaves_nothing(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        session: Any = next(iter(inbound.factory.sessions.present))
        aborted: list[str] = []
        session._reception._incoming.write = lambda _: 1 // 0
        session._reception._incoming.abort = lambda: aborted.append("once")
        talk.say(MESSAGE)
        self.assertEqual((talk.codes()[-1], talk.closed, aborted), (421, True, ["once"]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_fault_of_the_queue_does_not_take_back_what_is_durable(self) -> None:
        inbound = Inbound()
        inbound.exchange(queue=object())
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        self.assertTrue(talk.say(MESSAGE).startswith(b"250 "))
        self.assertEqual(len(inbound.kept()), 1)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_a_fault_in_the_handshake_is_no_handshake(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
        server_tls: Any = inbound.factory.context.services.server_tls
        inbound.exchange(server_tls=BrokenTls(server_tls))
        talk.client.transport.startTLS(AnyClient())
        talk.flush()
        self.assertTrue(talk.closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_reading_pauses_while_the_spool_has_no_room(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        inbound.spool.busy = Deferred()
        talk.say(b"Subject: x\r\n")
        self.assertFalse(talk.pump.server.paused)
        talk.say(b"X-More: y\r\n")
        self.assertTrue(talk.pump.server.paused)
        busy, inbound.spool.busy = inbound.spool.busy, None
        busy.callback(None)
        self.assertFalse(talk.pump.server.paused)
        talk.say(b".\r\n")
        self.assertEqual(talk.codes()[-1], 250)

    def test_reading_stays_paused_until_room_and_commit_have_both_come(self) -> None:
        for room_first in (True, False):
            inbound = Inbound()
            talk = inbound.open()
            talk.say(ENVELOPE + b"DATA\r\n")
            room = inbound.spool.busy = Deferred()
            inbound.spool.slow = True
            talk.say(MESSAGE)
            talk.say(b"NOOP\r\n")
            ends = [lambda room=room: room.callback(None), inbound.spool.flush]
            first, then = ends if room_first else reversed(ends)
            first()
            self.assertTrue(talk.pump.server.paused)
            then()
            talk.flush()
            self.assertFalse(talk.pump.server.paused)
            self.assertEqual(talk.codes()[-2:], [250, 250])

    def test_the_client_is_not_blamed_for_our_slow_disk(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        room = inbound.spool.busy = Deferred()
        talk.say(b"Subject: x\r\n")
        inbound.spool.busy = None
        talk.wait(10_000)
        room.callback(None)
        talk.wait(179)
        self.assertFalse(talk.closed)
        talk.wait(2)
        self.assertTrue(talk.closed)

    def test_too_large(self) -> None:
        inbound = Inbound(message_size=1000)
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say((b"x" * 98 + b"\r\n") * 20)
        self.assertTrue(talk.say(b".\r\n").startswith(b"552 5.3.4"))
        self.assertEqual(inbound.kept(), [])

    def test_C097_the_reply_does_not_wait_for_the_delivery(self) -> None:
        inbound = Inbound()  # its queue delivers nothing, ever
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        self.assertTrue(talk.say(MESSAGE).startswith(b"250 "))


class GoneTests(SynchronousTestCase):
    def test_before_the_final_dot_nothing_stays(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(MESSAGE[:-3])
        talk.go()
        self.assertEqual((inbound.kept(), inbound.queue.messages), ([], []))
        self.assertEqual(inbound.factory.sessions.present, set())

    def test_after_it_the_message_stands(self) -> None:
        inbound = Inbound()
        inbound.spool.slow = True
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(MESSAGE)
        talk.go()
        inbound.spool.flush()
        self.assertEqual(len(inbound.queue.messages), 1)

    def test_C018_closing_tls_without_a_goodbye_is_no_error(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
        talk.start_tls()
        talk.go()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(inbound.clock.getDelayedCalls(), [])


class Stuck:
    """A producer that never comes to its end, as if the client read nothing."""

    def stopProducing(self) -> None:
        pass


class TimeTests(SynchronousTestCase):
    def test_without_a_command(self) -> None:
        talk = Inbound().open()
        talk.say(b"EHLO c.test\r\n")
        talk.wait(299)
        self.assertFalse(talk.closed)
        talk.wait(2)
        self.assertTrue(talk.client.heard.endswith(b"421 4.4.2 Timeout, closing connection\r\n"))
        self.assertTrue(talk.closed)

    def test_within_a_message(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(b"half")
        talk.wait(181)
        self.assertTrue(talk.closed)
        self.assertEqual(talk.codes()[-1], 421)
        self.assertEqual(inbound.kept(), [])

    def test_C012_within_a_handshake(self) -> None:
        for tls in (ListenerTls.OPPORTUNISTIC, ListenerTls.IMPLICIT):
            inbound = Inbound(tls)
            talk = inbound.open()
            if tls is ListenerTls.OPPORTUNISTIC:
                talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
            talk.wait(61)
            self.assertTrue(talk.closed, tls)
            self.assertEqual(inbound.clock.getDelayedCalls(), [])

    def test_no_deadline_while_the_disk_works(self) -> None:
        inbound = Inbound()
        inbound.spool.slow = True
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(MESSAGE)
        talk.wait(10_000)
        inbound.spool.flush()
        talk.flush()
        self.assertEqual(talk.codes()[-1], 250)

    def test_C180_a_close_that_the_client_holds_up_is_cut(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.pump.server.producer = Stuck()
        talk.pump.server.streaming = True
        talk.say(b"QUIT\r\n")
        talk.wait(9.5)
        self.assertFalse(talk.closed)
        talk.wait(0.5)
        self.assertTrue(talk.closed)

    def test_failed_handshake_closes(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
        talk.say(b"I am no TLS client\r\n" * 20)
        self.assertTrue(talk.closed)
        self.assertEqual(inbound.factory.sessions.present, set())


class FactoryTests(SynchronousTestCase):
    def test_too_many_clients(self) -> None:
        inbound = Inbound(connections=2)
        first = inbound.open()
        inbound.open()
        third = inbound.open()
        self.assertTrue(third.client.heard.startswith(b"421 4.3.2 Too many connections"))
        self.assertTrue(third.closed)
        first.go()
        self.assertEqual(inbound.open().codes(), [220])

    def test_fewer_where_the_system_allows_fewer(self) -> None:
        for most, told in ((1, True), (3, False)):
            inbound = Inbound(connections=2)
            inbound.factory.sessions.most = most
            inbound.open()
            self.assertEqual(b"421 4.3.2 Too many connections" in inbound.open().client.heard, told)

    def test_shut_down_sends_idle_ones_away_and_lets_a_message_finish(self) -> None:
        inbound = Inbound()
        idle, busy = inbound.open(), inbound.open()
        busy.say(ENVELOPE + b"DATA\r\n")
        done = inbound.factory.sessions.shut_down(30)
        idle.flush()
        self.assertEqual((idle.codes(), idle.closed), ([220, 421], True))
        self.assertNoResult(done)
        busy.say(MESSAGE)
        self.assertEqual(busy.codes()[-2:], [250, 421])
        self.successResultOf(done)
        self.assertEqual(len(inbound.kept()), 1)
        self.assertEqual(inbound.open().codes(), [421])

    def test_too_many_clients_of_implicit_tls_cost_no_handshake(self) -> None:
        inbound = Inbound(ListenerTls.IMPLICIT, connections=0)
        talk = inbound.open()
        self.assertEqual((talk.closed, talk.client.heard), (True, b""))
        self.assertEqual(inbound.clock.getDelayedCalls(), [])

    def test_shut_down_ends_a_session_whose_message_is_refused(self) -> None:
        inbound = Inbound(message_size=10)
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        done = inbound.factory.sessions.shut_down(30)
        talk.say(b"more than ten octets\r\n.\r\n")
        self.assertEqual(talk.codes()[-2:], [552, 421])
        self.successResultOf(done)

    def test_without_certificate_starttls_is_not_offered_and_what_demands_tls_takes_no_mail(self) -> None:
        for tls, code in ((ListenerTls.OPPORTUNISTIC, 250), (ListenerTls.REQUIRED, 530)):
            inbound = Inbound(tls)
            inbound.exchange(server_tls=None)
            inbound.factory.reconfigure(inbound.config)
            talk = inbound.open()
            self.assertNotIn(b"STARTTLS", talk.say(b"EHLO c.test\r\n"))
            self.assertEqual(talk.say(b"MAIL FROM:<>\r\n")[:3], str(code).encode())
        inbound = Inbound(ListenerTls.IMPLICIT)
        inbound.exchange(server_tls=None)
        talk = inbound.open()
        self.assertEqual((talk.codes(), talk.closed, inbound.factory.sessions.present), ([], True, set()))

    def test_ipv4_client_of_a_dual_stack_socket(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        server: Any = next(iter(inbound.factory.sessions.present))
        talk.pump.server.peer = IPv6Address("TCP", "::ffff:192.0.2.200", 1)
        server.connectionMade()
        talk.say(ENVELOPE + b"RCPT TO:<b@far.test>\r\nDATA\r\n")
        talk.say(MESSAGE)
        self.assertIn(b"(unknown [192.0.2.200])", inbound.kept()[0])

    def test_shut_down_has_a_deadline(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        done = inbound.factory.sessions.shut_down(30)
        talk.wait(31)
        self.successResultOf(done)
        self.assertTrue(talk.closed)

    def test_shut_down_without_clients(self) -> None:
        self.successResultOf(Inbound().factory.sessions.shut_down(30))


class ClientTests(SynchronousTestCase):
    def test_the_client_of_these_tests_is_real(self) -> None:
        self.assertIsNotNone(AnyClient().clientConnectionForTLS(None))
