"""xtext and the encodings of internationalised addresses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.grammar import NotInGrammar
from fopemta.smtp.xtext import decode_unitext, decode_xtext, encode_unitext, encode_xtext


class XtextTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {"": "", "abc": "abc", "a+2Bb+3D": "a+b=", "+20": " ", "bob@example.org": "bob@example.org",
                 "a+2bb+3d": "a+b=", "+2b+2B": "++"}  # fmt: skip
        self.assertEqual({text: decode_xtext(text) for text in table}, table)
        for text in ("+", "+2", "+2g", "+zz", "+0a", "+ff", "a=b", "a b", "ü", "+0A", "+FF", "\x7f"):
            self.assertRaises(NotInGrammar, decode_xtext, text)

    def test_unitext_table(self) -> None:
        table = {r"b\x{FC}": "bü", "bü": "bü", r"\x{1F600}": "\U0001f600", r"a\x{5C}b": "a\\b", r"\x{2B}": "+",
                 r"b\x{fc}": "bü", r"\x{1f600}": "\U0001f600"}  # fmt: skip
        self.assertEqual({text: decode_unitext(text) for text in table}, table)
        for text in ("a+b", "a=b", "a b", "a\\b", r"\x{}", r"\x{0FC}", r"\x{0fc}", r"\x{fg}", r"\x{D800}", r"\x{dfff}",
                     r"\x{110000}", r"\x{A}",
                     r"\x{7F}", r"\x{2028}", "a\u2028b"):  # fmt: skip
            self.assertRaises(NotInGrammar, decode_unitext, text)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text(max_size=40))
    def test_there_and_back(self, text: str) -> None:
        printable = "".join(letter for letter in text if letter.isprintable())
        self.assertEqual(decode_unitext(encode_unitext(printable)), printable)
        self.assertTrue(encode_unitext(printable).isascii())
        plain = "".join(letter for letter in printable if letter.isascii())
        self.assertEqual(decode_xtext(encode_xtext(plain)), plain)
