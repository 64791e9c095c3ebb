"""The parts of a message."""
# ruff: noqa: E501  a case a line

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.fields import header_section
from fopemta.mime.flaws import BOUNDS, ContentBounds, Work
from fopemta.mime.parts import Parts, parts_of

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def read(octets: bytes, bounds: ContentBounds = BOUNDS, whole: bool = True) -> Parts:
    header = header_section(octets, 0, len(octets), bounds)
    return parts_of(octets, header, bounds, Work(len(octets)), whole)


def leaves(found: Parts) -> list[tuple[str, bytes]]:
    return [(each.media_type, each.content.octets) for each in found.leaves]


class PartsTests(SynchronousTestCase):
    def _check(self, octets: bytes, wanted: list[bytes], asides: list[bytes], *flaws: str) -> None:
        found = read(octets)
        self.assertEqual([content for _, content in leaves(found)], wanted, octets)
        self.assertEqual(found.asides, asides, octets)
        self.assertEqual([each.why for each in found.flaws], list(flaws), octets)

    def test_where_parts_begin_and_end(self) -> None:
        self._check(b"A: b\r\n\r\nbody\r\n", [b"body\r\n"], [])
        self._check(MIXED + b"--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n\r\n--b--\r\n", [b"x", b"y\r\n"], [])
        self._check(MIXED + b"before\r\n--b\r\n\r\nx\r\n--b--\r\nbehind\r\n", [b"x"], [b"before", b"behind\r\n"])
        self._check(MIXED + b"--b \t\r\n\r\nx\r\n--b-- \r\n", [b"x"], [])
        self._check(MIXED + b"--b\n\nx\n--b--\n", [b"x"], [])
        self._check(MIXED + b"--b\r\n\r\nx\r\n--b--", [b"x"], [])
        self._check(MIXED + b"--b\r\n--b\r\n\r\nx\r\n--b--", [b"", b"x"], [])
        self._check(MIXED + b"--b\r\n\r\nx --b\r\n y--b\r\n\r\n--b--", [b"x --b\r\n y--b\r\n"], [])

    def test_what_is_not_as_it_should_be(self) -> None:
        self._check(MIXED + b"x\r\n", [], [b"x\r\n"], "a multipart has no parts")
        self._check(MIXED + b"--b\r\n\r\nx\r\n", [b"x\r\n"], [], "a multipart does not end")
        self._check(MIXED + b"--b--\r\n--b\r\n\r\nx\r\n--b--", [b"x"], [], *["a multipart goes on after its end"] * 2)
        self._check(MIXED + b"--b\r\n\r\n--bx\r\n--b--", [b"--bx"], [], "a line is almost a boundary of parts")
        self._check(MIXED + b"--b\r\n\r\n--b--x\r\n--b--", [b"--b--x"], [], "a line is almost a boundary of parts")
        for boundary in (b"", b";boundary=", b";boundary=a;boundary=b", b";boundary=" + b"b" * 257):
            self._check(
                b"Content-Type: multipart/mixed" + boundary + b"\r\n\r\n--b\r\n", [], [b"--b\r\n"],
                "a multipart has no boundary that is valid",
            )  # fmt: skip
        boundary = b"b" * 256
        self._check(
            b"Content-Type: multipart/mixed;boundary=" + boundary + b"\r\n\r\n--" + boundary + b"\r\n\r\nx\r\n--" + boundary + b"--",
            [b"x"], [],
        )  # fmt: skip

    def test_one_that_has_not_come_to_its_end_may_end_later(self) -> None:
        self.assertEqual(read(MIXED + b"--b\r\n\r\nx", whole=False).flaws, [])
        self.assertEqual(read(MIXED + b"x", whole=False).flaws, [])

    def test_multiparts_in_multiparts(self) -> None:
        inner = b"Content-Type: multipart/alternative; boundary=bb\r\n\r\n--bb\r\n\r\nx\r\n--bb--\r\n"
        found = read(MIXED + b"--b\r\n" + inner + b"--b\r\n\r\ny\r\n--b--\r\n")
        self.assertEqual((leaves(found), found.flaws), ([("text/plain", b"x"), ("text/plain", b"y")], []))
        self.assertEqual([each.kind for each in found.kinds], ["multipart/mixed", "multipart/alternative"])
        self.assertEqual(found.asides, [])

    def test_types(self) -> None:
        table = {
            b"": ("text/plain", True, 0), b"Content-Type: Image/PNG\r\n": ("image/png", True, 0),
            b"Content-Type: text\r\n": ("text/plain", True, 1), b"Content-Type: a/b/c\r\n": ("text/plain", True, 1),
            b"Content-Type: image/png\r\nContent-Type: image/png\r\n": ("image/png", True, 0),
            b"Content-Type: image/png\r\nContent-Type: a/b\r\n": ("image/png", False, 1),
            b"Content-Type: a/b; n=\"\r\n": ("a/b", True, 1),
            b"Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 8BIT\r\n": ("text/plain", True, 0),
        }  # fmt: skip
        for fields, (media_type, sure, flaws) in table.items():
            found = read(fields + b"\r\nx" if fields else b"\r\nx")
            self.assertEqual([(each.media_type, each.sure) for each in found.leaves], [(media_type, sure)], fields)
            self.assertEqual(len(found.flaws), flaws, fields)

    def test_each_of_two_encodings_is_tried(self) -> None:
        both = b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\neA=="
        found = read(both)
        self.assertEqual(leaves(found), [("text/plain", b"eA=="), ("text/plain", b"x")])
        self.assertEqual(([each.sure for each in found.leaves], len(found.flaws)), ([False, False], 1))
        self.assertEqual(len(read(b"Content-Transfer-Encoding: 8bit\r\n" * 4 + b"\r\n").flaws), 0)
        self.assertEqual(len(read(b"Content-Transfer-Encoding: 8bit\r\n" * 5 + b"\r\n").flaws), 1)

    def test_a_reader_may_go_by_the_type_that_has_parts(self) -> None:
        found = read(b"Content-Type: text/plain\r\n" + MIXED + b"--b\r\n\r\nx\r\n--b--")
        self.assertEqual((leaves(found), len(found.flaws)), ([("text/plain", b"x")], 1))

    def test_disposition(self) -> None:
        found = read(b"Content-Disposition: Attachment; filename=a\r\n\r\nx").leaves[0]
        self.assertEqual((found.disposition.kind, found.disposition.word("filename")), ("attachment", "a"))
        self.assertEqual(read(b"\r\nx").leaves[0].disposition.kind, "")

    def test_messages(self) -> None:
        for kind in (b"message/rfc822", b"message/global", b"message/news"):
            found = read(b"Content-Type: " + kind + b"\r\n\r\nSubject: y\r\n\r\nx")
            self.assertEqual((leaves(found), found.flaws), ([("text/plain", b"x")], []))
            self.assertEqual([header.all("subject") for header in found.nested], [[b" y"]])
        found = read(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTogYg0KDQp4*")
        self.assertEqual([content for _, content in leaves(found)], [b"x", b""])
        self.assertEqual([each.why for each in found.flaws][:1], ["a part in base64 holds other octets"])
        digest = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n\r\nx\r\n--b--"
        self.assertEqual((leaves(read(digest)), len(read(digest).nested)), ([("text/plain", b"x")], 1))
        self.assertEqual(
            leaves(read(b"Content-Type: message/delivery-status\r\n\r\nx")), [("message/delivery-status", b"x")]
        )

    def test_a_multipart_that_is_encoded(self) -> None:
        coded = b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        found = read(coded + b"LS1iDQoNCngNCi0tYi0t\r\n")
        self.assertEqual(
            (leaves(found), [each.why for each in found.flaws]), ([("text/plain", b"x")], ["a multipart is encoded"])
        )
        # Which of two is meant nobody can tell; the parts are there by the first.
        found = read(
            coded.replace(b"\r\nContent-T", b"\r\nContent-Transfer-Encoding: 8bit\r\nContent-T")
            + b"--b\r\n\r\nx\r\n--b--"
        )
        self.assertEqual((leaves(found), len(found.flaws)), ([("text/plain", b"x")], 1))
        # Most that say so have not done it.
        found = read(coded + b"--b\r\n\r\nx\r\n--b--\r\n")
        self.assertEqual((leaves(found), found.flaws), ([("text/plain", b"x")], []))

    def test_a_part_whose_header_does_not_end_within_the_bound(self) -> None:
        found = read(MIXED + b"--b\r\n" + b"A: b\r\n" * 20 + b"\r\nx\r\n--b--", ContentBounds(header=100))
        self.assertEqual((leaves(found), [each.bound for each in found.flaws]), ([], ["header"]))

    def test_what_is_gone_over_is_counted(self) -> None:
        for octets, wanted in (
            (b"A: b\r\n\r\n12345", 5 + 5),
            (b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\n12345", 2 * 13 + 2 * 5),
            (MIXED + b"--b\r\n\r\n12345\r\n--b--", 19 + 2 * 5),
        ):
            work = Work(0)
            before = work.left
            parts_of(octets, header_section(octets, 0, len(octets), BOUNDS), BOUNDS, work, True)
            self.assertEqual(before - work.left, wanted, octets)

    def test_depth_and_parts_and_lines(self) -> None:
        message = b"Content-Type: message/rfc822\r\n\r\n"
        for bounds, octets, bound in (
            (ContentBounds(depth=3), message * 3 + b"\r\nx", ""),
            (ContentBounds(depth=3), message * 4 + b"\r\nx", "depth"),
            (ContentBounds(parts=3), MIXED + b"--b\r\n\r\nx\r\n" * 2 + b"--b--", ""),
            (ContentBounds(parts=3), MIXED + b"--b\r\n\r\nx\r\n" * 3 + b"--b--", "parts"),
            (ContentBounds(parts=3), MIXED + b"--b\r\n\r\n" + b"--b\t-\r\n" * 10 + b"--b--", ""),
            (ContentBounds(parts=3), MIXED + b"--b\r\n\r\n" + b"--b\t-\r\n" * 11 + b"--b--", "parts"),
        ):
            self.assertEqual("".join(each.bound for each in read(octets, bounds).flaws), bound, octets)
