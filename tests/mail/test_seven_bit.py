"""Messages put into seven bits: whoever decodes them finds what was there before."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import SMTP

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.seven_bit import CannotConvert, seven_bit

TEXT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"


def leaves(content: bytes) -> list[tuple[str, bytes | None]]:
    """(type, decoded octets) of every leaf."""
    message: Message = message_from_bytes(content)
    return [
        (part.get_content_type(), part.get_payload(decode=True)) for part in message.walk() if not part.is_multipart()
    ]


class SevenBitTests(SynchronousTestCase):
    def check(self, content: bytes) -> bytes:
        found = seven_bit(content)
        self.assertTrue(found.isascii())
        self.assertNotIn(b"\0", found)
        self.assertTrue(
            all(len(line) <= 998 and b"\n" not in line and b"\r" not in line for line in found.split(b"\r\n"))
        )
        self.assertEqual(leaves(found), leaves(content))
        return found

    def test_text(self) -> None:
        found = self.check(TEXT + "schöne Grüße \r\n.\r\nFrom me\r\n".encode())
        self.assertIn(
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\nsch=C3=B6ne Gr=C3=BC=C3=9Fe=20\r\n=2E\r\nFrom me\r\n",
            found,
        )
        self.assertEqual(found.count(b"Content-Transfer-Encoding"), 1)

    def test_a_kind_that_is_named_without_a_version_stays(self) -> None:
        found = seven_bit(b"Content-Type: application/x-y\r\n\r\n\xff\xfe\r\n")
        self.assertEqual(
            found,
            b"Content-Type: application/x-y\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n//4NCg==",
        )

    def test_an_encoding_that_was_named_oddly_is_replaced(self) -> None:
        for field in (
            b"Content-Transfer-Encoding : 8bit",
            b"content-transfer-encoding:8bit;",
            b"CONTENT-TRANSFER-ENCODING\t:\r\n\tBINARY ",
        ):
            content = TEXT.replace(b"Content-Transfer-Encoding: 8bit", field) + "ü\r\n".encode()
            found = seven_bit(content)
            self.assertEqual(found.lower().count(b"content-transfer-encoding"), 1, field)
            self.assertTrue(found.endswith(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n"), field)

    def test_a_digest_holds_messages(self) -> None:
        inner = b"--b\r\n\r\n" + TEXT + "ü\r\n".encode() + b"--b--\r\n"
        found = seven_bit(b"MIME-Version: 1.0\r\nContent-Type: multipart/digest; boundary=b\r\n\r\n" + inner)
        self.assertIn(b"--b\r\n\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n", found)
        self.assertIn(b"quoted-printable\r\n\r\n=C3=BC\r\n--b--", found)

    def test_only_the_message_itself_names_the_version(self) -> None:
        part = b"--b\r\nContent-Type: text/plain\r\n\r\n\xfc\r\n--b--\r\n"
        for version in (b"MIME-Version: 1.0\r\n", b""):
            found = seven_bit(version + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part)
            self.assertEqual(found.count(b"MIME-Version"), len(version) // 19, found)
        self.assertIn("header", str(self.assertRaises(CannotConvert, seven_bit, b"Subject: \xfc")))

    def test_how_many_parts(self) -> None:
        head = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\r\n--b\r\n\r\n\xfc"
        self.assertTrue(seven_bit(head + b"\r\n--x" * 19_999).isascii())
        self.assertRaises(CannotConvert, seven_bit, head + b"\r\n--x" * 20_000)

    def test_what_is_plain_stays_as_it_is(self) -> None:
        for content in (b"Subject: x\r\n\r\nhello\r\n", b"", b"\r\nbody\r\n", b"no header"):
            self.assertEqual(seven_bit(content), content)

    def test_text_of_which_nobody_said_what_it_is(self) -> None:
        found = seven_bit(b"Subject: x\r\n\r\n\xe9t\xe9\r\n")
        self.assertIn(b"charset=unknown-8bit", found)
        self.assertTrue(found.endswith(b"=E9t=E9\r\n"))

    def test_long_lines(self) -> None:
        self.check(TEXT + b"x" * 3000 + b"\r\n")

    def test_parts(self) -> None:
        part = (
            b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            b"Gr\xc3\xbc\xc3\x9fe\r\n"
            b"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
            b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            b"\x00\xff\x80\r\n--b--\r\nend\r\n"
        )
        head = (
            b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        )
        found = self.check(head + b"before\r\n" + part)
        self.assertIn(b"boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\nbefore\r\n--b\r\n", found)
        self.assertIn(b"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\n", found)
        self.assertTrue(found.endswith(b"\r\n--b--\r\nend\r\n"))

    def test_how_deep_depends_on_how_large(self) -> None:
        for depth, filler, possible in ((40, 10, True), (51, 10, False), (3, 5 << 20, True), (14, 5 << 20, False)):
            content = TEXT + b"x" * 70 + b"\r\n\xff\r\n" + b"y\r\n" * (filler // 3)
            for number in range(depth):
                head = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number)
                content = head + content + b"\r\n--b%d--\r\n" % number
            if possible:
                self.assertTrue(seven_bit(content).isascii())
            else:
                self.assertRaises(CannotConvert, seven_bit, content)

    def test_the_longest_line_that_may_stay(self) -> None:
        for length, stays in ((997, True), (998, True), (999, False)):
            for before in (b"", b"x\r\n" * 400, b"x" * 998 + b"\r\n"):
                for after in (b"", b"\r\n", b"\r\n\r\n"):
                    content = b"Subject: x\r\n\r\n" + before + b"y" * length + after
                    self.assertEqual(seven_bit(content) == content, stays, (length, len(before), after))

    def test_C148_messages_in_messages(self) -> None:
        inner = TEXT + "für dich\r\n".encode()
        self.check(
            b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + inner
        )

    def test_C148_what_must_not_be_touched(self) -> None:
        eight = "ö\r\n".encode()
        table = {
            b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n" + eight: "signed",
            b"Subject: \xc3\xb6\r\n\r\n" + eight: "header",
            b"Content-Transfer-Encoding: base64\r\n\r\n" + eight: "encoding that it names",
            b"Content-Type: multipart/mixed\r\n\r\n" + eight: "no boundary",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + eight + b"--b--\r\n": "around the parts",
            b"Content-Type: message/external-body\r\n\r\n" + eight: "must not be encoded",
            b"Content-Transfer-Encoding: base64;\r\n\r\n" + eight: "encoding that it names",
            b"Content-Transfer-Encoding : (x) Base64 \r\n\r\n" + eight: "encoding that it names",
            b"Content-Transfer-Encoding: x-uuencode\r\n\r\n" + eight: "encoding that it names",
            b"Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64\r\n\r\n" + eight: "two things",
            b"Content-Type: text/plain\r\nContent-Type: image/png\r\n\r\n" + eight: "two things",
            b'Content-Type: multipart/mixed; boundary="b\r\n\r\n--b\r\n\r\n' + eight: "no boundary",
            b"Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--b\r\n\r\n" + eight: "no boundary",
            b"Content-Type: multipart/mixed; boundary=" + b"b" * 257 + b"\r\n\r\n" + eight: "no boundary",
            b"A: b\r\n" * 10_001 + b"\r\n" + eight: "too large",
        }
        for content, words in table.items():
            self.assertIn(words, str(self.assertRaises(CannotConvert, seven_bit, content)))
        self.assertTrue(seven_bit(b"A: b\r\n" * 10_000 + b"\r\n" + eight).isascii())
        boundary = b"b" * 256
        longest = (
            b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n--" + boundary + b"\r\n\r\n" + eight
        )
        self.assertTrue(seven_bit(longest).isascii())
        deep = eight
        for _ in range(60):
            deep = b"Content-Type: message/rfc822\r\n\r\n" + deep
        self.assertRaises(CannotConvert, seven_bit, deep)

    @settings(deadline=None, derandomize=True, max_examples=150)
    @given(st.lists(st.text(max_size=200), min_size=1, max_size=4), st.binary(max_size=400))
    def test_whatever_parts(self, texts: list[str], octets: bytes) -> None:
        whole = MIMEMultipart()
        for text in texts:
            part = MIMENonMultipart("text", "plain", charset="utf-8")
            part["Content-Transfer-Encoding"] = "8bit"
            part.set_payload("\n".join(text.splitlines()).replace("\0", "").encode().decode("ascii", "surrogateescape"))
            whole.attach(part)
        whole.attach(MIMEApplication(octets))
        self.check(whole.as_bytes(policy=SMTP.clone(cte_type="8bit", max_line_length=None)))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(
        st.binary(max_size=200),
        st.sampled_from([b"", TEXT, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"]),
    )
    def test_whatever_octets(self, octets: bytes, head: bytes) -> None:
        try:
            found = seven_bit(head + octets)
        except CannotConvert:
            return
        self.assertTrue(found.isascii())
        self.assertTrue(all(len(line) <= 998 for line in found.split(b"\r\n")))
