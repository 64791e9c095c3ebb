"""The list of a route's recipients."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.policy.recipient_list import RecipientList, parse

TEXT = """\
# who is there
anna          # here
Bob@D.test
"first last"
jürgen@bücher.test
a#b
"""


class ParseTests(SynchronousTestCase):
    def test_who_is_on_it(self) -> None:
        found = parse(TEXT)
        assert isinstance(found, RecipientList)
        asked = {
            Mailbox("ANNA", "d.test"): True,
            Mailbox("anna", "e.test"): True,
            Mailbox("bob", "d.test"): True,
            Mailbox("bob", "e.test"): False,
            Mailbox("first last", "d.test"): True,
            Mailbox("jürgen", "xn--bcher-kva.test"): True,
            Mailbox("a#b", "d.test"): True,
            Mailbox("here", "d.test"): False,
            Mailbox("who", "d.test"): False,
        }
        self.assertEqual({each: found.holds(each) for each in asked}, asked)
        self.assertEqual(len(found), 5)

    def test_everything_that_is_wrong_is_told_with_its_line(self) -> None:
        wrong = "must be an address or a local part"
        self.assertEqual(parse("anna\n@d.test\nx\ty@\nb@\n"), tuple(f"line {n}: {wrong}" for n in (2, 3, 4)))

    def test_what_is_wrong_is_fit_to_be_shown(self) -> None:
        told = 'line 1: must be an address or a local part; did you mean "a\\u202e@c.test"?'
        self.assertEqual(parse("<a\u202e@c.test"), (told,))

    @given(st.text(max_size=60))
    @settings(deadline=None, derandomize=True, max_examples=200)
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        self.assertIsInstance(parse(text), RecipientList | tuple)
