"""What comes back of a message."""

from __future__ import annotations

import quopri
from itertools import product

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.envelope import BodyType, Returned
from fopemta.mail.lines import are_legal
from fopemta.report.enclosure import LARGEST_ENCLOSED, Back, Enclosed, enclosure, extent
from fopemta.report.kinds import Kind
from tests.report.samples import MESSAGE, message_with

HEADERS = b"Received: from x\r\n\tby y\r\nSubject: Lunch\r\n"


class ExtentTests(SynchronousTestCase):
    def test_kind_x_ret(self) -> None:
        whole = {
            (kind.value, returned.value if returned else None)
            for kind, returned in product(Kind, (None, *Returned))
            if extent(kind, message_with(returned=returned)).extent is Enclosed.WHOLE
        }
        self.assertEqual(
            whole,
            {("failure", None), ("failure", "FULL"), ("double_bounce", None), ("double_bounce", "FULL")},
        )

    def test_headers_only_whatever_ret_says(self) -> None:
        for kind, returned in product(Kind, (None, *Returned)):
            message = message_with(returned=returned)
            self.assertIs(extent(kind, message, Enclosed.HEADERS).extent, Enclosed.HEADERS)
            self.assertIs(extent(kind, message, Enclosed.NOTHING).extent, Enclosed.NOTHING)
            self.assertIsNone(enclosure(message, HEADERS, Enclosed.NOTHING, utf8=False))

    def test_size(self) -> None:
        for size, whole in ((LARGEST_ENCLOSED, True), (LARGEST_ENCLOSED + 1, False)):
            self.assertIs(extent(Kind.FAILURE, attrs.evolve(MESSAGE, size=size)).extent is Enclosed.WHOLE, whole)

    def test_why_not_is_said_to_whom_it_concerns(self) -> None:
        large = attrs.evolve(MESSAGE, size=LARGEST_ENCLOSED + 1)
        binary = message_with(body_type=BodyType.BINARY_MIME)
        reasons = [
            extent(Kind.FAILURE, large).why_not,
            extent(Kind.FAILURE, binary).why_not,
            extent(Kind.FAILURE, MESSAGE, Enclosed.HEADERS).why_not,
        ]
        self.assertEqual(len(set(reasons)), 3)
        self.assertTrue(all(each.endswith("headers are enclosed.") for each in reasons))
        for kind in (Kind.DELAY, Kind.SUCCESS, Kind.RELAYED):
            self.assertEqual(extent(kind, large), Back(Enclosed.HEADERS))
        short = attrs.evolve(message_with(returned=Returned.HEADERS), size=LARGEST_ENCLOSED + 1)
        self.assertEqual(extent(Kind.FAILURE, short, Enclosed.HEADERS), Back(Enclosed.HEADERS))

    def test_what_cannot_be_sent_as_lines_does_not_come_back_whole(self) -> None:
        good = b"Subject: x\r\n\r\n"
        for flaw, whole in ((b"a\0", False), (b"a\rb", False), (b"a\nb", False), (b"a\r", False),
                            (b"y" * 998, True), (b"y" * 999, False), (b"\xff", True)):  # fmt: skip
            for original in (good + flaw, good + flaw + b"\r\nz\r\n", good + b"z\r\n" + flaw + b"\r\n"):
                back = extent(Kind.FAILURE, MESSAGE, original=original)
                self.assertIs(back.extent, Enclosed.WHOLE if whole else Enclosed.HEADERS, original)

    def test_zero_octets_are_binary(self) -> None:
        original = b"Subject: a\0b\r\n\r\n\0\r\n"
        back = extent(Kind.FAILURE, MESSAGE, original=original)
        self.assertEqual(back, extent(Kind.FAILURE, message_with(body_type=BodyType.BINARY_MIME)))
        part = enclosure(MESSAGE, original, back.extent, utf8=False)
        assert part is not None
        self.assertEqual((part.body, part.encoding), (b"Subject: a?b\r\n", "7bit"))


class HeadersTests(SynchronousTestCase):
    """Nothing of a body passes for a header."""

    def headers(self, original: bytes) -> bytes:
        part = enclosure(MESSAGE, original, Enclosed.HEADERS, utf8=False)
        return part.body if part else b""

    def test_end_where_the_headers_end(self) -> None:
        for rest in (
            b"\r\nsecret\r\n", b"\r\n", b"", b"secret words\r\nmore: secret\r\n\r\n", b"Secret\r\n", b"Cut",
            b": secret\r\n", b"Br\xc3\xbccke: secret\r\n", b"a b: secret\r\n",
        ):  # fmt: skip
            self.assertEqual(self.headers(HEADERS + rest), HEADERS, rest)

    def test_message_without_headers(self) -> None:
        for original in (b"\r\nsecret\r\n", b"secret\r\n", b" secret: x\r\n"):
            self.assertEqual(self.headers(original), b"")

    def test_8bit_in_a_header_stays(self) -> None:
        original = b"Subject: \xff\r\nX : y\r\n"
        part = enclosure(MESSAGE, original, Enclosed.HEADERS, utf8=False)
        assert part is not None
        self.assertEqual((part.body, part.encoding), (original, "8bit"))

    def test_long_headers_do_not_take_long(self) -> None:
        original = b"X: y\r\n\t" + b"a:" * 20000 + b"\r\n" + b"A" * 50000
        self.assertEqual(quopri.decodestring(self.headers(original)), original[:-50000])

    def test_what_is_in_them_is_brought_to_legal_lines(self) -> None:
        long = b"X: " + b"y" * 995
        table: dict[bytes, tuple[str, bytes]] = {
            b"X: a\rb\r\n": ("7bit", b"X: a?b\r\n"),
            b"X: a\r\r\n": ("7bit", b"X: a?\r\n"),
            b"X: a\r\n\tb\rBcc: c\r\n": ("7bit", b"X: a\r\n\tb?Bcc: c\r\n"),
            b"X: a\0b\xff\r\n": ("8bit", b"X: a?b\xff\r\n"),
            b"X: a\nY: b\r\n": ("", b""),
            long + b"\r\n": ("7bit", long + b"\r\n"),
            long + b"z\xff=\r\r\nX: y \r\n": ("quoted-printable", long + b"z\xff=?\r\nX: y \r\n"),
        }
        for original, (encoding, shown) in table.items():
            for utf8 in (False, True):
                part = enclosure(MESSAGE, original + b"\r\nbody", Enclosed.HEADERS, utf8=utf8)
                if part is None:
                    self.assertEqual((shown, encoding), (b"", ""))
                    continue
                self.assertTrue(are_legal(part.body), original)
                decoded = quopri.decodestring(part.body) if part.encoding == "quoted-printable" else part.body
                self.assertEqual((part.encoding, decoded), (encoding, shown), original)

    def test_internationalised_ones_as_well(self) -> None:
        message = message_with(smtputf8=True)
        for original in ("Subject: é\rx\r\n".encode(), ("Subject: " + "é" * 700 + "\r\n").encode()):
            for utf8 in (False, True):
                part = enclosure(message, original, Enclosed.HEADERS, utf8=utf8)
                assert part is not None
                self.assertEqual((part.content_type, are_legal(part.body)), ("message/global-headers", True))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(
        st.lists(st.sampled_from([b"A: b\r\n", b"\tc\r\n", b"\r\n", b"secret\r\n", b":\r\n", b"x", b" "]), max_size=12)
    )
    def test_any_lines(self, lines: list[bytes]) -> None:
        original = b"".join(lines)
        headers = self.headers(original)
        self.assertTrue(original.startswith(headers))
        self.assertNotIn(b"\r\n\r\n", headers)
        self.assertNotIn(b"\nsecret", headers)


class TypeTests(SynchronousTestCase):
    def test_every_type_and_encoding(self) -> None:
        ascii_only, utf8_headers = b"Subject: x\r\n\r\nbody\r\n", "Subject: é\r\n\r\nbody\r\n".encode()
        utf8_body = "Subject: x\r\n\r\né\r\n".encode()
        found = {}
        for name, original in (("ascii", ascii_only), ("headers", utf8_headers), ("body", utf8_body)):
            for smtputf8, whole, utf8 in product((False, True), repeat=3):
                part = enclosure(
                    message_with(smtputf8=smtputf8), original, Enclosed.WHOLE if whole else Enclosed.HEADERS, utf8=utf8
                )
                assert part is not None
                key = (name, smtputf8, whole, utf8)
                found[key] = f"{part.content_type} {part.encoding}"
        wanted = {}
        for name, smtputf8, whole, utf8 in found:
            key = (name, smtputf8, whole, utf8)
            plain = "message/rfc822" if whole else "text/rfc822-headers"
            if name == "headers" and smtputf8:
                wide = "message/global" if whole else "message/global-headers"
                wanted[key] = f"{wide} {'8bit' if utf8 else 'quoted-printable'}"
            else:
                eight = name == "headers" or (name == "body" and whole)
                wanted[key] = f"{plain} {'8bit' if eight else '7bit'}"
        self.assertEqual(found, wanted)
