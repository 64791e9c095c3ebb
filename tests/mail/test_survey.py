"""What is found out about content does not depend on how it was cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.survey import Survey


def found(*pieces: bytes) -> tuple[bool, bool, bool]:
    survey = Survey()
    for piece in pieces:
        survey.feed(piece)
    return survey.eight_bit, survey.header_is_ascii, survey.header_ended


class SurveyTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            # content: (eight_bit, header_is_ascii, header_ended)
            b"": (False, True, False),
            b"Subject: x\r\n": (False, True, False),
            b"Subject: x\r\n\r\ny\r\n": (False, True, True),
            b"Subject: x\r\n\r\n\xff\r\n": (True, True, True),
            b"Subject: \xff\r\n\r\nx\r\n": (True, False, True),
            b"Subject: \xff\r\n": (True, False, False),
            b"\r\n\xff\r\n": (True, True, True),  # no header at all
            b"\r\n": (False, True, True),
            b"\n\n\xff\r\n\r\n": (True, False, True),  # an empty line ends with CRLF
        }
        self.assertEqual({content: found(content) for content in table}, table)

    def test_cut_at_every_place(self) -> None:
        for content in (b"A: x\r\n\r\n\xffy\r\n", b"A: \xff\r\n\r\ny\r\n", b"\r\n\xff\r\n\r\n"):
            for cut in range(len(content) + 1):
                self.assertEqual(found(content[:cut], content[cut:]), found(content), (content, cut))

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\xc3", b"\r\n\r\n", b""]), max_size=12))
    def test_cut_into_any_pieces(self, pieces: list[bytes]) -> None:
        self.assertEqual(found(*pieces), found(b"".join(pieces)))
