"""Queue identifiers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.identifiers import MESSAGE_ID, message_id

MOMENTS = st.integers(min_value=0, max_value=4_102_444_800_000_000)  # until the year 2100


class MessageIdTests(SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(MOMENTS, MOMENTS, st.integers(0, 2**20 - 1), st.integers(0, 2**20 - 1))
    def test_text_order_is_time_order(self, first: int, second: int, one: int, other: int) -> None:
        ids = (message_id(first, one), message_id(second, other))
        if first != second:
            self.assertEqual(ids[0] < ids[1], first < second)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(MOMENTS, st.integers(0, 2**20 - 1))
    def test_form(self, moment: int, entropy: int) -> None:
        self.assertRegex(message_id(moment, entropy), MESSAGE_ID)
        self.assertEqual(len(message_id(moment, entropy)), 14)

    def test_entropy_tells_apart(self) -> None:
        self.assertEqual(len({message_id(1_700_000_000_000_000, each) for each in range(5000)}), 5000)
