"""The container."""

from __future__ import annotations

import quopri
from email import message_from_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.lines import are_legal
from fopemta.report.multipart import Part, header, multipart


class PartTests(SynchronousTestCase):
    def test_encoding_follows_the_body(self) -> None:
        self.assertEqual(Part.as_it_is("a/b", "c", b"x\r\n").encoding, "7bit")
        self.assertEqual(Part.as_it_is("a/b", "c", b"\xff\r\n").encoding, "8bit")
        self.assertEqual(Part.in_ascii("a/b", "c", b"x = y\r\n").body, b"x = y\r\n")
        self.assertEqual(Part.in_ascii("a/b", "c", "é = y\r\n".encode()).body, b"=C3=A9 =3D y\r\n")

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(
        st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=200), min_size=1, max_size=5)
    )
    def test_any_text_survives_in_ascii(self, lines: list[str]) -> None:
        body = "".join(f"{line}é\r\n" for line in lines).encode()
        part = Part.in_ascii("text/plain", "c", body)
        self.assertTrue(part.body.isascii())
        self.assertEqual(part.body.count(b"\n"), part.body.count(b"\r\n"))
        self.assertLessEqual(max(map(len, part.body.split(b"\r\n"))), 76)
        self.assertEqual(quopri.decodestring(part.body), body)

    def test_lines_that_are_too_long_for_any_way_are_encoded(self) -> None:
        self.assertEqual(Part.as_it_is("a/b", "c", b"x" * 998 + b"\r\n").encoding, "7bit")
        for body in (b"x" * 999, b"y \r\n" + b"x\rz\nz.\xff" * 250 + b" \t\r\n.\r\n"):
            part = Part.as_it_is("a/b", "c", body)
            self.assertEqual((part.encoding, quopri.decodestring(part.body)), ("quoted-printable", body))
            self.assertTrue(are_legal(part.body))
            self.assertLessEqual(max(map(len, part.body.split(b"\r\n"))), 76)


class MultipartTests(SynchronousTestCase):
    def test_container_says_what_its_parts_are_at_most(self) -> None:
        for bodies, encoding in (((b"x",), "7bit"), ((b"x", b"\xff"), "8bit")):
            whole = multipart([], [Part.as_it_is("text/plain", "", each) for each in bodies], "S")
            self.assertEqual(message_from_bytes(whole)["Content-Transfer-Encoding"], encoding)

    def test_no_part_holds_the_boundary(self) -> None:
        bodies = [b"--S-0\r\n", b"x", b"--S-1--\r\n"]
        whole = message_from_bytes(
            multipart([header("A", "b")], [Part.as_it_is("text/plain", "", x) for x in bodies], "S")
        )
        self.assertEqual((whole["A"], whole.get_boundary(), len(whole.get_payload())), ("b", "S-2", 3))
