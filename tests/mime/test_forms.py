"""The forms in which texts are compared."""

from __future__ import annotations

import unicodedata

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.forms import MOST_MARKS, forms, has_too_many_marks, normal, without_lines


class FormsTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            "Plain": ["Plain"],
            "Grüße": ["Grüße", "grüsse"],
            "u\u0308ber": ["über"],
            "se\u200bcret": ["se\u200bcret", "secret"],
            "se\u00ad\u2060c\ufeffret": ["se\u00ad\u2060c\ufeffret", "secret"],
            # What is between the letter and its mark goes first.
            "u\u200b\u0308": ["u\u200b\u0308", "ü"],
            "ΣΊΣΥΦΟΣ": ["ΣΊΣΥΦΟΣ", "σίσυφοσ"],
            "ﬁn": ["ﬁn", "fin"],
            "ǰ": ["ǰ", "ǰ"],
        }
        self.assertEqual({text: list(forms(text)) for text in table}, table)

    def test_runs_of_marks_are_cut(self) -> None:
        for mark in ("\u0301", "\u0f73", "\u0323", "\U0001e944"):
            self.assertFalse(has_too_many_marks("a" + mark * MOST_MARKS))
            self.assertTrue(has_too_many_marks("a" + mark * (MOST_MARKS + 1)))
            self.assertEqual(normal("\u0915" + mark * 500 + "b"), normal("\u0915" + mark * MOST_MARKS + "b"))
        self.assertFalse(has_too_many_marks("a" * 100))
        self.assertFalse(has_too_many_marks("é" * 100))

    def test_no_character_escapes_the_cut(self) -> None:
        # Whatever begins with a mark once it is taken apart counts as one.
        for code in range(0x80, 0x110000):
            if 0xD800 <= code < 0xE000:
                continue
            taken_apart = unicodedata.normalize("NFD", chr(code))
            if unicodedata.combining(taken_apart[0]):
                self.assertTrue(has_too_many_marks(chr(code) * (MOST_MARKS + 1)), hex(code))

    def test_without_lines(self) -> None:
        self.assertEqual(without_lines(" a \r\n\tb\u00a0c\u2003d "), "a b c d")
