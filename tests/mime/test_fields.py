"""Header sections in fields."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.fields import Field, fields_of_body, has_bare_line_ends, header_section
from fopemta.mime.flaws import BOUNDS, ContentBounds

NO_FIELD, NO_NAME, BLANK = (
    "a line of the header is no field",
    "a field of the header has no valid name",
    "a line of the header is blank",
)
BARE = "a line of the header ends with a bare CR or LF"


class HeaderSectionTests(SynchronousTestCase):
    def test_table(self) -> None:
        table: dict[bytes, tuple[list[tuple[str, bytes]], list[str], int]] = {
            b"A: b\r\n\r\nbody": ([("a", b" b")], [], 8),
            b"A: b\r\nC:d\r\n\r\n": ([("a", b" b"), ("c", b"d")], [], 13),
            b"A : b\r\nX-Y\t:\r\n c\r\n\r\n": ([("a", b" b"), ("x-y", b"\n c")], [], 20),
            b"A: b": ([("a", b" b")], [], 4),
            b"A: b\r\n": ([("a", b" b")], [], 6),
            b"": ([], [], 0),
            b"\r\nbody": ([], [], 2),
            b"\nbody": ([], [], 1),
            b"\rbody": ([], [], 1),
            b"A: b\n\nbody": ([("a", b" b")], [], 6),
            b"A: b\nC: d\r\n\r\n": ([("a", b" b"), ("c", b" d")], [BARE], 13),
            b"A: b\rC: d\r\n\r\n": ([("a", b" b"), ("c", b" d")], [BARE], 13),
            b"A: b\r\rbody": ([("a", b" b")], [], 6),
            b"none\r\nC: d\r\n\r\n": ([("c", b" d")], [NO_FIELD], 14),
            b" x\r\nC: d\r\n\r\n": ([("c", b" d")], [NO_FIELD], 12),
            b"A: b\r\n  \r\nC: d\r\n\r\n": ([("a", b" b\n  "), ("c", b" d")], [BLANK], 18),
            b"B\xc3\xa4h: x\r\n\r\n": ([("bh", b" x")], [NO_NAME], 11),
            b"a b: x\r\n\r\n": ([("ab", b" x")], [NO_NAME], 10),
            b": x\r\n\r\n": ([], [NO_FIELD], 7),
            b"none\r\nnone\r\n\r\n": ([], [NO_FIELD], 14),
            b"A: b\r\n \r\nbody": (
                [
                    ("a", b" b\n "),
                ],
                [BLANK, NO_FIELD],
                13,
            ),
        }
        for octets, (fields, flaws, body) in table.items():
            found = header_section(octets, 0, len(octets), BOUNDS)
            self.assertEqual([(each.name, each.value) for each in found.fields], fields, octets)
            self.assertEqual(([each.why for each in found.flaws], found.body), (flaws, body), octets)

    def test_within_a_message(self) -> None:
        octets = b"--b\r\nA: b\r\n\r\nx\r\n--b--\r\nC: d\r\n\r\n"
        found = header_section(octets, 5, 14, BOUNDS)
        self.assertEqual((found.fields, found.body), ((Field("a", b" b"),), 13))
        # What stands behind the end of the part is no header of it.
        self.assertEqual(header_section(octets, 5, 11, BOUNDS).body, 11)
        self.assertEqual(header_section(b"x\r\nA: b", 1, 3, BOUNDS).body, 3)

    def test_all(self) -> None:
        found = header_section(b"A: 1\r\nB: 2\r\na: 3\r\n\r\n", 0, 20, BOUNDS)
        self.assertEqual((found.all("a"), found.all("c")), ([b" 1", b" 3"], []))

    def test_a_header_that_goes_on(self) -> None:
        octets = b"A: b\r\nC: d\r\n"
        self.assertEqual(header_section(octets, 0, 12, BOUNDS, complete=True).body, 12)
        found = header_section(octets, 0, 12, BOUNDS, complete=False)
        self.assertEqual((len(found.fields), [each.bound for each in found.flaws], found.body), (2, ["header"], None))

    def test_bounds(self) -> None:
        bounds = ContentBounds(header=10, field=5)
        for octets, names, flaws in (
            (b"A: b\r\nC:d\r\n\r\n", ["a", "c"], []),
            (b"A: b\r\nC:dd\r\n\r\n", ["a", "c"], []),
            (b"A: b\r\nC:ddddddddd\r\n\r\n", ["a", "c"], ["header"]),
            (b"A: bb\r\nC:d\r\n\r\n", ["a", "c"], []),
            (b"A: bbb\r\nC:d", ["c"], ["field", "header"]),
        ):
            found = header_section(octets, 0, len(octets), bounds)
            self.assertEqual([each.bound for each in found.flaws], flaws, octets)
            self.assertEqual(found.body is None, "header" in flaws)
            self.assertEqual([each.name for each in found.fields], names, octets)

    def test_the_most_fields(self) -> None:
        for number, flaws in ((10_000, []), (10_001, ["fields"])):
            octets = b"A: b\r\n" * number + b"\r\n"
            found = header_section(octets, 0, len(octets), BOUNDS)
            self.assertEqual((len(found.fields), [each.bound for each in found.flaws]), (10_000, flaws))

    def test_fields_of_body(self) -> None:
        for octets, names in (
            (b"Subject: x\r\n\r\nB: y", ["subject"]),
            (b"\r\n\r\n\nSubject: x\r\n\r\n", ["subject"]),
            (b"hello\r\nSubject: x", ["subject"]),
            (b"hello\r\n\r\nSubject: x", []),
            (b"", []),
            (b"x" * 65_533 + b"\r\nA: b", []),
        ):
            self.assertEqual([each.name for each in fields_of_body(octets, 0, len(octets), BOUNDS)], names, octets[:40])

    def test_bare(self) -> None:
        for octets, wanted in (
            (b"a\r\nb\r\n", False),
            (b"a\n", True),
            (b"\ra", True),
            (b"a\r\r\n", True),
            (b"\r\n\n", True),
        ):
            self.assertEqual(has_bare_line_ends(octets), wanted, octets)
