"""XCLIENT's attributes."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.grammar import NotInGrammar
from fopemta.smtp.xclient import UNKNOWN, OtherClient, other_client


class XclientTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {
            "ADDR=192.0.2.7": OtherClient("192.0.2.7"),
            "addr=IPV6:2001:DB8::7 NAME=[UNAVAILABLE]": OtherClient("2001:db8::7"),
            "ADDR=2001:db8::7 HELO=_not+20a+20name LOGIN=bob": OtherClient("2001:db8::7", "bob"),
            "ADDR=IPV6:::FFFF:192.0.2.7": OtherClient("192.0.2.7"),
            "NAME=x PORT=1 PROTO=ESMTP DESTADDR=::1 DESTPORT=25": OtherClient(),
            "ADDR=[TEMPUNAVAIL] LOGIN=[UNAVAILABLE] PORT=[UNAVAILABLE]": OtherClient(UNKNOWN),
            "ADDR=[unavailable]": OtherClient(UNKNOWN),
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
            "ADDR=[UNAVAILABLE",
            "ADDR=192.0.2.07",
            # A zone may be any text at all.
            "ADDR=fe80::1%25x",
            "ADDR=fe80::1%x)+20by+20me",
            "DESTADDR=fe80::1%x",
            "PORT=65536",
            "DESTPORT=-1",
            "PROTO=LMTP",
            "NAME=a+0D+0Ab",
            "NAME=a b=c",
            "LOGIN=a+20b",
            "ADDR=+zz",
        ):
            self.assertRaises(NotInGrammar, other_client, text)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.text(alphabet="ADRHELOGIN=+[]:.0129 f", max_size=40))
    def test_whatever_text(self, text: str) -> None:
        try:
            found = other_client(text)
        except NotInGrammar:
            return
        # What stands in our Received header, and decides about rights, is an address or says that there is none.
        if found.address not in (None, UNKNOWN):
            self.assertEqual(str(ipaddress.ip_address(found.address)), found.address)
            self.assertNotIn("%", found.address)
