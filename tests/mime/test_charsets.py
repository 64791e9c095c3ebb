"""Octets as text."""
# ruff: noqa: E501  a case a line

from __future__ import annotations

import codecs

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.charsets import Text, codec, text_of
from fopemta.mime.flaws import Flaw

UNKNOWN, UNDECODED, NUL = Flaw("an unknown charset"), Flaw("a text cannot be decoded"), Flaw("a text holds NUL")


class CodecTests(SynchronousTestCase):
    def test_names_of_mail(self) -> None:
        table = {
            "us-ascii": "ascii", "ANSI_X3.4-1968": "ascii", "UTF-8": "utf_8", "utf8": "utf_8", "utf8mb4": "utf_8",
            "ISO-8859-1": "latin_1", "iso_8859-15": "iso8859_15", "ISO8859-2": "iso8859_2", "latin1": "latin_1",
            "windows-1252": "cp1252", "cp-1251": "cp1251", "x-cp1250": "cp1250", "koi8-r": "koi8_r",
            "Shift_JIS": "shift_jis", "x-sjis": "cp932", "windows-31j": "cp932", "ISO-2022-JP": "iso2022_jp",
            "KS_C_5601-1987": "cp949", "gb2312": "gb2312", "GB18030": "gb18030", "big5": "big5", "UTF-16LE": "utf_16_le",
            "unicode-1-1-utf-7": "utf_7", "macintosh": "mac_roman", "x-mac-roman": "mac_roman", " utf-8 ": "utf_8",
            "iso-8859-8-i": "iso8859_8", "x-unknown": None, "": None, "rot13": None, "hex": None, "zlib": None,
            "punycode": None, "idna": None, "unicode_escape": None, "raw_unicode_escape": None, "undefined": None,
            "utf-8" + "-" * 100: None, "x" * 5000: None,
        }  # fmt: skip
        self.assertEqual({name: codec(name) for name in table}, table)

    def test_every_name_is_one_of_pythons(self) -> None:
        for name in (
            "cp437",
            "iso8859_16",
            "cp1258",
            "kz1048",
            "ptcp154",
            "iso2022_jp_ext",
            "euc_jis_2004",
            "mac_turkish",
        ):
            self.assertEqual(codec(name), name)
            codecs.lookup(name)


class TextTests(SynchronousTestCase):
    def test_table(self) -> None:
        latin = "für".encode("latin-1")
        utf8, utf16 = "für".encode(), "für".encode("utf-16")
        table: dict[tuple[bytes, str], Text] = {
            (b"x", ""): Text("x"),
            (b"", ""): Text(""),
            (b"x", "utf-8"): Text("x"),
            (utf8, ""): Text("für"),
            (utf8, "us-ascii"): Text("für"),
            (utf8, "utf-8"): Text("für"),
            (b"\xef\xbb\xbf" + utf8, "utf-8"): Text("für"),
            (b"\xef\xbb\xbf" + utf8, ""): Text("für", ("für",) * 0),
            (latin, "iso-8859-1"): Text("für"),
            (latin, "windows-1252"): Text("für"),
            (utf8, "iso-8859-1"): Text("fÃ¼r", ("für",)),
            (utf8, "iso-8859-2"): Text("fĂźr"),
            (latin, ""): Text("f\ufffdr", ("für",), UNDECODED),
            (latin, "utf-8"): Text("f\ufffdr", ("für",), UNDECODED),
            (b"x", "x-none"): Text("x", (), UNKNOWN),
            (utf8, "x-none"): Text("für", ("fÃ¼r",), UNKNOWN),
            (utf16, "utf-16"): Text("für"),
            (b"+AHM-", "utf-7"): Text("s"),
            (b"+AHM-", ""): Text("+AHM-"),
            # Half of a character beyond 16 bits.
            (b"+2AA-", "utf-7"): Text("+2AA-", (), UNDECODED),
            (b"\x1b$B", "iso-2022-jp"): Text(""),
            (b"a\0b", ""): Text("a\0b", ("ab",), NUL),
            (b"a\0b\0", ""): Text("a\0b\0", ("ab", "\u6100\u6200"), NUL),
        }
        for (octets, charset), wanted in table.items():
            self.assertEqual(text_of(octets, charset), wanted, (octets, charset))

    def test_a_mark_of_another_order_is_believed_too(self) -> None:
        for encoding in ("utf-16", "utf-32"):
            for order in ("le", "be"):
                octets = "\ufeffsecret".encode(f"{encoding}-{order}")
                found = text_of(octets, "utf-8")
                self.assertIn("secret", found.otherwise, (encoding, order))
        self.assertIn("\u79d8", text_of("\u79d8".encode("iso-2022-jp")).otherwise)
        self.assertEqual(text_of("\u79d8".encode("iso-2022-jp"), "iso-2022-jp").otherwise, ())
