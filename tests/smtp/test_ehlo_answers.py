"""Answers to EHLO as they come: whoever offers TLS in any way that a lenient reader sees is asked for it, and nothing
that is read so weakens anything.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.smtp.client_effects import BeginTls, Linger, Ready, SessionFailed
from fopemta.smtp.client_states import ClientState
from fopemta.smtp.reply_parser import MOST_LINES
from fopemta.smtp.server_offer import ServerOffer
from tests.smtp.test_client_session import GREETING, Talk

# What products say, and what stands on the way to them makes of it.
IN_THE_WILD: dict[str, bytes] = {
    "Postfix": b"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1024000\r\n250-STARTTLS\r\n250-8BITMIME\r\n250 DSN\r\n",
    "Postfix, AUTH=": b"250-mx.test\r\n250-STARTTLS\r\n250-AUTH LOGIN PLAIN\r\n250-AUTH=LOGIN PLAIN\r\n250 DSN\r\n",
    "Postfix behind a masking firewall, offered twice": b"250-mail1\r\n250-XXXXXXXA\r\n250-STARTTLS\r\n250 DSN\r\n",
    "Exim": b"250-mx.test Hello us.test [192.0.2.9]\r\n250-LIMITS MAILMAX=9\r\n250-STARTTLS\r\n250 HELP\r\n",
    "Coremail": b"250-mail\r\n250-AUTH=LOGIN PLAIN\r\n250-coremail 1Uxr2xKj7kG0\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
    "Exchange": b"250-mx.test Hello [10.0.0.4]\r\n250-SIZE\r\n250-STARTTLS\r\n250-X-ANONYMOUSTLS\r\n250 XRDST\r\n",
    "Exchange, zone in the address": b"250-mx Hello [fe80::1%13]\r\n250-STARTTLS\r\n250-AUTH NTLM\r\n250 XRDST\r\n",
    "Gmail": b"250-mx.google.com at your service, [192.0.2.9]\r\n250-SIZE 157286\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n",
    "Yahoo, one bracket too many": b"250-hermes--production Hello us [192.0.2.9])\r\n250-8BITMIME\r\n250 STARTTLS\r\n",
    "OpenSMTPD": b"250-mx.test Hello us.test [192.0.2.9], pleased to meet you\r\n250-STARTTLS\r\n250 HELP\r\n",
    "Haraka": b"250-mx.test Hello us.test, Haraka is at your service.\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
    "Stalwart": b"250-mx.test you had me at EHLO\r\n250-STARTTLS\r\n250-NO-SOLICITING\r\n250 8BITMIME\r\n",
    "ends in Ok": b"250-mx.test\r\n250-STARTTLS\r\n250 Ok\r\n",
    "ends in nothing": b"250-mx.test\r\n250-STARTTLS\r\n250 \r\n",
    "ends in the bare code": b"250-mx.test\r\n250-STARTTLS\r\n250\r\n",
}  # fmt: skip

# Each way of being odd by itself.
ODD: dict[str, bytes] = {
    "lines end CR CR LF": b"250-mx\r\r\n250-STARTTLS\r\r\n250 HELP\r\r\n",
    "CR CR LF, in the last line": b"250-mx\r\r\n250-HELP\r\r\n250 STARTTLS\r\r\n",
    "lines end LF": b"250-mx\n250-STARTTLS\n250 HELP\n",
    "lines end LF CR": b"250-mx\n\r250-STARTTLS\n\r250 HELP\n\r",
    "line ends mixed": b"250-mx\n250-STARTTLS\r\r\r\n250 HELP\r\n",
    "blanks at the end": b"250-mx   \r\n250-STARTTLS   \r\n250 HELP  \r\n",
    "blanks before the word": b"250-mx\r\n250-  STARTTLS\r\n250  HELP\r\n",
    "tabs": b"250-mx\r\n250-\tSTARTTLS\t\r\n250\tHELP\r\n",
    "tab for the space, alone": b"250-mx\r\n250-HELP\r\n250\tSTARTTLS\r\n",
    "blanks before the code": b"250-mx\r\n 250-STARTTLS\r\n 250 HELP\r\n",
    "dash and blank": b"250-mx\r\n250- STARTTLS\r\n250 - HELP\r\n",
    "two dashes": b"250-mx\r\n250--STARTTLS\r\n250 HELP\r\n",
    "blank, then dash": b"250-mx\r\n250 -STARTTLS\r\n250 HELP\r\n",
    "lower case": b"250-mx\r\n250-starttls\r\n250 help\r\n",
    "mixed case": b"250-mx\r\n250-StartTLS\r\n250 Help\r\n",
    "NUL at the end": b"250-mx\r\n250-STARTTLS\0\r\n250 HELP\0\r\n",
    "NUL behind CR": b"250-mx\r\0\n250-STARTTLS\r\0\n250 HELP\r\0\n",
    "NUL behind LF": b"250-mx\r\n\x00250-STARTTLS\r\n\x00250 HELP\r\n\0",
    "8 bits behind the word": b"250-mx\r\n250-STARTTLS\xa0\r\n250 HELP\r\n",
    "a value": b"250-mx\r\n250-STARTTLS REQUIRED\r\n250 HELP\r\n",
    "= and a value": b"250-mx\r\n250-STARTTLS=1\r\n250 HELP\r\n",
    "= alone": b"250-mx\r\n250-STARTTLS=\r\n250 HELP\r\n",
    "a full stop": b"250-mx\r\n250-STARTTLS.\r\n250 HELP\r\n",
    "commas": b"250-mx\r\n250-PIPELINING, STARTTLS, 8BITMIME\r\n250 HELP\r\n",
    "commas alone": b"250-mx\r\n250-PIPELINING,STARTTLS,8BITMIME\r\n250 HELP\r\n",
    "all in one line": b"250-mx\r\n250 PIPELINING 8BITMIME STARTTLS SIZE 1000\r\n",
    "all in the first line": b"250 mx.test PIPELINING STARTTLS\r\n",
    "in the greeting's words": b"250-mx.test ready, please say STARTTLS\r\n250 HELP\r\n",
    "instead of the name": b"250-STARTTLS\r\n250 HELP\r\n",
    "nothing else": b"250 STARTTLS\r\n",
    "enhanced codes": b"250-2.0.0 mx\r\n250-2.0.0 STARTTLS\r\n250 2.0.0 HELP\r\n",
    "enhanced code in one line": b"250-mx\r\n250-2.0.0 STARTTLS\r\n250 HELP\r\n",
    "no dash, one write": b"250 mx\r\n250 PIPELINING\r\n250 STARTTLS\r\n250 HELP\r\n",
    "dash forgotten in the middle": b"250-mx\r\n250 PIPELINING\r\n250-STARTTLS\r\n250 HELP\r\n",
    "glued": b"250-mx\r\n250STARTTLS\r\n",
    "glued in the middle": b"250-mx\r\n250STARTTLS\r\n250-SIZE 10\r\n250 HELP\r\n",
    "glued first": b"250mx\r\n250 STARTTLS\r\n",
    "blank lines between": b"250-mx\r\n\r\n250-STARTTLS\r\n\r\n250 HELP\r\n\r\n",
    "blank line before": b"\r\n250-mx\r\n250-STARTTLS\r\n250 HELP\r\n",
    "garbage before": b"ld.so: warning\r\n250-mx\r\n250-STARTTLS\r\n250 HELP\r\n",
    "garbage between": b"250-mx\r\nld.so: warning\r\n250-STARTTLS\r\n250 HELP\r\n",
    "a line without its code": b"250-mx\r\nSTARTTLS\r\n250 HELP\r\n",
    "the first line without its code": b"mx.test Hello\r\n250-STARTTLS\r\n250 HELP\r\n",
    "8 bits between": b"250-mx\r\n\xff\xfe\r\n250-STARTTLS\r\n250 HELP\r\n",
    "another code between": b"250-mx\r\n220-STARTTLS\r\n250 HELP\r\n",
    "another code at the end": b"250-mx\r\n250-STARTTLS\r\n220 HELP\r\n",
    "code 200": b"200-mx\r\n200-STARTTLS\r\n200 HELP\r\n",
    "code 220": b"220-mx\r\n220-STARTTLS\r\n220 HELP\r\n",
    "the answer twice": b"250-mx\r\n250-STARTTLS\r\n250 HELP\r\n" * 2,
    "the answer twice, then other words": b"250-mx\r\n250 HELP\r\n250-mx\r\n250 HELP\r\n250 STARTTLS\r\n",
    "the greeting again": b"220 mx ESMTP\r\n250-mx\r\n250-STARTTLS\r\n250 HELP\r\n",
    "the greeting again, later": b"220 mx ESMTP 10:00:02\r\n250-mx\r\n250-STARTTLS\r\n250 HELP\r\n",
    "the word twice": b"250-mx\r\n250-STARTTLS\r\n250 STARTTLS\r\n",
    "many": b"250-mx\r\n" + b"250-X-EXT\r\n" * 150 + b"250-STARTTLS\r\n250 HELP\r\n",
}

NOT_OFFERED: dict[str, bytes] = {
    "sendmail behind a masking firewall": b"250-mx.test Hello\r\n250-XXXXXXXXA\r\n250 XXXB\r\n",
    "qmail": b"250-mx.test\r\n250-AUTH=LOGIN PLAIN\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    "the word within another": b"250-mx\r\n250-NOSTARTTLS\r\n250 STARTTLS2\r\n",
    "the server's name": b"250-starttls.test Hello\r\n250 HELP\r\n",
    "another kind of TLS": b"250-mx\r\n250-X-ANONYMOUSTLS\r\n250 HELP\r\n",
    "a bare line": b"250 mx\r\n",
    "Domino": b"250-mx Hello us ([192.0.2.9]), pleased to meet you\r\n250-TLS\r\n250-SIZE\r\n250 PIPELINING\r\n",
}


def after(answer: bytes) -> Talk:
    return Talk(wants_tls=True).hear(GREETING).hear(answer)


class OfferTests(SynchronousTestCase):
    def test_there_are_enough(self) -> None:
        self.assertGreaterEqual(len(IN_THE_WILD) + len(ODD), 40)

    def test_whoever_offers_it_is_asked(self) -> None:
        for name, answer in {**IN_THE_WILD, **ODD}.items():
            self.assertEqual(after(answer).said, ["EHLO us.test", "STARTTLS"], name)

    def test_and_by_a_220_the_handshake_begins(self) -> None:
        for name, answer in {**IN_THE_WILD, **ODD}.items():
            talk = after(answer).hear(b"220 go\r\n")
            self.assertEqual((len(talk.told(BeginTls)), talk.session.tls), (1, True), name)

    def test_whoever_does_not_is_not_asked(self) -> None:
        for name, answer in NOT_OFFERED.items():
            talk = after(answer)
            self.assertNotIn("STARTTLS", talk.said, name)
            ready = talk.told(Ready)[0]
            assert isinstance(ready, Ready)
            self.assertFalse(ready.offered, name)

    def test_line_by_line_it_is_the_same_where_lines_are_those_of_one_reply(self) -> None:
        apart = {"glued in the middle", "dash forgotten in the middle", "blank, then dash",
                 "the answer twice, then other words"}  # fmt: skip
        for name in {**IN_THE_WILD, **ODD}.keys() - apart:
            answer = {**IN_THE_WILD, **ODD}[name]
            talk = Talk(wants_tls=True).hear(GREETING)
            for line in answer.splitlines(keepends=True):
                talk.hear(line, at_once=True)
            self.assertEqual(talk.said, ["EHLO us.test", "STARTTLS"], name)

    def test_lines_without_dashes_are_one_answer_however_they_are_cut(self) -> None:
        """At every octet, in the clear and under TLS; each line by itself, too."""
        answer = b"250 mx\r\n250 PIPELINING\r\n250 SIZE 1000\r\n250 8BITMIME\r\n"
        offer = ServerOffer(pipelining=True, says_size=True, size=1000, eight_bit=True)
        lines = answer.splitlines(keepends=True)
        cuts = [[answer[:at], answer[at:]] for at in range(len(answer) + 1)]
        for cut in (*cuts, lines, [bytes([each]) for each in answer]):
            secure = after(b"250-mx\r\n250 STARTTLS\r\n").hear(b"220 go\r\n")
            for talk in (Talk(wants_tls=True).hear(GREETING), secure):
                for piece in cut:
                    talk.hear(piece, at_once=True)
                # Nothing is said before it is known that nothing more comes.
                self.assertNotIn("MAIL", " ".join(talk.said))
                talk.wait()
                self.assertEqual(talk.session.offer, offer, cut)
                self.assertIn("MAIL FROM", " ".join(talk.said))

    def test_starttls_in_one_of_them_is_asked_for_at_once_and_the_rest_comes_late(self) -> None:
        answer = b"250 mx\r\n250 PIPELINING\r\n250 STARTTLS\r\n250 HELP\r\n"
        for at in range(len(answer) + 1):
            talk = Talk(wants_tls=True).hear(GREETING)
            talk.hear(answer[:at], at_once=True).hear(answer[at:], at_once=True)
            self.assertEqual(talk.said, ["EHLO us.test", "STARTTLS"], at)
            talk.hear(b"220 go\r\n")
            self.assertTrue(talk.session.tls, at)

    def test_what_does_not_belong_to_a_slow_answer_ends_it(self) -> None:
        [failed] = Talk().hear(GREETING).hear(b"250 mx\r\n", at_once=True).hear(b"354 go\r\n").told(SessionFailed)
        self.assertIn("an unexpected reply", failed.text)  # type: ignore[attr-defined]

    def test_a_slow_answer_without_end_is_bounded(self) -> None:
        talk = Talk().hear(GREETING).hear(b"250 mx\r\n", at_once=True)
        for _ in range(MOST_LINES - 1):
            self.assertNotIn("MAIL", " ".join(talk.said))
            talk.hear(b"250 HELP\r\n", at_once=True)
        self.assertIn("MAIL", " ".join(talk.said))

    def test_nobody_waits_for_more_of_other_answers(self) -> None:
        for answer in (b"250-mx\r\n250 HELP\r\n", b"250 mx STARTTLS\r\n", b"250 STARTTLS\r\n"):
            self.assertEqual(after(answer).told(Linger), [], answer)
        talk = Talk().hear(GREETING).hear(b"500 what\r\n").hear(b"250 mx\r\n", at_once=True)
        self.assertEqual((talk.told(Linger), talk.said[-1][:4]), ([], "MAIL"))
        self.assertEqual(talk.session.waited(), [])

    def test_what_comes_late_of_the_offer_is_no_answer_to_starttls(self) -> None:
        offer = b"250-mx\r\n250-STARTTLS\r\n250 HELP\r\n"
        for first, late in ((offer, offer), (b"250-mx\r\n250 STARTTLS\r\n", b"250 HELP\r\n")):
            talk = after(first).hear(late)
            self.assertEqual((talk.said[-1], talk.session.state), ("STARTTLS", ClientState.STARTTLS))
            self.assertEqual(len(talk.hear(b"220 go\r\n").told(BeginTls)), 1)

    def test_whatever_is_registered_is_a_part_of_the_offer_when_it_comes_late(self) -> None:
        """The registry of the IANA, and what Postfix, Exim and old Sendmail say besides."""
        for keyword in (
            b"SIZE 5", b"8BITMIME", b"PIPELINING", b"CHUNKING", b"BINARYMIME", b"DSN", b"ETRN", b"STARTTLS",
            b"SMTPUTF8",
            b"AUTH PLAIN", b"DELIVERBY", b"ENHANCEDSTATUSCODES", b"MTRK", b"NO-SOLICITING", b"BURL", b"CHECKPOINT",
            b"CONPERM", b"CONNEG", b"FUTURERELEASE 1 2", b"RRVS", b"REQUIRETLS", b"MT-PRIORITY", b"LIMITS RCPTMAX=5",
            b"HELP", b"TURN", b"EXPN", b"VRFY", b"VERB", b"XCLIENT NAME", b"XFORWARD NAME", b"PIPECONNECT", b"UTF8SMTP",
        ):  # fmt: skip
            talk = after(b"250-mx\r\n250 STARTTLS\r\n").hear(b"250 " + keyword + b"\r\n")
            self.assertEqual((talk.said[-1], talk.session.state), ("STARTTLS", ClientState.STARTTLS), keyword)
            self.assertEqual(len(talk.hear(b"220 go\r\n").told(BeginTls)), 1, keyword)

    def test_what_else_is_offered(self) -> None:
        table = {
            b"250-mx\r\r\n250-PIPELINING\r\r\n250-SIZE 1000\r\r\n250 DSN\r\r\n": ServerOffer(
                pipelining=True, says_size=True, size=1000, dsn=True
            ),
            b"250-mx\r\n250-SIZE=1000\r\n250-size\t2000\r\n250 8bitmime\0\r\n": ServerOffer(
                says_size=True, size=2000, eight_bit=True
            ),
            b"250-mx\r\n250-AUTH=LOGIN\r\n250- CHUNKING\r\n250 -BINARYMIME\r\n": ServerOffer(
                chunking=True, binary=True
            ),
            b"250 mx\r\n250 SMTPUTF8\r\n250 LIMITS RCPTMAX=20\r\n": ServerOffer(smtputf8=True, recipients=20),
            # Lenient only where it adds nothing but an attempt at TLS.
            b"250-mx\r\n250-X, PIPELINING, 8BITMIME\r\n250 DSN?\r\n": ServerOffer(dsn=True),
            b"250 mx PIPELINING\r\n": ServerOffer(),
        }
        for answer, offer in table.items():
            ready = Talk().hear(GREETING).hear(answer).told(Ready)[0]
            assert isinstance(ready, Ready)
            self.assertEqual(ready.offer, offer, answer)

    def test_not_without_end(self) -> None:
        for number, said in ((MOST_LINES, "STARTTLS"), (MOST_LINES + 1, "EHLO us.test")):
            self.assertEqual(after(b"250 mx\r\n" + b"250 STARTTLS\r\n" * number).said[-1], said)


class HeloTests(SynchronousTestCase):
    """EHLO refused: what is said of TLS then counts as well."""

    def test_offered_in_the_answer_to_helo(self) -> None:
        talk = after(b"502 5.5.1 What?\r\n").hear(b"250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n")
        self.assertEqual(talk.said, ["EHLO us.test", "HELO us.test", "STARTTLS"])
        ready = Talk().hear(GREETING).hear(b"502 no\r\n").hear(b"250-mx\r\n250 PIPELINING\r\n").told(Ready)[0]
        assert isinstance(ready, Ready)
        self.assertEqual(ready.offer, ServerOffer())

    def test_offered_in_the_refusal(self) -> None:
        talk = after(b"250-mx\r\n250-STARTTLS\r\n500 HELP\r\n").hear(b"250 mx\r\n")
        self.assertEqual(talk.said, ["EHLO us.test", "HELO us.test", "STARTTLS"])
        self.assertNotIn("STARTTLS", after(b"550 no\r\n").hear(b"250 mx\r\n").said)

    def test_under_tls_helo_does_as_well(self) -> None:
        talk = after(IN_THE_WILD["Postfix"]).hear(b"220 go\r\n").hear(b"502 5.5.1 What?\r\n").hear(b"250 mx\r\n")
        self.assertEqual(talk.said[2:], ["EHLO us.test", "HELO us.test", "MAIL FROM:<>"])
        ready = talk.told(Ready)[0]
        assert isinstance(ready, Ready)
        self.assertEqual((ready.tls, ready.offer), (True, ServerOffer()))

    def test_refused_under_tls_as_well_it_is_over(self) -> None:
        talk = after(IN_THE_WILD["Postfix"]).hear(b"220 go\r\n").hear(b"502 What?\r\n").hear(b"502 What?\r\n")
        [failed] = talk.told(SessionFailed)
        assert isinstance(failed, SessionFailed)
        self.assertEqual((failed.phase.value, talk.session.state), ("helo", ClientState.CLOSED))


class GreetingTests(SynchronousTestCase):
    def test_odd_greetings(self) -> None:
        for greeting in (
            b"220 mx\r\n220 mx\r\n",
            b"220-mx\r\n220 mx\r\n\r\n",
            b"220mx\r\n",
            b"220\r\n",
            b"\r\n220 mx\r\n",
            b"stty: standard input\r\n220 mx\r\n",
            b"220-mx\r\nwelcome\r\n220 mx\r\n",
            b"220-mx\r\n250 mx\r\n",
        ):
            talk = Talk(wants_tls=True).hear(greeting)
            code = 250 if b"250" in greeting else 220
            self.assertEqual(talk.said, ["EHLO us.test"] if code == 220 else [], greeting)

    def test_a_refusal_in_the_last_line_is_one(self) -> None:
        [failed] = Talk().hear(b"220-laposte\r\n421 4.2.1 Service refuse\r\n").told(SessionFailed)
        assert isinstance(failed, SessionFailed)
        assert failed.reply is not None
        self.assertEqual((failed.reply.code, failed.diagnosis.value), (421, "deferred_by_peer"))
        [failed] = Talk().hear(b"554-no\r\n220 mx\r\n").told(SessionFailed)
        assert isinstance(failed, SessionFailed)
        self.assertEqual(failed.diagnosis.value, "protocol_error")

    def test_it_greets_once_more_under_tls(self) -> None:
        talk = after(IN_THE_WILD["Postfix"]).hear(b"220 go\r\n").hear(b"220 mx ESMTP\r\n250-mx\r\n250 DSN\r\n")
        self.assertEqual(talk.said[-1], "MAIL FROM:<>")
        ready = talk.told(Ready)[0]
        assert isinstance(ready, Ready)
        self.assertEqual((ready.tls, ready.offer), (True, ServerOffer(dsn=True)))

    def test_but_not_for_ever(self) -> None:
        self.assertEqual(after(b"220 mx ESMTP\r\n").said, ["EHLO us.test"])
        self.assertEqual(after(b"220 mx ESMTP\r\n" * 2).said[1:], ["MAIL FROM:<>"])

    def test_another_name_is_no_greeting_again(self) -> None:
        talk = after(b"220 other Hello\r\n")
        self.assertEqual(talk.said[-1], "MAIL FROM:<>")


class GrantTests(SynchronousTestCase):
    """Answers to STARTTLS."""

    def test_whatever_is_positive_begins_it(self) -> None:
        for answer in (
            b"220 go\r\n", b"220\r\n", b"220 \r\r\n", b"220-go\r\n220 ahead\r\n", b"220 go\n", b"220go\r\n",
            b"250 2.0.0 go\r\n", b"200 go\r\n", b"\r\n220 go\r\n", b"go\r\n220 go\r\n", b"220 go\n\r", b"220 go\r\n\0",
        ):  # fmt: skip
            talk = after(IN_THE_WILD["Postfix"]).hear(answer)
            self.assertEqual(len(talk.told(BeginTls)), 1, answer)

    def test_no_other_answer_does(self) -> None:
        for answer in (b"354 go\r\n", b"454 4.7.0 no\r\n", b"501 no\r\n", b"220-go\r\n454 no\r\n"):
            talk = after(IN_THE_WILD["Postfix"]).hear(answer)
            self.assertEqual((talk.told(BeginTls), talk.said[2]), ([], "MAIL FROM:<> SIZE=10"), answer)

    def test_what_is_injected_behind_it_is_refused_however_it_is_written(self) -> None:
        for more in (
            b"250 mx\r\n", b"250-mx\r\n", b"2", b"x", b"\r\n250 mx\r\n", b"\0250", b"220 go\r\n", b"250 HELP\r\n",
            IN_THE_WILD["Postfix"], b"\r\n\r\nx",
        ):  # fmt: skip
            talk = after(IN_THE_WILD["Postfix"]).hear(b"220 go\r\n" + more)
            [failed] = talk.told(SessionFailed)
            assert isinstance(failed, SessionFailed)
            self.assertEqual((talk.told(BeginTls), failed.diagnosis.value), ([], "not_tls"), more)

    def test_what_is_left_of_the_offer_before_tls_is_forgotten(self) -> None:
        talk = after(b"250-mx\r\n250-STARTTLS\r\n250 SIZE 5\r\n").hear(b"220 go\r\n\r\n").hear(b"250 mx\r\n")
        self.assertEqual(talk.said[-1], "MAIL FROM:<>")


class AfterwardsTests(SynchronousTestCase):
    """Once mail is under way nobody is patient: a line too many would be taken for the next answer."""

    def test_garbage(self) -> None:
        for garbage in (b"hello\r\n", b"250Ok\r\n", b"250-a\r\nb\r\n250 c\r\n", b"250-a\r\n251 c\r\n"):
            talk = Talk().hear(GREETING).hear(b"250-mx\r\n250 PIPELINING\r\n").hear(garbage)
            [failed] = talk.told(SessionFailed)
            assert isinstance(failed, SessionFailed)
            self.assertEqual(failed.diagnosis.value, "protocol_error", garbage)

    def test_but_odd_line_ends_do_no_harm(self) -> None:
        talk = Talk().hear(GREETING).hear(b"250 mx\r\r\n").hear(b"250 ok\r\r\n").hear(b"250<bob@d.test> ok.\r\n")
        talk.hear(b"\r\n250\tok\n\r").hear(b"354 go\0\r\n").hear(b"250 2.0.0 taken\r\r\n")
        self.assertEqual([accepted for _, accepted, _, _ in talk.results], [True, True])
