"""Text that is not HTML."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.plain import packed, packed_names, unflowed, unfolded


class PlainTests(SynchronousTestCase):
    def test_flowed(self) -> None:
        table = {
            "a \r\nb": ("a b", "ab"),
            "a\r\nb": ("a\r\nb", "a\r\nb"),
            "> a \r\n> b\r\nc": ("> a b\r\nc", "> ab\r\nc"),
            "> > a \r\n>>b": ("> > a b", "> > ab"),
            " From me\r\n > x": ("From me\r\n> x", "From me\r\n> x"),
            "a \r\n b": ("a b", "ab"),
            "a \nb": ("a b", "ab"),
        }
        self.assertEqual({text: (unflowed(text, False), unflowed(text, True)) for text in table}, table)

    def test_unfolded(self) -> None:
        self.assertEqual(unfolded("A:b\r\n c\r\n\td\r\nE:f\n g"), "A:bcd\r\nE:fg")

    def test_packed(self) -> None:
        table = {
            "x\r\nbegin 644 a b.txt\r\nM": ("uuencoded", ("a b.txt",)),
            "begin-base64 0644 a": ("uuencoded", ("a",)),
            "=ybegin part=1 line=128 size=5 name=x y.bin\r\n": ("yEnc", ("x y.bin",)),
            "(This file must be converted with BinHex 4.0)": ("BinHex", ()),
            "-----BEGIN PGP MESSAGE-----": ("encrypted", ()),
            "-----BEGIN PKCS7-----": ("PKCS", ()),
            "we begin 644 times": ("", ()),
            "begin here": ("", ()),
            "begin 999 x": ("", ()),
            "-----BEGIN PGP SIGNED MESSAGE-----": ("", ()),
            "": ("", ()),
        }
        for text, (words, names) in table.items():
            flaw = packed(text)
            self.assertEqual((flaw is None, packed_names(text)), (not words, names), text)
            self.assertIn(words, "" if flaw is None else flaw.why)
