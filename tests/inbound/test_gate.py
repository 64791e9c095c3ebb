"""What a client may do: recipients looked up, block lists, logins, ETRN; at once or after some thought."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import LimitTimeouts, Listener, ListenerKind, ListenerTls
from fopemta.mail.envelope import BodyType
from fopemta.mail.login import Challenge, LoggedIn
from fopemta.mail.reply import Reply
from fopemta.policy.admission import Admission, Relay
from fopemta.policy.aliases import MOST_BY_ALIASES, NO_ALIASES, Aliases
from fopemta.routing.route import Route
from fopemta.smtp.transaction import BareLineEnds
from fopemta.trust.evidence import ClientCertificate
from tests.inbound.inbound import ENVELOPE, Blocklists, Inbound, Logins, Recipients, Talk
from tests.users.accounts import caught

NOBODY = Reply.of(550, "5.1.1", "No such mailbox")
LISTED = Reply.of(554, "5.7.1", "Listed")
BOB = LoggedIn("bob", frozenset({"bob@us.test", "@bobs.test"}))
SUBMISSION = Listener(endpoint="tcp:587", kind=ListenerKind.SUBMISSION, tls=ListenerTls.OPPORTUNISTIC)
LOGIN = b"AUTH PLAIN " + base64.b64encode(b"\0bob\0secret") + b"\r\n"


def refuse_nobody(recipient: Mailbox) -> Reply | None:
    return NOBODY if recipient.local_part == "nobody" else None


def secured(inbound: Inbound, address: str = "192.0.2.10") -> Talk:
    talk = inbound.open(address)
    talk.say(b"EHLO c.test\r\nSTARTTLS\r\n")
    talk.start_tls()
    talk.say(b"EHLO c.test\r\n")
    return talk


class RecipientTests(SynchronousTestCase):
    def test_each_is_verified_and_reply_k_belongs_to_command_k(self) -> None:
        inbound = Inbound(parts={"recipients": Recipients(refuse_nobody)})
        talk = inbound.open()
        talk.say(ENVELOPE + b"RCPT TO:<nobody@us.test>\r\nRCPT TO:<x@far.test>\r\nRCPT TO:<eve@us.test>\r\nNOOP\r\n")
        self.assertEqual(talk.codes()[-5:], [250, 550, 550, 250, 250])
        self.assertIn(b"\r\n550 5.1.1 No such mailbox\r\n550 5.7.1 Relaying denied", talk.client.heard)

    def test_whoever_is_refused_is_told_of_in_the_log(self) -> None:
        for lists in (None, Blocklists(None)):
            talk = Inbound(parts={"recipients": Recipients(refuse_nobody), "blocklists": lists}).open()
            talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\n")
            events = caught(lambda talk=talk: talk.say(b"RCPT TO:<nobody@us.test>\r\n"))  # type: ignore[misc]
            [event] = [each for each in events if each["event"] == "refused"]
            self.assertEqual((event["stage"], event["subject"], event["code"]), ("RCPT", "nobody@us.test", 550))

    def test_a_slow_answer_holds_up_this_client_alone(self) -> None:
        recipients = Recipients()
        answer: Deferred[Any] = Deferred()
        recipients.answer = answer
        inbound = Inbound(parts={"recipients": recipients})
        talk = inbound.open()
        talk.say(ENVELOPE)
        self.assertEqual((talk.codes()[-1], talk.pump.server.paused), (250, False))
        talk.say(b"NOOP\r\n")
        self.assertEqual((talk.codes()[-1], talk.pump.server.paused), (250, True))
        recipients.answer = None
        other = inbound.open()
        other.say(ENVELOPE)
        self.assertEqual(other.codes()[-1], 250)
        before = len(talk.codes())
        answer.callback(NOBODY)
        talk.flush()
        self.assertEqual((talk.codes()[before:], talk.pump.server.paused), ([550, 250], False))

    def test_every_slow_answer_stops_reading_not_the_first_alone(self) -> None:
        recipients = Recipients()
        talk = Inbound(parts={"recipients": recipients}).open()
        talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\n")
        for name in (b"bob", b"eve", b"joe"):
            answer = recipients.answer = Deferred()
            talk.say(b"RCPT TO:<%s@us.test>\r\n" % name)
            talk.say(b"NOOP\r\n")
            self.assertTrue(talk.pump.server.paused, name)
            answer.callback(None)
            talk.flush()
            self.assertEqual((talk.codes()[-2:], talk.pump.server.paused), ([250, 250], False), name)

    def test_no_answer_in_time_is_temporary(self) -> None:
        inbound = Inbound(parts={"recipients": Recipients(Deferred())})
        talk = inbound.open()
        talk.say(ENVELOPE)
        talk.wait(121)
        self.assertEqual((talk.codes()[-1], talk.closed), (451, False))

    def test_a_fault_refuses_without_a_word_of_it(self) -> None:
        inbound = Inbound(parts={"recipients": Recipients(lambda _: fail(ZeroDivisionError("/etc/secret")))})
        talk = inbound.open()
        talk.say(ENVELOPE)
        self.assertTrue(talk.client.heard.endswith(b"\r\n451 4.3.0 Temporary trouble here, please try again later\r\n"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_client_that_goes_or_a_server_that_ends_meanwhile(self) -> None:
        for leave in (Talk.go, lambda talk: talk.inbound.factory.sessions.shut_down(5.0)):
            answer: Deferred[Any] = Deferred()
            inbound = Inbound(parts={"recipients": Recipients(answer)})
            talk = inbound.open()
            talk.say(ENVELOPE)
            leave(talk)
            talk.flush()
            answer.callback(None)
            talk.flush()
            self.assertEqual(inbound.factory.sessions.present, set())
            self.assertEqual([each for each in inbound.clock.getDelayedCalls() if each.active()], [])

    def test_postmaster_is_not_looked_up(self) -> None:
        recipients = Recipients(NOBODY)
        talk = Inbound(parts={"recipients": recipients}).open()
        talk.say(b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nRCPT TO:<PostMaster@us.test>\r\n")
        self.assertEqual((talk.codes()[-2:], recipients.asked), ([250, 250], []))


class Weighing:
    """Aliases of a certain weight; whom they stand for does not matter."""

    def __init__(self, **weights: int) -> None:
        self._weights = weights

    def weight(self, recipient: Mailbox) -> int:
        return self._weights.get(recipient.local_part, 0)

    def current(self) -> Aliases:
        return NO_ALIASES


class AliasTests(SynchronousTestCase):
    def codes(self, *names: str, **weights: int) -> list[int]:
        talk = Inbound(parts={"aliases": Weighing(**weights)}).open()
        talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\n")
        for name in names:
            talk.say(b"RCPT TO:<%s@us.test>\r\n" % name.encode())
        return talk.codes()[3:]

    def test_those_of_one_message_come_to_no_more_than_can_be_worked_out_at_once(self) -> None:
        most = MOST_BY_ALIASES
        self.assertEqual(self.codes("a", "b", a=most - 5, b=5), [250, 250])
        self.assertEqual(self.codes("a", "b", "c", "bob", a=most - 5, b=6, c=5), [250, 452, 250, 250])
        # One alone, however large, can always be sent to.
        self.assertEqual(self.codes("a", "b", "bob", a=most + 5, b=1), [250, 452, 250])

    def test_each_message_begins_anew(self) -> None:
        talk = Inbound(parts={"aliases": Weighing(a=MOST_BY_ALIASES)}).open()
        for said in (b"EHLO c.test\r\n", b"RSET\r\n", b"EHLO c.test\r\n"):
            talk.say(said + b"MAIL FROM:<a@c.test>\r\nRCPT TO:<a@us.test>\r\n")
            self.assertEqual(talk.codes()[-1], 250)


class DirectionTests(SynchronousTestCase):
    def test_whose_mail_is_of_our_own_side(self) -> None:
        """A stranger's mail for those who are at home here comes in; what relay networks and logins send goes out."""
        for address, login, outside in (
            ("192.0.2.10", b"", True),
            ("192.0.2.200", b"", False),
            ("192.0.2.10", LOGIN, False),
        ):
            inbound = Inbound(listener=SUBMISSION if login else None, parts={"logins": Logins(BOB)})
            talk = secured(inbound, address)
            talk.say(login + b"MAIL FROM:<bob@us.test>\r\nRCPT TO:<bob@us.test>\r\nDATA\r\n")
            talk.say(b"Subject: x\r\n\r\n.\r\n")
            self.assertIs(inbound.queue.messages[0].envelope.from_outside, outside, (address, login))


class BlocklistTests(SynchronousTestCase):
    def test_listed_clients_reach_postmaster_alone(self) -> None:
        lists = Blocklists(LISTED)
        inbound = Inbound(parts={"blocklists": lists})
        talk = inbound.open()
        talk.say(ENVELOPE + b"RCPT TO:<eve@us.test>\r\nRCPT TO:<postmaster@us.test>\r\n")
        self.assertEqual((talk.codes()[-3:], lists.asked), ([554, 554, 250], ["192.0.2.10"]))

    def test_relay_networks_are_not_asked_about(self) -> None:
        lists = Blocklists(LISTED)
        talk = Inbound(parts={"blocklists": lists}).open("192.0.2.200")
        talk.say(ENVELOPE)
        self.assertEqual((talk.codes()[-1], lists.asked), (250, []))

    def test_asked_at_once_and_waited_for_at_the_first_recipient(self) -> None:
        answer: Deferred[Any] = Deferred()
        talk = Inbound(parts={"blocklists": Blocklists(answer)}).open()
        talk.say(ENVELOPE)
        self.assertEqual(len(talk.codes()), 3)
        answer.callback(LISTED)
        talk.flush()
        self.assertEqual(talk.codes()[-1], 554)


class SubmissionTests(SynchronousTestCase):
    def test_login_first_and_only_under_tls(self) -> None:
        logins = Logins(BOB)
        inbound = Inbound(listener=SUBMISSION, parts={"logins": logins})
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\n" + LOGIN + b"MAIL FROM:<bob@us.test>\r\n")
        self.assertEqual((talk.codes()[-2:], logins.asked), ([538, 530], []))
        talk = secured(inbound)
        talk.say(b"MAIL FROM:<bob@us.test>\r\n" + LOGIN + b"MAIL FROM:<eve@us.test>\r\nMAIL FROM:<x@bobs.test>\r\n")
        self.assertEqual(talk.codes()[-4:], [530, 235, 553, 250])
        self.assertEqual(logins.asked, [b"\0bob\0secret"])

    def test_a_login_may_send_anywhere_where_that_is_set(self) -> None:
        for allowed, code in ((True, 250), (False, 550)):
            inbound = Inbound(listener=SUBMISSION, parts={"logins": Logins(BOB)})
            relay = attrs.evolve(inbound.config.relay, authenticated_users=allowed)
            inbound.factory.reconfigure(attrs.evolve(inbound.config, relay=relay))
            talk = secured(inbound)
            talk.say(LOGIN + b"MAIL FROM:<bob@us.test>\r\nRCPT TO:<x@far.test>\r\n")
            self.assertEqual(talk.codes()[-1], code)

    def test_what_is_written_down(self) -> None:
        inbound = Inbound(listener=attrs.evolve(SUBMISSION, tell_client=False), parts={"logins": Logins(BOB)})
        talk = secured(inbound)
        talk.say(LOGIN + b"MAIL FROM:<bob@us.test>\r\nRCPT TO:<eve@us.test>\r\nDATA\r\n")
        talk.say(b"x\r\n.\r\n")
        (content,) = inbound.kept()
        self.assertTrue(content.startswith(b"Received: from submission (client withheld)\r\n\t(using TLSv1.3 "))
        self.assertIn(b" with ESMTPSA id ", content)
        self.assertNotIn(b"192.0.2.10", content)
        arrival = inbound.queue.messages[0].envelope.arrival
        assert arrival is not None
        self.assertEqual((arrival.login, arrival.client_address), ("bob", "192.0.2.10"))

    def test_what_a_program_has_forgotten_is_added_on_submission_only(self) -> None:
        for listener, added in ((SUBMISSION, True), (None, False)):
            inbound = Inbound(listener=listener, parts={"logins": Logins(BOB)})
            talk = inbound.open("192.0.2.200")
            for content in (b"Subject: x\r\n\r\nhello\r\n.\r\n", b"Date: now\r\nMessage-ID: <1@c.test>\r\n\r\n.\r\n"):
                talk.say(ENVELOPE + b"DATA\r\n")
                talk.say(content)
            bare, whole = inbound.kept()
            self.assertEqual(bare.count(b"\r\nMessage-ID: <BCDFGHJKB@mx.us.test>\r\n"), added)
            self.assertEqual(bare.count(b"\r\nDate: "), added)
            self.assertTrue(bare.endswith(b"\r\nSubject: x\r\n\r\nhello\r\n"))
            self.assertEqual((whole.count(b"\r\nDate: "), whole.count(b"\r\nMessage-ID: ")), (1, 1))

    def test_a_header_without_end_is_kept_whole(self) -> None:
        inbound = Inbound(listener=SUBMISSION)
        talk = inbound.open("192.0.2.200")
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(b"Subject: x\r\n.\r\n")
        self.assertTrue(inbound.kept()[0].endswith(b"\r\nSubject: x\r\n"), inbound.kept())

    def test_the_null_sender_is_for_programs(self) -> None:
        inbound = Inbound(listener=SUBMISSION, parts={"logins": Logins(BOB)})
        forgotten = inbound.forgotten()
        talk = secured(inbound)
        talk.say(LOGIN)
        for content, code in ((b"Subject: x\r\n", 550), (b"Auto-Submitted: auto-replied\r\n", 250)):
            talk.say(b"MAIL FROM:<>\r\nRCPT TO:<eve@us.test>\r\nDATA\r\n")
            talk.say(content + b"\r\nhello\r\n.\r\n")
            self.assertEqual(talk.codes()[-1], code)
        self.assertEqual((len(inbound.kept()), forgotten), (1, ["BCDFGHJKB"]))

    def test_challenges_and_refusals(self) -> None:
        logins = Logins(lambda response: Challenge(b"?") if response is None else Reply.of(535, "5.7.8", "Wrong"))
        talk = secured(Inbound(listener=SUBMISSION, parts={"logins": logins}))
        talk.say(b"AUTH PLAIN\r\n")
        self.assertTrue(talk.client.heard.endswith(b"\r\n334 Pw==\r\n"))
        talk.say(b"AGEAYg==\r\nNOOP\r\n")
        self.assertEqual(talk.codes()[-2:], [535, 250])

    def test_relay_networks_need_no_login(self) -> None:
        talk = Inbound(listener=SUBMISSION, parts={"logins": Logins(BOB)}).open("192.0.2.200")
        talk.say(b"EHLO c.test\r\nMAIL FROM:<a@c.test>\r\n")
        self.assertEqual(talk.codes()[-1], 250)

    def test_no_auth_on_a_listener_for_servers(self) -> None:
        talk = secured(Inbound(parts={"logins": Logins(BOB)}))
        self.assertNotIn(b"AUTH", talk.client.heard)
        talk.say(LOGIN)
        self.assertEqual(talk.codes()[-1], 502)


class EtrnTests(SynchronousTestCase):
    def test_who_may(self) -> None:
        inbound = Inbound()
        route = attrs.evolve(inbound.config.routes[0], etrn=(ipaddress.ip_network("192.0.2.10/32"),))
        networks = inbound.config.relay.networks
        inbound.factory.reconfigure(
            attrs.evolve(inbound.config, routes=(route,), relay=Relay(networks=networks, domains=("cust.test",)))
        )
        inbound.queue.waiting = 3
        for address, domain, code in (
            ("192.0.2.10", b"us.test", 253), ("192.0.2.11", b"us.test", 459), ("192.0.2.10", b"cust.test", 459),
            ("192.0.2.200", b"cust.test", 253), ("192.0.2.200", b"@US.test", 253), ("192.0.2.200", b"far.test", 459),
        ):  # fmt: skip
            talk = inbound.open(address)
            talk.say(b"EHLO c.test\r\nETRN " + domain + b"\r\nNOOP\r\n")
            self.assertEqual(talk.codes()[-2:], [code, 250], (address, domain))
        self.assertEqual(inbound.queue.flushed, ["us.test", "cust.test", "@us.test"])
        # Once in an interval, whoever asks (RFC 1985 5.3.8).
        self.assertIn(b"458 4.7.0 ", inbound_heard(inbound))
        inbound.clock.advance(61)
        self.assertIn(b"253 2.0.0 3 pending messages for node us.test started", inbound_heard(inbound))

    def test_by_login_or_certificate(self) -> None:
        route = Route(domain="cust.test", etrn_logins=("cust",), etrn_certificates=("mx.cust.test", "ab" * 32))
        admission = Admission((), (), (route,), Mailbox("postmaster", "us.test"))
        good = ClientCertificate(names=("mx.cust.test",), verified=True)
        for login, certificate, permitted in (
            (None, None, False),
            ("other", None, False),
            ("cust", None, True),
            (None, good, True),
            (None, attrs.evolve(good, verified=False, fault="expired"), False),
            (None, ClientCertificate(names=("*.cust.test",), verified=True), True),
            (None, ClientCertificate(names=("mx.other.test",), verified=True), False),
            # A fingerprint proves all by itself.
            (None, ClientCertificate(key_sha256="ab" * 32), True),
            (None, ClientCertificate(sha256="ac" * 32, verified=True), False),
        ):
            refusal = admission.judge_flush("cust.test", "192.0.2.1", login, certificate)
            self.assertEqual(refusal is None, permitted, (login, certificate))

    def test_nothing_waits(self) -> None:
        talk = Inbound().open("192.0.2.200")
        talk.say(b"EHLO c.test\r\nETRN us.test\r\n")
        self.assertEqual(talk.codes()[-1], 251)


def inbound_heard(inbound: Inbound) -> bytes:
    """All that a client at 192.0.2.10 hears to ETRN us.test."""
    talk = inbound.open("192.0.2.10")
    return talk.say(b"EHLO c.test\r\nETRN us.test\r\n")


class ContentTests(SynchronousTestCase):
    def test_chunks_over_a_connection(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(
            ENVELOPE.replace(b"<a@c.test>", b"<a@c.test> BODY=BINARYMIME")
            + b"BDAT 5\r\n\0\xff\r\n.BDAT 3 LAST\r\nabcQUIT\r\n"
        )
        self.assertEqual(talk.codes()[-3:], [250, 250, 221])
        self.assertTrue(inbound.kept()[0].endswith(b"\r\n\0\xff\r\n.abc"))
        self.assertIs(inbound.queue.messages[0].envelope.body_type, BodyType.BINARY_MIME)

    def test_undeclared_8_bit_is_written_down(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"DATA\r\n")
        talk.say(b"\xe9\r\n.\r\n")
        self.assertIs(inbound.queue.messages[0].envelope.body_type, BodyType.EIGHT_BIT_MIME)

    def test_utf8_in_received(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say("EHLO c.test\r\nMAIL FROM:<ü@c.test> SMTPUTF8\r\nRCPT TO:<bö@us.test>\r\nDATA\r\n".encode())
        talk.say(b"x\r\n.\r\n")
        (content,) = inbound.kept()
        self.assertIn(b" with UTF8SMTP id ", content)
        self.assertIn("for <bö@us.test>;".encode(), content)

    def test_bare_line_ends_by_network(self) -> None:
        networks = (ipaddress.ip_network("192.0.2.10/32"),)
        for word, inside, outside in ((BareLineEnds.NORMALISE, 550, 250), (BareLineEnds.REJECT, 250, 550)):
            listener = Listener(endpoint="tcp:25", bare_newlines=word, bare_newlines_except=networks)
            for address, code in (("192.0.2.10", inside), ("192.0.2.11", outside)):
                talk = Inbound(listener=listener).open(address)
                talk.say(ENVELOPE + b"DATA\r\n")
                talk.say(b"a\nb\r\n.\r\n")
                self.assertEqual(talk.codes()[-1], code, (word, address))

    def test_a_client_that_goes_between_chunks_leaves_nothing(self) -> None:
        inbound = Inbound()
        talk = inbound.open()
        talk.say(ENVELOPE + b"BDAT 5\r\nabcde")
        talk.go()
        self.assertEqual((inbound.kept(), inbound.factory.sessions.present), ([], set()))

    def test_chunks_that_do_not_come_are_waited_for_as_data(self) -> None:
        talk = Inbound(timeouts=LimitTimeouts(data=10.0, command=100.0)).open()
        talk.say(ENVELOPE + b"BDAT 5\r\nabc")
        talk.wait(11)
        self.assertEqual((talk.codes()[-1], talk.closed), (421, True))

    def test_nor_are_those_that_are_not_wanted_waited_for_any_longer(self) -> None:
        talk = Inbound(timeouts=LimitTimeouts(data=10.0, command=100.0)).open()
        talk.say(ENVELOPE + b"BDAT 50 LAST extra\r\nabc")
        talk.wait(11)
        self.assertEqual((talk.codes()[-1], talk.closed), (421, True))


class HandshakeTests(SynchronousTestCase):
    def test_temporary_trouble_is_454_and_the_session_goes_on_in_the_clear(self) -> None:
        inbound = Inbound()
        inbound.exchange(server_tls=Unready())
        talk = inbound.open()
        talk.say(b"EHLO c.test\r\nSTARTTLS\r\n" + ENVELOPE)
        self.assertEqual(talk.codes()[2:], [454, 250, 250, 250])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Unready:
    """Server TLS that cannot begin."""

    def channel(self, secured: object, received: object, ended: object = None) -> None:
        raise ZeroDivisionError
