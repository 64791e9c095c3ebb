"""The syntax of commands."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import BodyType
from fopemta.mail.reply import Reply
from fopemta.smtp.commands import Command, Verb, parse


def reply(line: bytes, extended: bool = True) -> str:
    found = parse(line, extended)
    assert isinstance(found, Reply), found
    return f"{found.code} {found.enhanced}"


def path(line: bytes) -> Mailbox | None:
    found = parse(line, True)
    assert isinstance(found, Command), found
    return found.path


class MailTests(SynchronousTestCase):
    def test_good_paths(self) -> None:
        table = {
            b"MAIL FROM:<>": None,
            b"mail from:<Bob@Example.ORG>": Mailbox("Bob", "example.org"),
            b"MaIl FrOm: <bob@example.org> ": Mailbox("bob", "example.org"),  # C076
            b"MAIL FROM:<@a.test,@b.test:bob@example.org>": Mailbox("bob", "example.org"),
            b'MAIL FROM:<"two words"@example.org>': Mailbox("two words", "example.org"),  # C074
            b'MAIL FROM:<"a>b@c"@example.org>': Mailbox("a>b@c", "example.org"),
            b'MAIL FROM:<"q\\"q"@example.org>': Mailbox('q"q', "example.org"),
            b"MAIL FROM:<bob@[192.0.2.1]>": Mailbox("bob", "[192.0.2.1]"),
            b"MAIL FROM:<bob@[ipv6:2001:DB8:0::1]>": Mailbox("bob", "[IPv6:2001:db8::1]"),
            # RFC 5321 4.5.3.1.1 wants 64 at least; VERP and SRS make longer ones.
            b"MAIL FROM:<" + b"a" * 242 + b"@example.org>": Mailbox("a" * 242, "example.org"),
            b"MAIL FROM:<a_b@sub_domain.example.org>": Mailbox("a_b", "sub_domain.example.org"),
        }
        self.assertEqual({line: path(line) for line in table}, table)

    def test_C106_null_sender_is_good_everywhere(self) -> None:
        self.assertIsNone(path(b"MAIL FROM:<> BODY=8BITMIME SIZE=5"))

    def test_bad_paths(self) -> None:
        table = {
            b"MAIL": "501 5.5.4",
            b"MAIL bob@example.org": "501 5.5.4",
            b"MAIL FROM:": "501 5.1.7",
            b"MAIL FROM:bob@example.org": "501 5.1.7",
            b"MAIL FROM:<bob>": "501 5.1.7",
            b"MAIL FROM:<bob@>": "501 5.1.7",
            b"MAIL FROM:<@example.org>": "501 5.1.7",
            b"MAIL FROM:<bob@example..org>": "501 5.1.7",
            b"MAIL FROM:<bob@-example.org>": "501 5.1.7",
            b"MAIL FROM:<bob.@example.org>": "501 5.1.7",
            b"MAIL FROM:<.bob@example.org>": "501 5.1.7",
            b"MAIL FROM:<bo b@example.org>": "501 5.1.7",
            b"MAIL FROM:<bob@example.org": "501 5.1.7",
            b"MAIL FROM:<bob@example.org>x": "501 5.1.7",
            b"MAIL FROM:<bob@[192.0.2]>": "501 5.1.7",
            b"MAIL FROM:<bob@[IPv6:zz]>": "501 5.1.7",
            b"MAIL FROM:<bob@a@example.org>": "501 5.1.7",
            b"MAIL FROM:<" + b"a" * 243 + b"@example.org>": "501 5.1.7",
            b"MAIL FROM:<a@" + b"a." * 130 + b"org>": "501 5.1.7",
            # C196: never decoded, and the colon is no atext.
            b"MAIL FROM:<=?utf-8?q?a=0D=0AX:1?=@e.org>": "501 5.1.7",
            "MAIL FROM:<bücher@example.org>".encode(): "553 5.6.7",
            b"MAIL FROM:<a\0b@example.org>": "501 5.5.2",
            b"MAIL FROM:<a\tb@example.org>": "501 5.5.2",
        }
        self.assertEqual({line: reply(line) for line in table}, table)

    def test_parameters(self) -> None:
        found = parse(b"MAIL FROM:<a@b.test> size=100 body=8bitmime", True)
        self.assertEqual(found, Command(Verb.MAIL, path=Mailbox("a", "b.test"), size=100, body=BodyType.EIGHT_BIT_MIME))
        table = {
            b"MAIL FROM:<> FOO=1": "555 5.5.4",
            b"MAIL FROM:<> SMTPUTF8": "555 5.5.4",
            b"MAIL FROM:<> SIZE=1 SIZE=1": "501 5.5.4",
            b"MAIL FROM:<> SIZE=x": "501 5.5.4",
            b"MAIL FROM:<> SIZE": "501 5.5.4",
            b"MAIL FROM:<> SIZE=" + b"1" * 21: "501 5.5.4",
            b"MAIL FROM:<> BODY=9BIT": "501 5.5.4",
            b"MAIL FROM:<> =x": "501 5.5.4",
        }
        self.assertEqual({line: reply(line) for line in table}, table)

    def test_parameters_need_ehlo(self) -> None:
        self.assertEqual(reply(b"MAIL FROM:<> SIZE=1", extended=False), "555 5.5.4")


class OtherCommandTests(SynchronousTestCase):
    def test_recipients(self) -> None:
        self.assertEqual(path(b"RCPT TO:<Postmaster>"), Mailbox("postmaster", ""))
        self.assertEqual(path(b"rcpt to:<bob@example.org>"), Mailbox("bob", "example.org"))
        table = {b"RCPT TO:<>": "501 5.1.3", b"RCPT TO:<bob>": "501 5.1.3", b"RCPT TO:<a@b.test> X=1": "555 5.5.4"}
        table[b"RCPT FROM:<a@b.test>"] = "501 5.5.4"
        self.assertEqual({line: reply(line) for line in table}, table)

    def test_C196_hostile_names_are_refused(self) -> None:
        for name in (b"", b"(((", b'"', b";", b"a" * 900, b"[IPv6:zz]", b"\xff", b"a b", b"a\0b", b"<a>", b"a;b"):
            self.assertEqual(reply(b"EHLO " + name)[:3], "501", name)

    def test_usual_names_are_taken(self) -> None:
        for name in (
            b"mx.example.org",
            b"mx.example.org.",
            b"[192.0.2.1]",
            b"[IPv6:2001:db8::1]",
            b"a_b",
            b"192.0.2.1",
        ):
            self.assertIsInstance(parse(b"EHLO " + name, False), Command, name)

    def test_arguments_where_there_are_none(self) -> None:
        # C021
        for verb in (b"DATA", b"RSET", b"QUIT", b"STARTTLS"):
            self.assertEqual(reply(verb + b" now"), "501 5.5.4", verb)
            self.assertIsInstance(parse(verb.lower() + b" ", True), Command)

    def test_unknown(self) -> None:
        for line in (b"", b"FOO", b"EXPN list", b"TURN", b"\xff\xfe", b"GET / HTTP/1.1", b"MAILFROM:<a@b>"):
            self.assertEqual(reply(line), "500 5.5.1", line)

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.sampled_from([b"MAIL FROM:<", b"RCPT TO:<", b"EHLO ", b"MAIL FROM:<a@b> ", b""]), st.binary(max_size=60))
    def test_any_bytes_give_a_command_or_a_reply(self, start: bytes, rest: bytes) -> None:
        found = parse(start + rest, True)
        if isinstance(found, Command) and found.path is not None and found.path.domain:
            again = parse(b"RCPT TO:<" + str(found.path).encode() + b">", True)
            assert isinstance(again, Command)
            self.assertEqual(again.path, found.path)
