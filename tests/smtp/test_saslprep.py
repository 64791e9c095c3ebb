"""Names and passwords in one form."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.smtp.saslprep import NotPreparable, prepared


class PreparedTests(SynchronousTestCase):
    def test_table(self) -> None:
        """RFC 4013 3 has the first five."""
        for text, expected in {
            "I\u00adX": "IX",
            "user": "user",
            "USER": "USER",
            "\u00aa": "a",
            "\u2168": "IX",
            "a\u00a0b\u3000c": "a b c",
            "pass word ": "pass word ",
            "e\u0301": "\u00e9",
            "\u0627\u0628": "\u0627\u0628",
            "\u06271\u0628": "\u06271\u0628",
            # Came with Unicode 6: not in the tables of 2002, and in many a password.
            "\U0001f600": "\U0001f600",
        }.items():
            self.assertEqual(prepared(text), expected, repr(text))

    def test_refused(self) -> None:
        for text in (
            "", "\u00ad", "\x07", "a\tb", "a\r\nb", "a\0", "\x7f", "\u0627\x31", "\u0627b\u0628", "\u200e", "\ue000",
            "\ud800", "\ufffd", "\u2028", "\u0085", "\U000e0001",
        ):  # fmt: skip
            with self.assertRaises(NotPreparable, msg=repr(text)):
                prepared(text)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text())
    def test_what_is_prepared_stays_so(self, text: str) -> None:
        try:
            once = prepared(text)
        except NotPreparable:
            return
        self.assertEqual(prepared(once), once)
