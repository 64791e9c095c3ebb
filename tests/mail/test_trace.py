"""Counting Received headers."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.trace import ReceivedCount


def counted(*pieces: bytes) -> int:
    count = ReceivedCount()
    for piece in pieces:
        count.feed(piece)
    return count.count


class ReceivedCountTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            b"": 0,
            b"Received: a\r\n": 1,
            b"RECEIVED: a\r\nreceived: b\r\n\r\nReceived: body\r\n": 2,
            b"\r\nReceived: body\r\n": 0,
            b"X: Received: a\r\n\tReceived: folded\r\nReceived : b\r\nX-Received: c\r\n": 0,
        }
        self.assertEqual({content: counted(content) for content in table}, table)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(
        st.lists(st.sampled_from([b"Received: x\r\n", b"X: y\r\n", b"\r\n", b"Recei", b"ved:"]), max_size=10),
        st.lists(st.integers(0, 120), max_size=5),
    )
    def test_however_it_is_cut(self, parts: list[bytes], cuts: list[int]) -> None:
        content = b"".join(parts)
        places = [0, *sorted(min(each, len(content)) for each in cuts), len(content)]
        pieces = [content[start:end] for start, end in itertools.pairwise(places)]
        self.assertEqual(counted(*pieces), counted(content))

    def test_nothing_grows(self) -> None:
        count = ReceivedCount()
        for _ in range(1000):
            count.feed(b"x" * 1000)
        self.assertLess(len(count._tail), 20)
