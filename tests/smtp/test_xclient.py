"""XCLIENT's attributes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.smtp.grammar import NotInGrammar
from fopemta.smtp.xclient import OtherClient, other_client


class XclientTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            "ADDR=192.0.2.7": OtherClient("192.0.2.7"),
            "addr=IPV6:2001:DB8::7 NAME=[UNAVAILABLE]": OtherClient("2001:db8::7"),
            "ADDR=2001:db8::7 HELO=mx.test LOGIN=bob": OtherClient("2001:db8::7", "mx.test", "bob"),
            "NAME=x PORT=1 PROTO=ESMTP DESTADDR=::1 DESTPORT=25": OtherClient(),
            "ADDR=[TEMPUNAVAIL] LOGIN=[UNAVAILABLE]": OtherClient(),
            "LOGIN=a+2Bb": OtherClient(login="a+b"),
        }
        self.assertEqual({text: other_client(text) for text in table}, table)
        for text in (
            "",
            "ADDR",
            "ADDR=",
            "ADDR=x",
            "FOO=1",
            "ADDR=::1 ADDR=::2",
            "HELO=a+20b",
            "LOGIN=a+20b",
            "ADDR=+zz",
        ):
            self.assertRaises(NotInGrammar, other_client, text)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.text(alphabet="ADRHELOGIN=+[]:.0129 f", max_size=40))
    def test_whatever_text(self, text: str) -> None:
        try:
            other_client(text)
        except NotInGrammar:
            pass
