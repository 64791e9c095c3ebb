"""The syntax of commands."""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import BodyType, Notify, OriginalRecipient, RecipientOptions, Returned
from fopemta.mail.reply import Reply
from fopemta.smtp.commands import Chunk, Command, chunk_of, parse
from fopemta.smtp.extensions import Offered
from fopemta.smtp.parameters import MailOptions


@attrs.frozen
class Known:
    """A session, as far as it matters here."""

    offered: Offered | None = None
    utf8: bool = False
    home: str | None = None


EVERYTHING = Known(
    Offered(message_size=1000, recipients=10, mechanisms=("PLAIN",), require_tls=True, xclient=True), utf8=True
)


def reply(line: bytes, known: Known = EVERYTHING) -> str:
    found = parse(line, known)
    assert isinstance(found, Reply), found
    return f"{found.code} {found.enhanced}"


def command(line: bytes) -> Command:
    found = parse(line, EVERYTHING)
    assert isinstance(found, Command), found
    return found


def path(line: bytes) -> Mailbox | None:
    return command(line).path


class MailTests(SynchronousTestCase):
    def test_C074_C076_good_paths(self) -> None:
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
            # Dots at odd places, as real addresses have them.
            b"MAIL FROM:<bob.@example.org>": Mailbox("bob.", "example.org"),
            b"MAIL FROM:<.bob@example.org>": Mailbox(".bob", "example.org"),
            b"MAIL FROM:<b..o...b..@example.org>": Mailbox("b..o...b..", "example.org"),
            b'MAIL FROM:<"b..ob."@example.org>': Mailbox("b..ob.", "example.org"),
        }
        self.assertEqual({line: path(line) for line in table}, table)

    def test_dots_at_odd_places_go_on_as_they_came(self) -> None:
        for address in (
            "bob.@example.org",
            ".bob@example.org",
            "b..ob@example.org",
            ".b...@example.org",
            "..é@example.org",
        ):
            self.assertEqual(str(path(f"MAIL FROM:<{address}> SMTPUTF8".encode())), address)
        for address in ('"."@example.org', '".."@example.org', '""@example.org', '"a. b"@example.org'):
            self.assertEqual(str(path(f"MAIL FROM:<{address}>".encode())), address)

    def test_clients_who_are_known_may_leave_out_brackets_and_a_senders_domain(self) -> None:
        lenient = attrs.evolve(EVERYTHING, home="us.test")
        bob, root = Mailbox("bob", "example.org"), Mailbox("root", "us.test")
        table: dict[bytes, Mailbox | None] = {
            b"MAIL FROM:bob@example.org": bob,
            b"mail from: bob@Example.org  SIZE=5 BODY=8BITMIME ": bob,
            b"MAIL FROM:a=b@example.org": Mailbox("a=b", "example.org"),
            b"MAIL FROM:@a.test:bob@example.org": bob,
            b"MAIL FROM:<root>": root,
            b"MAIL FROM:root SIZE=5": root,
            b"MAIL FROM:<.ro..ot.>": Mailbox(".ro..ot.", "us.test"),
            b"MAIL FROM:<>": None,
            b"MAIL FROM:<bob@example.org>": bob,
            b'MAIL FROM:<"b>o b"@example.org>': Mailbox("b>o b", "example.org"),
            b"RCPT TO:bob@example.org": bob,
            b"RCPT TO: bob@example.org NOTIFY=NEVER": bob,
            b"RCPT TO:postmaster": Mailbox("postmaster", ""),
        }
        for line, wanted in table.items():
            found = parse(line, lenient)
            assert isinstance(found, Command), (line, found)
            self.assertEqual(found.path, wanted, line)
        # What two readers could split in different ways, and what nobody means.
        for line in (
            b"MAIL FROM:", b"MAIL FROM: ", b"MAIL FROM:SIZE=5", b"MAIL FROM: SIZE=5 BODY=7BIT",
            b"MAIL FROM:bo b@example.org",
            b'MAIL FROM:"bo b"@example.org', b'MAIL FROM:"bob"@example.org', b"MAIL FROM:bob@example.org>",
            b"MAIL FROM:bob<@example.org", b"MAIL FROM:a\\b@example.org", b"MAIL FROM:x <bob@example.org>",
            b"MAIL FROM:<bo b@example.org>", b"MAIL FROM:<ro ot>", b"MAIL FROM:<root", b"MAIL FROM:root>",
            b"MAIL FROM:<root@>", b"MAIL FROM:<@example.org>", b"MAIL FROM:<a\tb@example.org>",
            b"MAIL FROM:a\0b@example.org", b"MAIL FROM:<.>",
            b"MAIL FROM:a,b@example.org", b"MAIL FROM:bob@example.org,SIZE=5", b"MAIL FROM:<" + b"r" * 250 + b">",
            "MAIL FROM:bob\u00a0@example.org SMTPUTF8".encode(),
            b"RCPT TO:root", b"RCPT TO:<root>", b"RCPT TO:", b"RCPT TO:NOTIFY=NEVER", b"RCPT TO:a b@example.org",
        ):  # fmt: skip
            self.assertEqual(reply(line, lenient)[:3], "501", line)

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
            b"MAIL FROM:<.@example.org>": "501 5.1.7",
            b"MAIL FROM:<..@example.org>": "501 5.1.7",
            b"MAIL FROM:<root>": "501 5.1.7",
            b"MAIL FROM:root": "501 5.1.7",
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
            b"MAIL FROM:<a\0b@example.org>": "501 5.5.2",
            b"MAIL FROM:<a\tb@example.org>": "501 5.5.2",
        }
        self.assertEqual({line: reply(line) for line in table}, table)

    def test_parameters(self) -> None:
        table = {
            b"SIZE=100 body=8bitmime": MailOptions(size=100, body=BodyType.EIGHT_BIT_MIME),
            b"BODY=BINARYMIME": MailOptions(body=BodyType.BINARY_MIME),
            b"smtputf8": MailOptions(smtputf8=True),
            b"REQUIRETLS": MailOptions(require_tls=True),
            b"RET=hdrs ENVID=QQ+2B+3D1": MailOptions(returned=Returned.HEADERS, envelope_id="QQ+=1"),
            # C078: of no consequence, whatever they say.
            b"AUTH=<>": MailOptions(),
            b"AUTH=a+2Bb@example.org": MailOptions(),
        }
        found = {text: command(b"MAIL FROM:<a@b.test>  " + text + b" ").mail for text in table}
        self.assertEqual(found, table)

    def test_C078_bad_parameters(self) -> None:
        table = {
            b"MAIL FROM:<> FOO=1": "555 5.5.4",
            b"MAIL FROM:<> NOTIFY=NEVER": "555 5.5.4",
            b"MAIL FROM:<> SMTPUTF8=1": "501 5.5.4",
            b"MAIL FROM:<> REQUIRETLS=yes": "501 5.5.4",
            b"MAIL FROM:<> RET=ALL": "501 5.5.4",
            b"MAIL FROM:<> RET": "501 5.5.4",
            b"MAIL FROM:<> ENVID=": "501 5.5.4",
            b"MAIL FROM:<> ENVID=+2": "501 5.5.4",
            b"MAIL FROM:<> ENVID=a+0Ab": "501 5.5.4",
            b"MAIL FROM:<> ENVID=" + b"x" * 101: "501 5.5.4",
            b"MAIL FROM:<> AUTH=+zz": "501 5.5.4",  # C078
            b"MAIL FROM:<> AUTH=bob": "501 5.5.4",
            "MAIL FROM:<> ENVID=é".encode(): "501 5.5.4",
            b"MAIL FROM:<> SIZE=1 SIZE=1": "501 5.5.4",
            b"MAIL FROM:<> SIZE=x": "501 5.5.4",
            b"MAIL FROM:<> SIZE": "501 5.5.4",
            b"MAIL FROM:<> SIZE=" + b"1" * 21: "501 5.5.4",
            b"MAIL FROM:<> BODY=9BIT": "501 5.5.4",
            b"MAIL FROM:<> BODY": "501 5.5.4",
            b"MAIL FROM:<> AUTH=": "501 5.5.4",
            b"MAIL FROM:<> AUTH": "501 5.5.4",
            b"MAIL FROM:<> =x": "501 5.5.4",
        }
        self.assertEqual({line: reply(line) for line in table}, table)

    def test_parameters_are_known_only_where_their_extension_is_offered(self) -> None:
        self.assertEqual(reply(b"MAIL FROM:<> SIZE=1", Known()), "555 5.5.4")
        few = Known(Offered(message_size=0, recipients=10, without=frozenset({"CHUNKING", "DSN"})))
        table = {
            b"MAIL FROM:<> BODY=BINARYMIME": "501 5.5.4",
            b"MAIL FROM:<> RET=FULL": "555 5.5.4",
            b"MAIL FROM:<> AUTH=<>": "555 5.5.4",
            b"MAIL FROM:<> REQUIRETLS": "555 5.5.4",
            b"MAIL FROM:<> BODY=9BIT": "501 5.5.4",
            b"MAIL FROM:<> BODY": "501 5.5.4",
            b"RCPT TO:<a@b.test> NOTIFY=NEVER": "555 5.5.4",
        }
        self.assertIsInstance(parse(b"MAIL FROM:<> BODY=8bitmime", few), Command)
        self.assertEqual({line: reply(line, few) for line in table}, table)

    def test_internationalised_addresses(self) -> None:
        table = {
            "MAIL FROM:<bücher@Bücher.example> SMTPUTF8": Mailbox("bücher", "xn--bcher-kva.example"),
            'MAIL FROM:<"bü cher"@example.org> SMTPUTF8': Mailbox("bü cher", "example.org"),
            "MAIL FROM:<用户@例え.テスト> SMTPUTF8": Mailbox("用户", "xn--r8jz45g.xn--zckzah"),
            "RCPT TO:<用户@example.org>": Mailbox("用户", "example.org"),
        }
        self.assertEqual({text: path(text.encode()) for text in table}, table)
        refused = {
            "MAIL FROM:<bücher@example.org>": "553 5.6.7",
            "MAIL FROM:<a@bücher.example>": "553 5.6.7",
            "MAIL FROM:<a@xn--\u00fc> SMTPUTF8": "501 5.1.7",
            "MAIL FROM:<a@" + "ü." * 40 + "test> SMTPUTF8": "501 5.1.7",
            "MAIL FROM:<a\u2028b@example.org> SMTPUTF8": "501 5.5.2",
            "MAIL FROM:<a\u202eb@example.org> SMTPUTF8": "501 5.5.2",
            "MAIL FROM:<" + "ü" * 125 + "@example.org> SMTPUTF8": "501 5.1.7",
        }
        self.assertEqual({text: reply(text.encode()) for text in refused}, refused)
        self.assertEqual(reply(b"MAIL FROM:<\xff@example.org> SMTPUTF8"), "501 5.5.2")
        self.assertEqual(reply("RCPT TO:<ü@example.org>".encode(), Known(EVERYTHING.offered)), "553 5.6.7")


class OtherCommandTests(SynchronousTestCase):
    def test_recipients(self) -> None:
        self.assertEqual(path(b"RCPT TO:<Postmaster>"), Mailbox("postmaster", ""))
        self.assertEqual(path(b"rcpt to:<bob@example.org>"), Mailbox("bob", "example.org"))
        table = {b"RCPT TO:<>": "501 5.1.3", b"RCPT TO:<bob>": "501 5.1.3", b"RCPT TO:<a@b.test> X=1": "555 5.5.4"}
        table[b"RCPT FROM:<a@b.test>"] = "501 5.5.4"
        self.assertEqual({line: reply(line) for line in table}, table)

    def test_what_recipients_bring(self) -> None:
        table = {
            "NOTIFY=never": RecipientOptions(frozenset({Notify.NEVER})),
            "notify=success,DELAY": RecipientOptions(frozenset({Notify.SUCCESS, Notify.DELAY})),
            "ORCPT=rfc822;Bob+2B1@b.test": RecipientOptions(original=OriginalRecipient("rfc822", "Bob+1@b.test")),
            "ORCPT=UTF-8;b\\x{FC}@b.test": RecipientOptions(original=OriginalRecipient("utf-8", "bü@b.test")),
            "ORCPT=utf-8;bü@b.test": RecipientOptions(original=OriginalRecipient("utf-8", "bü@b.test")),
        }
        found = {text: command(b"RCPT TO:<a@b.test> " + text.encode()).recipient for text in table}
        self.assertEqual(found, table)
        for text in ("NOTIFY", "NOTIFY=", "NOTIFY=NEVER,DELAY", "NOTIFY=DELAY,DELAY", "NOTIFY=X", "NOTIFY=FAILURE,",
                     "ORCPT=bob@b.test", "ORCPT=rfc822;", "ORCPT=;bob", "ORCPT=a b;c", "ORCPT=rfc822;+ZZ",
                     "ORCPT=rfc822;bü", "ORCPT=utf-8;\\x{D800}", "ORCPT=utf-8;\\x{110000}", "ORCPT=utf-8;a+b",
                     "ORCPT=rfc822;" + "x" * 500, "NOTIFY=NEVER NOTIFY=NEVER"):  # fmt: skip
            self.assertEqual(reply(f"RCPT TO:<a@b.test> {text}".encode())[:3], "501", text)

    def test_chunks(self) -> None:
        table: dict[bytes, Chunk | None] = {
            b"BDAT 0": Chunk(0, False),
            b"bdat 10 last": Chunk(10, True),
            b"BDAT  007  LAST ": Chunk(7, True),
            b"BDAT 9223372036854775807": Chunk(2**63 - 1, False),
            b"BDAT 9223372036854775808": None,
            b"BDAT 99999999999999999999": None,
            b"BDAT -1": None,
            b"BDAT": None,
            b"BDAT x": None,
            b"BDAT 1e3": Chunk(1, False),
            b"BDAT 5 FIRST": Chunk(5, False),
            b"BDAT 5 LAST LAST": Chunk(5, False),
        }
        found = {line: chunk_of(line) for line in table}
        for line, chunk in found.items():
            flawed = chunk is None or chunk.flaw is not None
            self.assertEqual(flawed, line in (b"BDAT 1e3", *list(table)[4:9], *list(table)[10:]), line)
            if chunk is not None:
                found[line] = Chunk(chunk.octets, chunk.last)
        self.assertEqual(found, table)

    def test_etrn(self) -> None:
        self.assertEqual(command(b"ETRN Example.ORG").name, "example.org")
        self.assertEqual(command(b"ETRN @example.org").name, "@example.org")
        table = {b"ETRN": "501 5.5.4", b"ETRN a b": "501 5.5.4", b"ETRN #queue": "458 4.5.4", b"ETRN a..b": "501 5.5.4",
                 b"ETRN " + b"a." * 128 + b"b": "501 5.5.4"}  # fmt: skip
        self.assertEqual(len(command(b"ETRN " + b"a." * 127 + b"b").name), 255)
        self.assertEqual({line: reply(line) for line in table}, table)

    def test_auth(self) -> None:
        table = {
            b"AUTH plain": ("PLAIN", None),
            b"AUTH PLAIN =": ("PLAIN", "="),
            b"AUTH SCRAM-SHA-256 biws": ("SCRAM-SHA-256", "biws"),
        }
        self.assertEqual({line: (command(line).name, command(line).argument) for line in table}, table)
        for line in (b"AUTH", b"AUTH ", b"AUTH PLAIN a b", b"AUTH <plain>", b"AUTH " + b"A" * 21):
            self.assertEqual(reply(line), "501 5.5.4", line)

    def test_xclient_is_unknown_to_whom_it_is_not_offered(self) -> None:
        self.assertEqual(command(b"XCLIENT ADDR=192.0.2.1").argument, "ADDR=192.0.2.1")
        self.assertEqual(reply(b"XCLIENT ADDR=192.0.2.1", Known()), "500 5.5.1")

    def test_C196_what_is_no_word_is_no_name(self) -> None:
        for name in (b"", b" ", b"a b", b"\xff b", b"a\0b", b"a\tb", b"a\x7f", b"a" * 256, b"\xff" * 256):
            self.assertEqual(reply(b"EHLO " + name)[:3], "501", name)

    def test_C196_any_other_name_is_taken_and_kept_in_letters_that_are_safe_everywhere(self) -> None:
        table = {
            b"(((": "???", b'"': "?", b";": "?", b"<a>": "?a?", b"a;b": "a?b", b"my_pc": "my_pc",
            b"bob's-pc": "bob?s-pc", b"-a..b-": "-a..b-", b"a=b,c": "a?b?c",
            "büro".encode(): "b??ro", "büro".encode("latin-1"): "b?ro", b"\xff\xfe": "??", b"\xc2\x85": "??",
            b"[IPv6:zz]": "[IPv6:zz]", b"[192.0.2]": "[192.0.2]", b"[ipv6:2001:DB8:0::1]": "[IPv6:2001:db8::1]",
            b"a" * 255: "a" * 255,
        }  # fmt: skip
        for verb in (b"EHLO ", b"helo "):
            self.assertEqual({name: command(verb + name).name for name in table}, table)

    def test_usual_names_are_taken(self) -> None:
        for name in (
            b"mx.example.org",
            b"mx.example.org.",
            b"[192.0.2.1]",
            b"[IPv6:2001:db8::1]",
            b"a_b",
            b"192.0.2.1",
        ):
            self.assertIsInstance(parse(b"EHLO " + name, Known()), Command, name)

    def test_C021_arguments_where_there_are_none(self) -> None:
        # C021
        for verb in (b"DATA", b"RSET", b"QUIT", b"STARTTLS"):
            self.assertEqual(reply(verb + b" now"), "501 5.5.4", verb)
            self.assertIsInstance(parse(verb.lower() + b" ", EVERYTHING), Command)

    def test_unknown(self) -> None:
        for line in (b"", b"FOO", b"EXPN list", b"TURN", b"\xff\xfe", b"GET / HTTP/1.1", b"MAILFROM:<a@b>"):
            self.assertEqual(reply(line), "500 5.5.1", line)

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.sampled_from([b"MAIL FROM:<", b"RCPT TO:<", b"EHLO ", b"MAIL FROM:<a@b> ", b""]), st.binary(max_size=60))
    def test_any_bytes_give_a_command_or_a_reply(self, start: bytes, rest: bytes) -> None:
        found = parse(start + rest, EVERYTHING)
        if isinstance(found, Command) and found.name:
            self.assertRegex(found.name, r"\A[A-Za-z0-9._:\[\]?@-]+\Z")
        if isinstance(found, Command) and found.path is not None and found.path.domain:
            again = parse(b"RCPT TO:<" + str(found.path).encode() + b">", EVERYTHING)
            assert isinstance(again, Command)
            self.assertEqual(again.path, found.path)
