"""Content without a header gets an empty line in front, whatever the pieces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.headless import Headless


def passed(content: bytes, segment: int = 10_000) -> bytes:
    headless = Headless()
    pieces = [headless.feed(content[at : at + segment]) for at in range(0, len(content), segment)]
    return b"".join([*pieces, headless.finish()])


class HeadlessTests(SynchronousTestCase):
    AS_IT_IS = (
        b"", b"Subject: x\r\n\r\nhello\r\n", b"subject :x\r\n", b"X-!#$:\r\n", b"\r\nhello\r\n", b"\r\n", b":\r\n"[1:],
        b"From a@b.test Thu Nov 26 00:00:00 2026\r\nSubject: x\r\n\r\n", b">From a@b.test\r\nSubject: x\r\n\r\n",
    )  # fmt: skip
    WITHOUT_HEADER = (
        b"hello\r\n", b"hello world: so\r\n", b" Subject: x\r\n", b"\tfolded\r\n", b"hello", b"\r", b"\rx: y\r\n",
        b":\r\n", b"\xc3\xbc: x\r\n", b"Fro", b"From\r\n", b"<html>\r\n", b"a b: c\r\n",
        b"x" * 999 + b": y\r\n", b"x" * 990 + b" " * 20 + b": y\r\n",
    )  # fmt: skip

    def test_table(self) -> None:
        for content in self.AS_IT_IS:
            self.assertEqual(passed(content), content)
        for content in self.WITHOUT_HEADER:
            self.assertEqual(passed(content), b"\r\n" + content)

    def test_however_it_is_cut(self) -> None:
        for content in (*self.AS_IT_IS, *self.WITHOUT_HEADER):
            for segment in range(1, 30):
                self.assertEqual(passed(content, segment), passed(content), (content, segment))

    def test_what_is_known_is_not_held_back(self) -> None:
        for content in self.AS_IT_IS[1:]:
            self.assertEqual(Headless().feed(content), content)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.binary(max_size=60), st.integers(1, 60))
    def test_nothing_else_is_changed(self, content: bytes, segment: int) -> None:
        self.assertIn(passed(content, segment), (content, b"\r\n" + content))
