"""Lines that every server takes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.lines import are_legal, are_short

SHORT, LONG = b"x" * 998, b"x" * 999


class LinesTests(SynchronousTestCase):
    def test_length(self) -> None:
        table = {
            b"": True, SHORT: True, LONG: False, SHORT + b"\r\n": True, LONG + b"\r\n": False,
            SHORT + b"\r\n" + SHORT: True, SHORT + b"\r\n" + LONG: False, LONG + b"\r\n" + SHORT: False,
            b"a\r\n" * 5000: True, b"a\r\n" * 5000 + LONG: False, b"a\r\n" * 5000 + LONG + b"\r\na": False,
        }  # fmt: skip
        self.assertEqual({octets: are_short(octets) for octets in table}, table)
        self.assertEqual({octets: are_legal(octets) for octets in table}, table)

    def test_characters(self) -> None:
        table = {
            b"a\r\nb": True, b"\xff\x01\r\n": True, b"\0": False, b"a\0\r\n": False, b"\r": False, b"\n": False,
            b"a\rb": False, b"a\nb": False, b"\r\r\n": False, b"\n\r\n": False, b"\r\n\n": False, b"\r\n\r": False,
        }  # fmt: skip
        self.assertEqual({octets: are_legal(octets) for octets in table}, table)
