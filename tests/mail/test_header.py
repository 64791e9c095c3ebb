"""The end of the header is found however the content is cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.header import HeaderEnd, split

TABLE = {
    # content: (header with its empty line, header ended, as `split` gives it)
    b"": (b"", False, (b"", b"")),
    b"A: x\r\n": (b"A: x\r\n", False, (b"A: x\r\n", b"")),
    b"A: x\r\n\r\n": (b"A: x\r\n\r\n", True, (b"A: x\r\n", b"")),
    b"A: x\r\nB: y\r\n\r\nz\r\n\r\n": (b"A: x\r\nB: y\r\n\r\n", True, (b"A: x\r\nB: y\r\n", b"z\r\n\r\n")),
    # Without a header the empty line is the first.
    b"\r\nz\r\n\r\n": (b"\r\n", True, (b"", b"z\r\n\r\n")),
    b"\r\n": (b"\r\n", True, (b"", b"")),
    # Other line ends are octets of a line.
    b"A: x\n\nB: y\r\r\n\n\r\n\r\nz": (b"A: x\n\nB: y\r\r\n\n\r\n\r\n", True, (b"A: x\n\nB: y\r\r\n\n\r\n", b"z")),
    b"A: x\r\n\r": (b"A: x\r\n\r", False, (b"A: x\r\n\r", b"")),
}


def header_of(*pieces: bytes) -> tuple[bytes, bool]:
    end = HeaderEnd()
    return b"".join([end.feed(each) for each in pieces]), end.ended


class HeaderEndTests(SynchronousTestCase):
    def test_table(self) -> None:
        found = {content: (*header_of(content), split(content)) for content in TABLE}
        self.assertEqual(found, TABLE)

    def test_cut_at_every_place(self) -> None:
        for content, (header, ended, _) in TABLE.items():
            for cut in range(len(content) + 1):
                self.assertEqual(header_of(content[:cut], content[cut:]), (header, ended), (content, cut))
            octets = [content[place : place + 1] for place in range(len(content))]
            self.assertEqual(header_of(*octets, b"more\r\n"), (header if ended else header + b"more\r\n", ended))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\r\n\r\n", b""]), max_size=12))
    def test_cut_into_any_pieces(self, pieces: list[bytes]) -> None:
        content = b"".join(pieces)
        header, body = split(content)
        self.assertEqual(header_of(*pieces), header_of(content))
        self.assertIn(content, (header + body, header + b"\r\n" + body))
