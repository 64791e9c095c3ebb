"""The trace header."""

from __future__ import annotations

import datetime
from email.utils import parsedate_to_datetime

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Arrival, Envelope, TlsSession
from fopemta.mail.received import date_time, protocol_word, received_header
from fopemta.trust.evidence import ClientCertificate

NOW = 1_795_583_385.0
BOB = Mailbox("bob", "us.test")
TLS = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


def header(helo: str = "c.test", client: str = "192.0.2.7", tls: TlsSession | None = TLS, *more: Mailbox) -> str:
    arrival = Arrival(client, helo, protocol_word(True, tls is not None), tls)
    envelope = Envelope(None, more or (BOB,))
    return received_header(envelope, arrival, "mx.us.test", "ID1", NOW).decode("ascii")


class ReceivedTests(SynchronousTestCase):
    def test_R3_C195_C204_whole(self) -> None:
        wanted = (
            "Received: from c.test (unknown [192.0.2.7])\r\n"
            "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n"
            "\tby mx.us.test (fopemta) with ESMTPS id ID1\r\n"
            "\tfor <bob@us.test>; Wed, 25 Nov 2026 05:09:45 +0000\r\n"
        )
        self.assertEqual(header(), wanted)

    def test_a_client_without_a_name_is_unknown(self) -> None:
        self.assertTrue(header(helo="").startswith("Received: from unknown (unknown [192.0.2.7])\r\n"))
        self.assertTrue(header(helo="a(b)c").startswith("Received: from a?b?c ("))

    def test_plain_says_nothing_of_tls(self) -> None:
        self.assertNotIn("using", header(tls=None))
        self.assertIn("with ESMTP id", header(tls=None))

    def test_C191_words_of_rfc_3848(self) -> None:
        table = {
            (False, False): "SMTP", (False, True): "SMTP", (True, False): "ESMTP", (True, True): "ESMTPS",
            (True, False, True): "ESMTPA", (True, True, True): "ESMTPSA",
            (True, False, False, True): "UTF8SMTP", (True, True, False, True): "UTF8SMTPS",
            (True, True, True, True): "UTF8SMTPSA",
        }  # fmt: skip
        self.assertEqual({key: protocol_word(*key) for key in table}, table)

    def test_client_certificates_are_named_readably(self) -> None:
        named = ClientCertificate(names=("mx.c.test", "b.test"), subject="CN=x", verified=True)
        table = (
            (None, "(client certificate asked for and not shown)"),
            (named, "(client certificate of mx.c.test verified)"),
            (
                ClientCertificate(subject="CN=mx.c.test,O=Partner"),
                "(client certificate of CN=mx.c.test,O=Partner NOT verified)",
            ),
            (ClientCertificate(names=("*.c.test",)), "(client certificate of *.c.test NOT verified)"),
            # A stranger's words stay within their own.
            (
                ClientCertificate(subject="CN=a verified) by mx"),
                "(client certificate of CN=a?verified??by?mx NOT verified)",
            ),
            (ClientCertificate(subject="CN=a\r\nX: y"), "(client certificate of CN=a??X:?y NOT verified)"),
            (ClientCertificate(subject="x" * 200), f"(client certificate of {'x' * 100} NOT verified)"),
            (ClientCertificate(), "(client certificate of unknown NOT verified)"),
        )
        for client, wanted in table:
            found = header(tls=attrs.evolve(TLS, client=client, client_asked=True))
            self.assertEqual(found.split("\r\n\t")[2], wanted)
            self.assertNotIn("client certificate", header(tls=attrs.evolve(TLS, client=client)))

    def test_C200_ipv6_is_marked(self) -> None:
        self.assertIn("from c.test (unknown [IPv6:2001:db8::7])", header(client="2001:db8::7"))

    def test_one_blind_copy_does_not_betray_another(self) -> None:
        self.assertNotIn("for <", header("c.test", "192.0.2.7", TLS, BOB, Mailbox("eve", "us.test")))

    def test_C192_date_comes_last_and_comments_before_it(self) -> None:
        before, _, after = header().rpartition(";")
        self.assertNotIn("(", after)
        self.assertNotIn(";", before)
        self.assertEqual(before.count("("), before.count(")"))
        self.assertIsNotNone(parsedate_to_datetime(after.strip()))

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.text(max_size=300), st.text(max_size=80))
    def test_C196_nothing_breaks_out_of_the_header(self, helo: str, local_part: str) -> None:
        text = header(helo, "192.0.2.7", TLS, Mailbox(local_part.replace("\r", "").replace("\n", ""), "us.test"))
        lines = text.split("\r\n")
        self.assertEqual(lines.pop(), "")
        self.assertEqual((lines[0].count("("), lines[0].count(")"), lines[0].count(";")), (1, 1, 0), text)
        self.assertTrue(all(line.startswith(("Received: ", "\t")) for line in lines), text)
        self.assertTrue(all(len(line) <= 998 and "\n" not in line for line in lines))


class DateTests(SynchronousTestCase):
    def test_C198_year_ends_and_leap_days(self) -> None:
        for text in ("2026-12-31T23:30:00", "2027-01-01T00:30:00", "2028-02-29T12:00:00", "2026-11-25T05:09:45"):
            moment = datetime.datetime.fromisoformat(f"{text}+00:00")
            self.assertEqual(parsedate_to_datetime(date_time(moment.timestamp())), moment)
            self.assertTrue(date_time(moment.timestamp()).endswith(" +0000"))
