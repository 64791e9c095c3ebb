"""Content on the wire and off it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.smtp.dot_stuffing import ChunkText, Stuffer, Unstuffer

PIECES = st.lists(
    st.sampled_from([b"a", b".", b"\r", b"\n", b"\r\n", b"\r\n.", b"\r\n..", b"\n.\n", b"\0", b"bc" * 9]), max_size=25
)


def lenient(wire: bytes) -> bytes:
    """As a server reads it that drops NUL and takes any CR or LF for a line end."""
    text = wire.replace(b"\0", b"")
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def unstuffed(*pieces: bytes) -> tuple[bytes, bool, bytes]:
    unstuffer, content = Unstuffer(), b""
    for index, piece in enumerate(pieces):
        content += unstuffer.feed(piece)
        if unstuffer.ended:
            return content, True, unstuffer.rest + b"".join(pieces[index + 1 :])
    return content, False, b""


def stuffed(*pieces: bytes) -> bytes:
    stuffer = Stuffer()
    return b"".join(stuffer.feed(piece) for piece in pieces) + stuffer.finish()


def cut(whole: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted(min(each, len(whole)) for each in cuts)
    return [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]


class UnstufferTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            b"hello\r\n.\r\n": (b"hello\r\n", True, b""),
            b".\r\n": (b"", True, b""),
            b".\r\nQUIT\r\n": (b"", True, b"QUIT\r\n"),
            b"a\r\n.\r\nQUIT\r\n": (b"a\r\n", True, b"QUIT\r\n"),
            b"..a\r\n.\r\n": (b".a\r\n", True, b""),
            b".a\r\n.\r\n": (b"a\r\n", True, b""),
            b"a\r\n..\r\n.\r\n": (b"a\r\n.\r\n", True, b""),
            b"a..b\r\n.\r\n": (b"a..b\r\n", True, b""),
        }
        self.assertEqual({wire: unstuffed(wire) for wire in table}, table)

    def test_C061_dots_at_the_very_first_octet(self) -> None:
        for content in (b".hidden: x\r\n", b"..\r\n", b".\r\n", b"...\r\n.\r\n"):
            self.assertEqual(unstuffed(stuffed(content)), (content, True, b""))

    def test_C062_dots_at_the_borders_of_pieces(self) -> None:
        for size in (4096, 16384, 65536):
            for shift in range(-2, 3):
                for odd in (b".", b"\r\n.", b"\r\n..", b"x."):
                    content = b"x" * (size + shift - len(odd)) + odd + b"y" * 20 + b"\r\n"
                    pieces = [content[:size], content[size:]]
                    self.assertEqual(unstuffed(stuffed(*pieces)), (content, True, b""), (size, shift, odd))
                    wire = stuffed(content)
                    self.assertEqual(unstuffed(wire[:size], wire[size:]), (content, True, b""), (size, shift, odd))

    def test_C051_C052_C054_only_crlf_dot_crlf_ends(self) -> None:
        for odd in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\0\r\n", b"\r\n\t.\r\n"):
            content, ended, rest = unstuffed(b"body" + odd + b"MAIL FROM:<a@b>\r\n.\r\n")
            self.assertTrue(ended, odd)
            self.assertIn(b"MAIL FROM", content, odd)
            self.assertEqual(rest, b"", odd)
            self.assertEqual(content.count(b"\n"), content.count(b"\r\n"), odd)
            self.assertEqual(content.count(b"\r"), content.count(b"\r\n"), odd)
            # What leaves us again cannot end early either.
            self.assertEqual(stuffed(content).count(b"\r\n.\r\n"), 1, odd)

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(PIECES, st.lists(st.integers(0, 300), max_size=8))
    def test_cutting_changes_nothing(self, pieces: list[bytes], cuts: list[int]) -> None:
        wire = b"".join(pieces) + b"\r\n.\r\nrest"
        self.assertEqual(unstuffed(*cut(wire, cuts)), unstuffed(wire))

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(PIECES, st.lists(st.integers(0, 300), max_size=8))
    def test_round_trip(self, pieces: list[bytes], cuts: list[int]) -> None:
        # C178: a dot at the very start, at the start of a piece; CRLF content gets no second CR.
        content = lenient(b"".join(pieces))
        wire = stuffed(*cut(content, cuts))
        wanted = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
        self.assertEqual(unstuffed(wire), (wanted, True, b""))


class BareLineEndTests(SynchronousTestCase):
    """Told by octets alone: what other texts may take for a line end is none here."""

    def judged(self, text: bytes, cuts: list[int]) -> tuple[bytes, bool, bool]:
        chunks, pieces = ChunkText(), cut(text, cuts)
        content = b"".join(chunks.feed(each, place == len(pieces)) for place, each in enumerate(pieces, 1))
        return content, chunks.bare, chunks.nul

    @settings(deadline=None, derandomize=True, max_examples=1000)
    @given(
        st.lists(
            st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"\0", b"\x0b", b"\x0c", b"\x1e", b"\x85", b"\xe2\x80\xa8"])
        ),
        st.lists(st.integers(0, 60), max_size=5),
    )
    def test_as_counted(self, pieces: list[bytes], cuts: list[int]) -> None:
        text = b"".join(pieces)
        pairs = text.count(b"\r\n")
        bare = not text.count(b"\r") == text.count(b"\n") == pairs
        wanted = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n").replace(b"\0", b"")
        self.assertEqual(self.judged(text, cuts), (wanted, bare, b"\0" in text))

    def test_one_among_many(self) -> None:
        lines = [b"x" * 70] * 1000
        for place in (0, 1, 500, 998, 999):
            for end in (b"\r", b"\n", b"\n\r", b"\r\r\n", b"\r\n\n"):
                ends = [b"\r\n"] * 1000
                ends[place] = end
                text = b"".join(line + end for line, end in zip(lines, ends, strict=True))
                self.assertTrue(self.judged(text, [])[1], (place, end))
                self.assertNotRegex(self.judged(text, [])[0], rb"\r(?!\n)|(?<!\r)\n")


class StufferTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            (b"a\r\n",): b"a\r\n.\r\n",
            (b"a",): b"a\r\n.\r\n",
            (b"",): b".\r\n",
            (b".a\r\n",): b"..a\r\n.\r\n",
            (b"a\r\n", b".b\r\n"): b"a\r\n..b\r\n.\r\n",
            (b"a\r", b"\n.b\r\n"): b"a\r\n..b\r\n.\r\n",
            (b"a\r\n.", b".b\r\n"): b"a\r\n...b\r\n.\r\n",
        }
        self.assertEqual({pieces: stuffed(*pieces) for pieces in table}, table)

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(PIECES, st.lists(st.integers(0, 300), max_size=8))
    def test_whatever_the_content_it_ends_once_for_every_reader(self, pieces: list[bytes], cuts: list[int]) -> None:
        content = b"".join(pieces)
        wire = stuffed(*cut(content, cuts))
        self.assertEqual(wire, stuffed(content))
        self.assertEqual((b"\r\n" + wire).find(b"\r\n.\r\n"), len(wire) - 3)
        # There is nothing in it that readers could take for different things.
        self.assertEqual(lenient(wire), wire)

    def test_a_line_end_that_was_none_and_the_dot_behind_it(self) -> None:
        table = {
            (b"a\r\n\0.\r\nb",): b"a\r\n..\r\nb\r\n.\r\n",
            (b"a\r\n", b"\0", b".\r\nb"): b"a\r\n..\r\nb\r\n.\r\n",
            (b"a\r", b"\0\n.b"): b"a\r\n\r\n..b\r\n.\r\n",
            (b"a\n.\nb",): b"a\r\n..\r\nb\r\n.\r\n",
            (b"a\r",): b"a\r\n.\r\n",
            (b"\0.\r\n",): b"..\r\n.\r\n",
        }
        self.assertEqual({pieces: stuffed(*pieces) for pieces in table}, table)

    def test_C062_dot_at_a_piece_border_in_mid_line_is_left_alone(self) -> None:
        self.assertEqual(stuffed(b"ab", b".c\r\n"), b"ab.c\r\n.\r\n")

    def test_C178_dot_after_a_16_KiB_piece(self) -> None:
        first = b"x" * 16382 + b"\r\n"
        self.assertEqual(stuffed(first, b".\r\n"), first + b"..\r\n.\r\n")
