"""Content without its transfer encoding."""
# ruff: noqa: E501  a case a line

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mime.flaws import Flaw
from fopemta.mime.transfer import Decoded, base64_decoded, encoding_of, unencoded

JUNK, ESCAPES = Flaw("a part in base64 holds other octets"), Flaw("a part in quoted-printable holds other escapes")


class TransferTests(SynchronousTestCase):
    def test_names(self) -> None:
        table = {
            b" base64": "base64", b"Base64 ": "base64", b"base64;": "base64", b'"base64"': "base64", b"(c) base64 (d)": "base64",
            b"\n base64": "base64", b"base64 x": "base64", b"quoted-printable": "quoted-printable", b"": "", b" ": "",
            b"=?": "=?", b"?" * 100: "?" * 40, b"base 64": "base", b"=?UTF-8?": "=?utf-8?", b"\xc4": "\xe4",
        }  # fmt: skip
        self.assertEqual({value: encoding_of(value) for value in table}, table)

    def test_base64(self) -> None:
        table = {
            b"YWJj": Decoded(b"abc"),
            b"YWI=": Decoded(b"ab"),
            b"YQ==\r\n": Decoded(b"a"),
            b"YWJj\r\nYWI=\r\n": Decoded(b"abcab"),
            b"YW Jj\t": Decoded(b"abc"),
            b"": Decoded(b""),
            b"YWI": Decoded(b"ab", (b"YWI",), JUNK),
            b"YW-Jj": Decoded(b"abc", (b"YW-Jj",), JUNK),
            b"YWJjY": Decoded(b"abc", (b"YWJjY",), JUNK),
            b"YQ==YWJj": Decoded(b"a", (b"aabc", b"a\x06\x16&", b"YQ==YWJj"), JUNK),
            b"YQ==YQ==": Decoded(b"a", (b"aa", b"a\x06\x10", b"YQ==YQ=="), JUNK),
            b"YWJj=": Decoded(b"abc", (b"YWJj=",), JUNK),
            b"YQ=": Decoded(b"a", (b"YQ=",), JUNK),
            b"=": Decoded(b"", (b"=",), JUNK),
        }
        for octets, wanted in table.items():
            self.assertEqual(base64_decoded(octets), wanted, octets)

    def test_quoted_printable(self) -> None:
        table = {
            b"a=3Db": Decoded(b"a=b"),
            b"a=c3=BC": Decoded(b"a\xc3\xbc"),
            b"a=\r\nb": Decoded(b"ab"),
            b"a= \t\r\nb": Decoded(b"ab"),
            b"a \t\r\nb ": Decoded(b"a\r\nb"),
            b"a=\nb": Decoded(b"ab"),
            b"a=": Decoded(b"a"),
            b"a=ZZ": Decoded(b"a=ZZ", (b"a=ZZ",), ESCAPES),
            b"a=4": Decoded(b"a=4", (b"a=4",), ESCAPES),
            b"a= b": Decoded(b"a= b", (b"a= b",), ESCAPES),
            b"a_b": Decoded(b"a_b"),
        }
        for octets, wanted in table.items():
            self.assertEqual(unencoded(octets, "quoted-printable"), wanted, octets)

    def test_others(self) -> None:
        for encoding in ("7bit", "8bit", "binary", ""):
            self.assertEqual(unencoded(b"=41", encoding), Decoded(b"=41"))
        self.assertEqual(unencoded(b"x", "uuencode"), Decoded(b"x", (), Flaw("an unknown content transfer encoding")))
        self.assertEqual(unencoded(b"YQ==", "base64"), Decoded(b"a"))
