"""Header fields that we add."""

from __future__ import annotations

from email import message_from_bytes
from email.header import decode_header, make_header

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.header_field import LONGEST_VALUE, header_field, is_reserved

ASCII = st.text(alphabet="ab ;,=?_:", min_size=1, max_size=400)
ANY = st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=300)


class HeaderFieldTests(SynchronousTestCase):
    def test_short_ascii_is_as_it_was_written(self) -> None:
        self.assertEqual(header_field("X-Seen", "yes, it was"), b"X-Seen: yes, it was\r\n")

    def test_folded_before_a_blank(self) -> None:
        found = header_field("X-Seen", "word " * 40 + "end")
        self.assertEqual(found.replace(b"\r\n", b""), b"X-Seen: " + b"word " * 40 + b"end")
        self.assertLessEqual(max(map(len, found.split(b"\r\n"))), 78)
        self.assertEqual(header_field("X", "a " * 37 + "b"), b"X: " + b"a " * 37 + b"b\r\n", "78 are not too many")
        self.assertEqual(header_field("X", "a " * 37 + "bc"), b"X: " + b"a " * 36 + b"a\r\n bc\r\n")
        self.assertEqual(header_field("X", "a" * 90 + " b"), b"X: " + b"a" * 90 + b"\r\n b\r\n")
        self.assertEqual(header_field("X", " " * 90 + "b"), b"X: " + b" " * 90 + b"b\r\n")
        self.assertEqual(header_field("X", "b" + " " * 90), b"X: b" + b" " * 90 + b"\r\n")

    def test_other_letters_and_endless_words_are_encoded(self) -> None:
        for value in ("Grüße aus Köln", "ü" * 400, "x" * 2000, "x" * LONGEST_VALUE):
            found = header_field("X-Seen", value)
            self.assertTrue(found.isascii())
            self.assertLessEqual(max(map(len, found.split(b"\r\n"))), 78)
            self.assertEqual(str(make_header(decode_header(message_from_bytes(found)["X-Seen"]))), value)
        self.assertEqual(header_field("X", "x" * 995), b"X: " + b"x" * 995 + b"\r\n")
        self.assertIn(b"=?utf-8?", header_field("X", "x" * 996))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(ASCII | ANY)
    def test_any_text_is_one_field_of_legal_lines(self, value: str) -> None:
        found = header_field("X-Seen", value)
        self.assertTrue(found.isascii() and found.endswith(b"\r\n"))
        lines = found.split(b"\r\n")[:-1]
        self.assertNotIn(b"\r", found.replace(b"\r\n", b""))
        for number, line in enumerate(lines):
            self.assertLessEqual(len(line), 998)
            self.assertEqual(line.startswith(b" "), number > 0)
            self.assertTrue(line.strip() or value.isspace(), found)
        if value.isascii():
            self.assertEqual("".join(each.decode() for each in lines), f"X-Seen: {value}")

    def test_names_that_are_not_to_be_added(self) -> None:
        for name in (
            "Content-Type", "CONTENT-transfer-encoding", "content-disposition", "MIME-Version", "Received",
            "Return-Path", "Delivered-To", "From", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "Reply-To",
            "Sender", "In-Reply-To", "References", "Resent-From", "DKIM-Signature", "ARC-Seal",
        ):  # fmt: skip
            self.assertTrue(is_reserved(name), name)
        for name in ("X-Seen", "Precedence", "List-Id", "Auto-Submitted", "Comments", "X-Content-Type", "Fromage"):
            self.assertFalse(is_reserved(name), name)
