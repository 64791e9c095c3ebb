"""Received headers of many servers: one row for each form."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.received_chain import Encrypted, Hop, read_chain, read_hop
from fopemta.mail.received_reading import Conclusion, reading_of

YES, NO, UNKNOWN, LOCAL = Encrypted.YES, Encrypted.NO, Encrypted.UNKNOWN, Encrypted.LOCAL
GCM = "TLS_AES_256_GCM_SHA384"
DATE = "; Wed, 25 Nov 2026 10:00:00 +0100"

AT, EX = "from a.test ([192.0.2.1]) by mx.test", "from a.test (192.0.2.1) by mx.test (192.0.2.2)"
# Header → encrypted, version, cipher, bits.
FORMS = {
    # fopemta and Postfix
    f"from a.test (a.test [192.0.2.1])\r\n\t(using TLSv1.3 with cipher {GCM} (256/256 bits))\r\n"
    f"\tby mx.test (fopemta) with ESMTPS id 1{DATE}": (YES, "TLSv1.3", GCM, 256),
    f"from a.test (a.test [192.0.2.1])\n (using TLSv1.2 with cipher AES256-SHA (256/256 bits))\n (Client CN "
    f'"a.test", Issuer "X" (verified OK)) by mx.test (Postfix) with ESMTPS id 4{DATE}': (
        YES, "TLSv1.2", "AES256-SHA", 256,
    ),
    f"{AT} (Postfix) with ESMTP id 1 for <b@mx.test>{DATE}": (NO, None, None, None),
    # Gmail, sendmail, Exchange
    f"{AT} with ESMTPS id x for <b@mx.test>"
    f" (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128){DATE}": (
        YES, "TLS1_3", "TLS_AES_128_GCM_SHA256", 128,
    ),
    f"{AT} (8.17.1/8.17.1) with ESMTPS id 3 (version=TLSv1.3 cipher={GCM} bits=256"
    f" verify=NO){DATE}": (YES, "TLSv1.3", GCM, 256),
    f"{EX} with Microsoft SMTP Server (version=TLS1_2,"
    f" cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.1{DATE}": (
        YES, "TLS1_2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", None,
    ),
    f"{EX} with Microsoft SMTP Server (TLS) id 15.0{DATE}": (YES, None, None, None),
    f"{EX} with Microsoft SMTP Server id 15.0{DATE}": (NO, None, None, None),
    f"from a.test (::1) by b.test (::1) with HTTPS{DATE}": (YES, None, None, None),
    # Google within
    f"by 2002:a05:6402:1::1 with SMTP id x{DATE}": (UNKNOWN, None, None, None),
    # Exim, old and new
    f"{AT} with esmtps (TLS1.2) tls TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 (Exim 4.96)"
    f" (envelope-from <x@a.test>) id 1{DATE}": (YES, "TLS1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", None),
    f"{AT} with esmtps (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256) (Exim 4.92) id 1{DATE}": (
        YES, "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", 256,
    ),
    f"{AT} with esmtp (Cipher TLSv1:DES-CBC3-SHA:168) (Exim 3.31) id 1{DATE}": (
        YES, "TLSv1", "DES-CBC3-SHA", 168,
    ),
    # OpenSMTPD, Courier, chasquid, Haraka, Cisco, qmail, Ecelerity, James, SMTPSVC
    f"{AT} (OpenSMTPD) with ESMTPS id 2 (TLSv1.3:{GCM}:256:NO) for <b@mx.test>{DATE}": (
        YES, "TLSv1.3", GCM, 256,
    ),
    f"from a.test ([192.0.2.1]) (TLS: TLSv1/SSLv3, 168bits,DES-CBC3-SHA) by mx.test with esmtp{DATE}": (
        YES, "TLSv1/SSLv3", "DES-CBC3-SHA", 168,
    ),
    f"from a.test by mx.test (chasquid) with ESMTPSA tls {GCM} (over submission+TLS, TLS-1.3, envelope from x){DATE}": (
        YES, "TLS-1.3", GCM, None,
    ),
    f"{AT} (Haraka/3.0.1) with ESMTPSA id 1 tls {GCM} (authenticated bits=0){DATE}": (
        YES, None, GCM, None,
    ),
    f"{AT} with ESMTP/TLS/ECDHE-RSA-AES128-GCM-SHA256{DATE}": (
        YES, None, "ECDHE-RSA-AES128-GCM-SHA256", None,
    ),
    f"from unknown (HELO a.test) (192.0.2.1) by mx.test (qmail) with AES256-SHA encrypted SMTP{DATE}": (
        YES, None, "AES256-SHA", None,
    ),
    f"from [192.0.2.1] by mx.test (ecelerity 4.2) with ESMTPS (cipher={GCM} subject=\"/CN=a.test; by x\") id 2{DATE}": (
        YES, None, GCM, None,
    ),
    f"{AT} with ESMTP via SSL{DATE}": (YES, None, None, None),
    f"{AT} over TLS secured channel with Microsoft SMTPSVC(6.0){DATE}": (YES, None, None, None),
    # The word alone, a clause behind the date, and the cipher in a comment of its own
    f"{AT} with ESMTP-TLS id 1{DATE}": (YES, None, None, None),
    f"{AT} with ESMTPS id 1{DATE} (version=TLSv1.2 cipher=AES256-SHA bits=256)": (YES, "TLSv1.2", "AES256-SHA", 256),
    f"{AT} with ESMTP id 1{DATE} (envelope-from <x@a.test>)": (NO, None, None, None),
    f"from a.test (HELO x) (192.0.2.1) by mx.test (indimail-mta 3.0) with ESMTPS ({GCM} encrypted) id 1{DATE}": (
        YES, None, GCM, None,
    ),
    f"{EX} with (TLSv1.3 {GCM} encrypted) SMTP{DATE}": (YES, "TLSv1.3", GCM, None),
    f"from [192.0.2.1] (using TLSv1.2 with cipher AES256-SHA (256 bits)) by mx.test id 1{DATE}": (
        YES, "TLSv1.2", "AES256-SHA", 256,
    ),
    # smail, old and new
    f"{AT} with smtp (Smail3.1.29.1 #1) id m0{DATE}": (NO, None, None, None),
    f"from a.test(b.test[192.0.2.1]) (1234 bytes) by mx.test via sendmail with P:esmtp/R:inet_hosts/T:smtp "
    f"(sender: <x@a.test>) id <m0@mx.test> for <b@mx.test>{DATE} (Smail-3.2.0.111 2000-Feb-17 #1)": (
        NO, None, None, None,
    ),
    f"by mx.test via sendmail with P:stdio/R:inet_hosts/T:smtp id <m0@mx.test>{DATE}": (LOCAL, None, None, None),
    # What crosses no network, and what is no SMTP
    f"from alice (uid 1000) (envelope-from alice@mx.test) id 1a by mx.test (DragonFly Mail Agent v0.13){DATE}": (
        LOCAL, None, None, None,
    ),
    f"(indimail-mta 1234 invoked by uid 555){DATE}": (LOCAL, None, None, None),
    f"(Haraka outbound){DATE}": (LOCAL, None, None, None),
    f"(from root@localhost) by mx.test (8.17.1/8.17.1/Submit) id 1{DATE}": (LOCAL, None, None, None),
    f"by mx.test (Postfix, from userid 1000) id 1{DATE}": (LOCAL, None, None, None),
    f"from mail.test by Mail.test with LMTP id 1{DATE}": (LOCAL, None, None, None),
    f"from mail.test ([192.0.2.1]) by mail.test with LMTP id 1{DATE}": (NO, None, None, None),
    f"from mail.test by mail.test with ESMTP id 1{DATE}": (NO, None, None, None),
    f"from other.test by mail.test with LMTP id 1{DATE}": (NO, None, None, None),
    f"from a.test (192.0.2.1) by a.test (192.0.2.1) with Microsoft SMTP Server id 15.1{DATE}": (
        LOCAL, None, None, None,
    ),
    f"from a.test (a.test [::ffff:127.0.0.1]) by mx.test with ESMTP{DATE}": (LOCAL, None, None, None),
    f"from a.test ([IPv6:::1]) by mx.test with ESMTP{DATE}": (LOCAL, None, None, None),
    f"from localhost (localhost [local]) by mx.test (OpenSMTPD) with ESMTPA id 1{DATE}": (LOCAL, None, None, None),
    f"(qmail 1234 invoked by uid 1000){DATE}": (LOCAL, None, None, None),
    f"from localhost (localhost [127.0.0.1]) by mx.test (Postfix) with ESMTP id 1{DATE}": (LOCAL, None, None, None),
    f"from a.test by api.test with HTTP{DATE}": (UNKNOWN, None, None, None),
    f"from a.test by mx.test via smap{DATE}": (UNKNOWN, None, None, None),
    "": (UNKNOWN, None, None, None),
}  # fmt: skip


class HopTests(SynchronousTestCase):
    maxDiff = None

    def test_forms(self) -> None:
        for header, wanted in FORMS.items():
            hop = read_hop(header)
            self.assertEqual((hop.encrypted, hop.version, hop.cipher, hop.bits), wanted, header)

    def test_names_protocol_time_and_verification(self) -> None:
        postfix = read_hop(list(FORMS)[1])
        self.assertEqual((postfix.sender, postfix.receiver, postfix.protocol), ("a.test", "mx.test", "ESMTPS"))
        self.assertEqual((postfix.verified, postfix.time), (True, 1795597200.0))
        self.assertIs(read_hop(list(FORMS)[4]).verified, False)
        self.assertEqual(read_hop("from a by b with SMTP Wed, 25 Nov 2026 10:00:00 +0100").time, 1795597200.0)
        for odd in ("; never", "; Wed, 99 Nov 2026 99:00:00 +0100", ";"):
            self.assertIsNone(read_hop("from a by b with SMTP" + odd).time)

    def test_what_a_client_calls_itself_is_no_word_of_the_server(self) -> None:
        """A HELO may hold anything."""
        lie = "from x (using TLSv1.3 by mx.test with ESMTPS [192.0.2.1]) by mx.test (Postfix) with ESMTP id 1"
        hop = read_hop(lie + DATE)
        self.assertEqual((hop.receiver, hop.protocol, hop.encrypted), ("mx.test", "ESMTP", NO))

    def test_what_strangers_choose_attests_nothing(self) -> None:
        tls, queue = f"using TLSv1.3 with cipher {GCM} (256/256 bits)", "qmail 1 invoked by uid 1"
        end = f"by mx.test (Postfix) with ESMTP id 1 for <b@mx.test>{DATE}"
        lies = (
            f"from [IPv6:::1] (unknown [198.51.100.7]) {end}",
            f"from [127.0.0.1] (unknown [198.51.100.7]) {end}",
            f"from localhost (unknown [198.51.100.7]) {end}",
            f"from 127.0.0.1 ([198.51.100.7] helo=[127.0.0.1]) {end}",
            f"from x (HELO [127.0.0.1]) (198.51.100.7) {end}",
            f"from x (198.51.100.7) (HELO localhost [127.0.0.1]) {end}",
            f"from x (IDENT:[127.0.0.1]@x.test [198.51.100.7]) {end}",
            f"from x ([127.0.0.1]) (unknown [198.51.100.7]) {end}",
            f"from x ({tls}) (unknown [198.51.100.7]) {end}",
            f"from x by evil.test with ESMTPS ({tls}) (unknown [198.51.100.7]) {end}",
            f"from ({queue}) (unknown [198.51.100.7]) {end}",
            f"from x (HELO {tls}) (198.51.100.7) {end}",
            f"from x (unknown [198.51.100.7]) (Authenticated sender: {tls}) {end}",
            f"from x (unknown [198.51.100.7]) (envelope-sender <{tls}>) {end}",
            f'from x (unknown [198.51.100.7]) (Client CN "{tls}", Issuer "(verified OK)") {end}',
            f'from x (unknown [198.51.100.7]) by mx.test with ESMTP for <"over TLS secured channel"@t.test>{DATE}',
            f'from x (unknown [198.51.100.7]) by mx.test with ESMTP for <"({queue})"@t.test>{DATE}',
            f'from x (unknown [198.51.100.7]) by mx.test with ESMTP for <"(qmail "@t.test>{DATE}',
            f'from x (unknown [198.51.100.7]) by mx.test with ESMTP for "({tls})"@t.test{DATE}',
            f'from x (unknown [198.51.100.7]) by mx.test with ESMTP for <"\\"({tls})"@t.test>{DATE}',
            f'from x ([198.51.100.7]) by mx.test with ESMTP for <"a;b(c"@t.test>{DATE} (envelope-from <"({tls})"@x>)',
            f"from x ([198.51.100.7]) by mx.test with ESMTP (envelope-from <({tls})@x>) for ({tls})@x{DATE}",
        )
        for lie in lies:
            hop = read_hop(lie)
            found = (hop.encrypted, hop.version, hop.verified, hop.receiver, hop.protocol, hop.time)
            self.assertEqual(found, (NO, None, None, "mx.test", "ESMTP", 1795597200.0), lie)

    def test_nor_where_the_server_gives_no_address(self) -> None:
        tls = f"using TLSv1.3 with cipher {GCM} (256/256 bits)"
        queue = "[192.0.2.1] (qmail 1 invoked by uid 1)"
        self.assertIs(read_hop(f"from {queue} by mx.test with ESMTP id 1{DATE}").encrypted, NO)
        for claim in (f"x ({tls})", "localhost", "x (Postfix, from userid 1)", "(qmail 1 invoked by uid 1) x"):
            self.assertIsNot(read_hop(f"from {claim} by mx.test with ESMTP id 1{DATE}").encrypted, YES, claim)
            self.assertIsNot(read_hop(f"from {claim} by mx.test with ESMTP id 1{DATE}").encrypted, LOCAL, claim)

    def test_words_behind_with(self) -> None:
        table = {
            NO: "SMTP ESMTP ESMTPA LMTP LMTPA UTF8SMTP UTF8SMTPA UTF8LMTP ASMTP",
            YES: "SMTPS ESMTPS ESMTPSA LMTPS LMTPSA UTF8SMTPS UTF8SMTPSA UTF8LMTPS HTTPS ASMTPS "
            "ESMTP-TLS SMTP-TLS ESMTPA-TLS LMTP-TLS",
            LOCAL: "local dsn mapi stdio",
            UNKNOWN: "HTTP Thrift SMTPX XESMTPS",
        }
        for encrypted, words in table.items():
            for word in words.split():
                for each in (word, word.lower()):
                    self.assertIs(read_hop(f"{AT} with {each} id 1{DATE}").encrypted, encrypted, each)

    def test_forms_of_dates(self) -> None:
        table = {
            "; Wed, 25 Nov 2026 10:00:00.250 +0100": 1795597200.25,
            "; 25 Nov 2026 10:00 +0100": 1795597200.0,
            "; Wed, ??, 25 Nov 2026 09:00:00 +0000 (UTC)": 1795597200.0,
            "; 25 Nov 2026 09:00:00 GMT (1 Jan 2001 00:00:00 GMT)": 1795597200.0,
            " Wed, 25 Nov 2026 10:00:00.5 +0100 (CET)": 1795597200.5,
            " 2026-11-25 09:00:00.737383461 +0000 UTC m=+39.3": 1795597200.737383461,
            "; 2026-11-25 10:00:00 +0100": 1795597200.0,
            "; 2026-19-25 10:00:00 +0100": None,
            "": None,
        }
        lie = "from 1 Jan 2001 00:00:00 GMT ([192.0.2.1]) by b with SMTP id x"
        found = {date: read_hop(lie.replace("1 Jan 2001 00:00:00 GMT", "a") + date).time for date in table}
        self.assertEqual(found, table)
        self.assertEqual(read_hop(lie + " 25 Nov 2026 09:00:00 GMT").time, 1795597200.0)

    def test_very_long_one_is_not_read_in_part(self) -> None:
        for octets, wanted in ((8192, YES), (8193, UNKNOWN)):
            header = f"{AT} with ESMTPS id {DATE}"
            self.assertIs(read_hop(header.replace("id ", "id " + "x" * (octets - len(header)))).encrypted, wanted)

    def test_all_of_many_are_read(self) -> None:
        plain = f"{AT} with ESMTP id 1{DATE}"
        chain = read_chain([*[f"{AT} with ESMTPS id 1{DATE}"] * 300, plain])
        self.assertIs(reading_of(chain).conclusion, Conclusion.PLAIN)

    def test_odd_pieces(self) -> None:
        table = {
            "by mx.test by uid 89 with qmail-scanner-1.25 (clamscan: 0.60)": ("", "mx.test", "qmail-scanner-1.25"),
            "from": ("", "", ""), "by": ("", "", ""), "with": ("", "", ""), "from x by": ("x", "", ""),
            "from x by y with": ("x", "y", ""), "from x by (z) y with ESMTP": ("x", "", "ESMTP"),
            "from x by y; with ESMTP": ("x", "y", ""), "FROM x BY y WITH Z": ("x", "y", "Z"),
            "from x by y with A encrypted SMTP": ("x", "y", "SMTP"), "from x by y with A encrypted": ("x", "y", "A"),
            "from x by y (by) z with ESMTP": ("x", "y", "ESMTP"),
            "from x by y by (z) with A": ("x", "y", "A"),
            "from x) by y with Z": ("x)", "y", "Z"),
            "from <x> by y with Z": ("<>", "y", "Z"), "from x (c by y with Z": ("x", "", ""),
        }  # fmt: skip
        for header, wanted in table.items():
            hop = read_hop(header)
            self.assertEqual((hop.sender, hop.receiver, hop.protocol), wanted, header)

    def test_what_is_out_of_date(self) -> None:
        for version, cipher, weak in (
            ("TLSv1.3", GCM, False), ("TLS1_2", "X", False), ("TLSv1", "X", True), ("TLS1.0", "X", True),
            ("TLS-1.1", "X", True), ("TLS1_1", "X", True), ("SSLv3", "X", True), ("TLSv1/SSLv3", "X", True),
            ("TLSv1.2", "RC4-MD5", True), ("TLSv1.2", "DES-CBC3-SHA", True), ("TLSv1.2", "ADH-AES256-SHA", True),
        ):  # fmt: skip
            header = f"from a by b (using {version} with cipher {cipher} (256/256 bits)) with ESMTPS{DATE}"
            self.assertEqual(read_hop(header).weak is not None, weak, (version, cipher))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text(max_size=400) | st.sampled_from(list(FORMS)).flatmap(lambda form: st.text().map(form.__add__)))
    def test_anything_is_read(self, header: str) -> None:
        self.assertIsInstance(read_hop(header), Hop)

    def test_long_ones_do_not_take_long(self) -> None:
        for piece in ("(", "(TLS", "using TLS with cipher ", "version=", ";", "by ", "(Cipher TLS:"):
            self.assertEqual(len(read_chain([piece * 100_000] * 50)), 50)


class ReadingTests(SynchronousTestCase):
    def hop(self, receiver: str, seconds: int, word: str = "ESMTPS") -> str:
        return f"from a.test ([192.0.2.1]) by {receiver} with {word}; Wed, 25 Nov 2026 10:00:{seconds:02} +0100"

    def test_conclusion(self) -> None:
        plain, old = self.hop("b.test", 0, "ESMTP"), "from a by b (using TLSv1 with cipher X) with ESMTPS" + DATE
        for headers, wanted in (
            ([], Conclusion.NONE),
            ([self.hop("b.test", 0)], Conclusion.ENCRYPTED),
            ([self.hop("b.test", 0), old], Conclusion.WEAK),
            ([self.hop("b.test", 0), "by x.test with SMTP" + DATE, old], Conclusion.UNKNOWN),
            ([self.hop("b.test", 0), plain, "by x.test with SMTP" + DATE], Conclusion.PLAIN),
            (["(qmail 1 invoked by uid 1)" + DATE], Conclusion.ENCRYPTED),
        ):
            self.assertIs(reading_of(read_chain(headers)).conclusion, wanted, headers)

    def test_oldest_first_with_the_time_each_took(self) -> None:
        chain = read_chain([self.hop("c.test", 7), self.hop("b.test", 9), self.hop("a.test", 4)])
        reading = reading_of(chain)
        self.assertEqual([each.receiver for each in reading.hops], ["a.test", "b.test", "c.test"])
        self.assertEqual(reading.took, (None, 5.0, -2.0))

    def test_who_is_trusted(self) -> None:
        chain = read_chain([self.hop(each, 0) for each in ("in.us.test", "mx.us.test", "far.test", "x.us.test")])
        for names, wanted in (
            ((), 1),
            (("*.us.test",), 2),
            (("in.us.test",), 1),
            (("far.test",), 0),
            (("us.test",), 0),
        ):
            self.assertEqual(reading_of(chain, names).trusted, wanted, names)
