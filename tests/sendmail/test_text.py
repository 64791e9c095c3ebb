"""Where the text ends, what its header says, and what of it goes on."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from fopemta.sendmail.text import LARGEST_HEADER, DotEnd, HeaderTaken, HeaderTooLong

# Input, and what is left of it; None for the second where nothing ends it.
DOTS: dict[bytes, tuple[bytes, bool]] = {
    b"a\n.\nb\n": (b"a\n", True),
    b".\nb\n": (b"", True),
    b"a\r\n.\r\nb": (b"a\r\n", True),
    b"a\n.\r\nb": (b"a\n", True),
    b"a\n..\n.b\n.c": (b"a\n..\n.b\n.c", False),
    b"a.\nb": (b"a.\nb", False),
    b"a\r.\r\n": (b"a\r.\r\n", False),
    b"a\n.": (b"a\n", False),
    b"a\n.\r": (b"a\n", False),
    b"a\n.\rb\n": (b"a\n.\rb\n", False),
    b"": (b"", False),
    b"\n\n.\n": (b"\n\n", True),
}

# Input: what goes on, and the recipients.
HEADERS: dict[str, tuple[bytes, bytes, tuple[str, ...]]] = {
    "all three": (
        b"To: a@us.test\nCC: b@us.test,\n\tc@us.test\nBcc: d@us.test\nSubject: x\n\nTo: e@us.test\n",
        b"To: a@us.test\nCC: b@us.test,\n\tc@us.test\nSubject: x\n\nTo: e@us.test\n",
        ("a@us.test", "b@us.test", "c@us.test", "d@us.test"),
    ),
    "a folded Bcc goes with all its lines": (
        b"BCC : d@us.test,\r\n e@us.test\r\nSubject: x\r\n\r\nbody",
        b"Subject: x\r\n\r\nbody",
        ("d@us.test", "e@us.test"),
    ),
    "sent again": (
        b"Resent-To: r@us.test\nResent-Bcc: s@us.test\nTo: a@us.test\nBcc: d@us.test\n\n",
        b"Resent-To: r@us.test\nTo: a@us.test\n\n",
        ("r@us.test", "s@us.test"),
    ),
    "once each": (b"To: a@us.test\nCc: a@us.test\n\n", b"To: a@us.test\nCc: a@us.test\n\n", ("a@us.test",)),
    "no header": (b"just text\nTo: a@us.test\n", b"just text\nTo: a@us.test\n", ()),
    "an empty line first": (b"\nTo: a@us.test\n", b"\nTo: a@us.test\n", ()),
    "a blank first": (b" x\nTo: a@us.test\n", b" x\nTo: a@us.test\n", ()),
    "a body without an empty line": (b"To: a@us.test\nbody of text\nCc: b@us.test\n",
        b"To: a@us.test\nbody of text\nCc: b@us.test\n", ("a@us.test",)),
    "nothing but a header": (b"To: a@us.test\nBcc: b@us.test", b"To: a@us.test\n", ("a@us.test", "b@us.test")),
    "nothing but Bcc": (b"Bcc: b@us.test\n\nbody", b"\nbody", ("b@us.test",)),
    "a line of a mailbox": (
        b"From a@us.test Mon Nov 30\nTo: a@us.test\nBcc: b@us.test\n\nx",
        b"From a@us.test Mon Nov 30\nTo: a@us.test\n\nx",
        ("a@us.test", "b@us.test"),
    ),
    "nothing": (b"", b"", ()),
    "a last line without its end": (b"To: a@us.test\n\nlast", b"To: a@us.test\n\nlast", ("a@us.test",)),
    "a field that looks like one": (b"X-Bcc: d@us.test\n\n", b"X-Bcc: d@us.test\n\n", ()),
    "UTF-8": ("To: ü@us.test\n\n".encode(), "To: ü@us.test\n\n".encode(), ("ü@us.test",)),
}  # fmt: skip


def cuts(text: bytes) -> Iterator[list[bytes]]:
    """As a whole, cut in two at each place, and octet by octet."""
    yield [text]
    yield from ([text[:place], text[place:]] for place in range(1, len(text)))
    yield [text[place : place + 1] for place in range(len(text))]


class DotEndTests(SynchronousTestCase):
    def test_wherever_it_is_cut(self) -> None:
        for text, expected in DOTS.items():
            for pieces in cuts(text):
                dot = DotEnd()
                self.assertEqual((b"".join(map(dot.feed, pieces)), dot.ended), expected, pieces)


class HeaderTests(SynchronousTestCase):
    def test_wherever_it_is_cut(self) -> None:
        for name, (text, goes_on, recipients) in HEADERS.items():
            for pieces in cuts(text):
                taken = HeaderTaken()
                found = b"".join(map(taken.feed, pieces)) + taken.finish()
                assert taken.header is not None
                self.assertEqual((found, taken.header.recipients), (goes_on, recipients), f"{name}: {pieces}")

    def test_a_header_without_end_is_refused(self) -> None:
        taken = HeaderTaken()
        line = b"X: " + b"y" * 1020 + b"\n"
        for _ in range(LARGEST_HEADER // len(line)):
            taken.feed(line)
        self.assertRaises(HeaderTooLong, taken.feed, line)

    def test_a_long_body_is_none(self) -> None:
        taken = HeaderTaken()
        taken.feed(b"To: a@us.test\n\n")
        self.assertEqual(taken.feed(b"x" * (LARGEST_HEADER + 1)), b"x" * (LARGEST_HEADER + 1))
