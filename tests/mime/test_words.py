"""Values of header fields."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.charsets import Text
from fopemta.mime.flaws import Flaw
from fopemta.mime.words import field_text

NO_WORD, CONTROLS = Flaw("an encoded word cannot be decoded"), Flaw("a field of the header holds control characters")
UNDECODED, NUL = Flaw("a text cannot be decoded"), Flaw("a text holds NUL")


class FieldTextTests(SynchronousTestCase):
    def test_table(self) -> None:
        table: dict[bytes, Text] = {
            b" x  y ": Text("x y", ("x  y",)),
            b" x": Text("x"),
            b"\n x": Text("x"),
            b"a\n\tb": Text("a b", ("ab",)),
            b"a\n  b": Text("a b", ("ab",)),
            "für".encode(): Text("für"),
            b"f\xfcr": Text("f\ufffdr", ("für",), UNDECODED),
            b"=?utf-8?q?a_b?=": Text("a b", ("=?utf-8?q?a_b?=",)),
            b"=?UTF-8*de?B?eA==?=": Text("x", ("=?UTF-8*de?B?eA==?=",)),
            b"=?utf-8?q?a?= =?utf-8?q?b?=": Text("ab", ("=?utf-8?q?a?= =?utf-8?q?b?=",)),
            b"=?utf-8?q?a?=\n =?latin1?q?b?=": Text("ab", ("=?utf-8?q?a?= =?latin1?q?b?=",)),
            b"=?utf-8?q?=C3=BC?= =?latin1?q?=FC?=": Text("üü", ("=?utf-8?q?=C3=BC?= =?latin1?q?=FC?=",)),
            b"=?utf-8?q?a?= x =?utf-8?q?b?=": Text("a x b", ("=?utf-8?q?a?= x =?utf-8?q?b?=",)),
            b"x =?utf-8?q?b?= y": Text("x b y", ("x =?utf-8?q?b?= y",)),
            b"=?utf-8?q?=41?=x": Text("Ax", ("=?utf-8?q?=41?=x",)),
            b"=?utf-8?q?=C3?= =?utf-8?b?vA==?=": Text("ü", ("=?utf-8?q?=C3?= =?utf-8?b?vA==?=",)),
            b"=?utf-8?q?=C3?= =?UTF8?b?vA==?=": Text("ü", ("=?utf-8?q?=C3?= =?UTF8?b?vA==?=",)),
            b"=?utf-8?q?=C3?=x=?utf-8?q?=BC?=": Text(
                "\ufffdx\ufffd", ("Ãx¼", "=?utf-8?q?=C3?=x=?utf-8?q?=BC?="), NO_WORD
            ),
            b"=?utf-8?q?=FF?= y": Text("\ufffd y", ("ÿ y", "=?utf-8?q?=FF?= y"), NO_WORD),
            b"=?none?q?a?=": Text("a", ("=?none?q?a?=",), NO_WORD),
            b"=?utf-8?x?a?=": Text("=?utf-8?x?a?=", (), NO_WORD),
            b"=?utf-8?x?a?= =?utf-8?q?b?=": Text("=?utf-8?x?a?= b", ("=?utf-8?x?a?= =?utf-8?q?b?=",), NO_WORD),
            b"=?utf-8?q?a": Text("=?utf-8?q?a", (), NO_WORD),
            b"=?utf-8?q?a b?=": Text("a b", ("=?utf-8?q?a b?=",), NO_WORD),
            b"=?utf-8?q?a?b?=": Text("a?b", ("=?utf-8?q?a?b?=",), NO_WORD),
            b"=?utf-8?q?\xc3\xbc?=": Text("ü", ("=?utf-8?q?ü?=",), NO_WORD),
            b"=?utf-8?q?=4?=": Text("=4", ("=?utf-8?q?=4?=",), NO_WORD),
            b"=?utf-8?b?eA?=": Text("x", ("=?utf-8?b?eA?=",), NO_WORD),
            b"1 =? 2 ?= 3": Text("1 =? 2 ?= 3"),
            b"a\x07b": Text("a\x07b", (), CONTROLS),
            b"a\x7fb": Text("a\x7fb", (), CONTROLS),
            b"a\tb": Text("a b", ("a\tb",)),
            b"a\0b": Text("a\0b", ("ab",), NUL),
            b'"a\\b" (c) <d>': Text('"a\\b" (c) <d>', ("ab (c) <d>", '"a\\b"  <d>')),
        }
        for value, wanted in table.items():
            self.assertEqual(field_text(value), wanted, value)
