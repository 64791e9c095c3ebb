"""Content without a header gets an empty line in front, whatever the pieces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.headless import Headless


def passed(content: bytes, segment: int = 10_000, submitted: bool = False) -> bytes:
    headless = Headless(submitted)
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
                self.assertEqual(passed(content, segment, True), passed(content, submitted=True), (content, segment))

    def test_the_line_of_a_mailbox_before_a_message_that_is_handed_in(self) -> None:
        header, line = b"Subject: x\r\n\r\nFrom a@b.test\r\n", b"From a@b.test Thu Nov 26 00:00:00 2026\r\n"
        longest = b"From " + b"x" * 993
        table = {
            line + header: header,
            b">" + line + header: header,
            # One, no more: what comes then is the message.
            line + line + header: line + header,
            line + b"hello\r\n": b"\r\nhello\r\n",
            line: b"",
            line[:-2]: b"\r\n" + line[:-2],
            longest + b"\r\n" + header: header,
            longest + b"x\r\n" + header: longest + b"x\r\n" + header,
            longest + b"x\ry\r\n": longest + b"x\ry\r\n",
            b"From: a@b.test\r\n": b"From: a@b.test\r\n",
            b">>" + line + header: b"\r\n>>" + line + header,
            b" " + line + header: b"\r\n " + line + header,
        }
        for content, wanted in table.items():
            for segment in (*range(1, 30), 998, 999, 1000, 1001, 10_000):
                self.assertEqual(passed(content, segment, True), wanted, (content, segment))

    def test_what_is_known_is_not_held_back(self) -> None:
        for content in self.AS_IT_IS[1:]:
            self.assertEqual(Headless().feed(content), content)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.binary(max_size=60), st.integers(1, 60))
    def test_nothing_else_is_changed(self, content: bytes, segment: int) -> None:
        self.assertIn(passed(content, segment), (content, b"\r\n" + content))
