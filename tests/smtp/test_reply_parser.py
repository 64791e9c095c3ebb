"""Replies out of bytes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.reply import Reply
from fopemta.smtp.reply_parser import LONGEST_LINE, MOST_LINES, MOST_OCTETS, Garbage, ReplyParser


def replies(*pieces: bytes) -> list[Reply | Garbage]:
    parser, found = ReplyParser(), []
    for piece in pieces:
        parser.feed(piece)
        while (reply := parser.next_reply()) is not None:
            found.append(reply)
    return found


class ReplyParserTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            b"250 Ok\r\n": Reply.of(250, None, "Ok"),
            b"250\r\n": Reply.of(250, None, ""),
            b"250 \r\n": Reply.of(250, None, ""),
            b"250 2.1.0 Ok\r\n": Reply.of(250, "2.1.0", "Ok"),
            b"250 2.1.0\r\n": Reply.of(250, "2.1.0", ""),
            b"250 Ok\n": Reply.of(250, None, "Ok"),
            b"250-a\r\n250-b\r\n250 c\r\n": Reply.of(250, None, "a", "b", "c"),
            b"550-5.7.1 a\r\n550 5.7.1 b\r\n": Reply.of(550, "5.7.1", "a", "b"),
            b"550-5.7.1 a\r\n550 b\r\n": Reply.of(550, "5.7.1", "a", "b"),
            # A class that contradicts the code is text.
            b"550 4.7.1 x\r\n": Reply.of(550, None, "4.7.1 x"),
            b"250 2.1.0.1 x\r\n": Reply.of(250, None, "2.1.0.1 x"),
            b"250 2.01.000 x\r\n": Reply.of(250, "2.1.0", "x"),
            "554 nö\x07\r\n".encode("latin-1"): Reply.of(554, None, "n??"),
            b"554 a\tb\r\n": Reply.of(554, None, "a b"),
        }
        self.assertEqual({wire: replies(wire) for wire in table}, {wire: [reply] for wire, reply in table.items()})

    def test_C086_after_garbage_nothing_is_read_any_more(self) -> None:
        for garbage in (
            b"hello\r\n",
            b"25 x\r\n",
            b"2500 x\r\n",
            b"950 x\r\n",
            b"250x\r\n",
            b"250-a\r\n251 b\r\n",
            b"250-a\r\nhello\r\n250 b\r\n",
        ):
            found = replies(garbage + b"221 bye\r\n")
            self.assertIsInstance(found[-1], Garbage, str(garbage))
            self.assertEqual(len(found), 1, garbage)

    def test_what_was_said_before_means_the_same_again(self) -> None:
        line = b"250 2.1.0 Ok\r\n"
        again = replies(line, line, b"250-2.1.0 a\r\n" + line, b"451" + line[3:])
        ok = Reply.of(250, "2.1.0", "Ok")
        self.assertEqual(again, [ok, ok, Reply.of(250, "2.1.0", "a", "Ok"), Reply.of(451, None, "2.1.0 Ok")])

    def test_bounds(self) -> None:
        long = LONGEST_LINE - 4
        for wire, good in (
            (b"250 " + b"x" * long + b"\r\n", True),
            (b"250 " + b"x" * (long + 1) + b"\r\n", False),
            (b"250 " + b"x" * (long + 1), False),
            (b"x" * (LONGEST_LINE + 1), False),
            (b"\r" * (LONGEST_LINE + 1), False),
            (b"250-x\r\n" * (MOST_LINES - 1) + b"250 x\r\n", True),
            (b"250-x\r\n" * (MOST_LINES + 1), False),
            (b"\r\n" * (MOST_LINES - 1) + b"250 x\r\n", True),
            (b"\r\n" * (MOST_LINES + 1), False),
            (b"250 x\r\n" + b"\n" * (MOST_LINES - 1) + b"250 x\r\n" + b"\n" * MOST_LINES, True),
            ((b"250-" + b"x" * 4092 + b"\n") * 15 + b"250 " + b"x" * 4092 + b"\n", True),
            ((b"250-" + b"x" * 4092 + b"\n") * 15 + b"250-" + b"x" * 4092 + b"\n250 \n", False),
        ):
            found = replies(wire)
            self.assertEqual(all(isinstance(each, Reply) for each in found), good, wire[:20] + wire[-20:])
        self.assertEqual(MOST_OCTETS, 16 * LONGEST_LINE)
        [garbage] = replies(b"250-x\r\n" * 999)
        self.assertEqual(garbage, Garbage("more than 200 lines, 4096 octets in one, or 65536 in all"))

    def test_patience_has_its_bounds_too(self) -> None:
        parser = ReplyParser(patient=True)
        parser.feed(b"hello\r\n" * MOST_LINES)
        self.assertIsNone(parser.next_reply())
        parser.feed(b"220 hello\r\n")
        self.assertIsInstance(parser.next_reply(), Garbage)

    def test_leftovers_are_seen(self) -> None:
        parser = ReplyParser()
        parser.feed(b"220 go\r\n250-fa")
        self.assertEqual(parser.next_reply(), Reply.of(220, None, "go"))
        self.assertFalse(parser.empty)

    @settings(deadline=None, derandomize=True, max_examples=400)
    @given(st.lists(st.sampled_from([b"250-a", b"250 b", b"\r\n", b"\n", b"5", b"354 go", b"\r", b"x"]), max_size=20),
           st.lists(st.integers(0, 200), max_size=5))  # fmt: skip
    def test_cutting_changes_nothing(self, pieces: list[bytes], cuts: list[int]) -> None:
        whole = b"".join(pieces)
        places = sorted(min(each, len(whole)) for each in cuts)
        parts = [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]
        self.assertEqual(replies(*parts), replies(whole))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.binary(max_size=300))
    def test_whatever_bytes(self, data: bytes) -> None:
        for reply in replies(data):
            text = reply.text
            self.assertTrue(text.isprintable() or text == "", text)
