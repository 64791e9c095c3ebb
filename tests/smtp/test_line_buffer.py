"""Lines out of bytes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.smtp.line_buffer import LineBuffer, LineFlaw

LIMIT = 12
PIECE = st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"bcdefghijkl", b".", b"\0"])


def lines(*pieces: bytes) -> list[bytes | LineFlaw]:
    buffer, found = LineBuffer(LIMIT), []
    for piece in pieces:
        buffer.feed(piece)
        while (line := buffer.next_line()) is not None:
            found.append(line)
    return found


class LineBufferTests(SynchronousTestCase):
    def test_table(self) -> None:
        table: dict[bytes, list[bytes | LineFlaw]] = {
            b"a\r\nb\r\n": [b"a", b"b"],
            b"\r\n": [b""],
            b"abc": [],
            b"1234567890\r\n": [b"1234567890"],
            b"12345678901\r\n": [LineFlaw.TOO_LONG],
            b"a\nb\r\nc\r\n": [LineFlaw.BARE_LINE_END, b"c"],
            b"a\rb\r\nc\r\n": [LineFlaw.BARE_LINE_END, b"c"],
            b"x" * 100 + b"\r\nc\r\n": [LineFlaw.TOO_LONG, b"c"],
            b"a\r\r\nc\r\n": [LineFlaw.BARE_LINE_END, b"c"],
        }
        self.assertEqual({data: lines(data) for data in table}, table)

    def test_endless_line_is_not_kept(self) -> None:
        # C082
        buffer = LineBuffer(LIMIT)
        flaws = []
        for _ in range(1000):
            buffer.feed(b"x" * 100)
            flaws.append(buffer.next_line())
            self.assertLess(buffer.size, 200)
        self.assertEqual(flaws.count(LineFlaw.TOO_LONG), 1)

    @settings(deadline=None, derandomize=True, max_examples=400)
    @given(
        st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"bcdefghijkl", b".", b"\0"]), max_size=20), st.data()
    )
    def test_cutting_changes_nothing(self, pieces: list[bytes], data: st.DataObject) -> None:
        whole = b"".join(pieces)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
        parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        self.assertEqual(lines(*parts), lines(whole))
