"""Which addresses are the Internet's."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.lookup.public_address import is_public


class PublicTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        table = {
            "9.9.9.9": True, "2620:fe::9": True, "64:ff9b::909:909": True, "::ffff:9.9.9.9": True,
            "2002:909:909::1": True,
            "127.0.0.1": False, "::1": False, "10.1.2.3": False, "172.16.0.1": False, "192.168.1.1": False,
            "169.254.169.254": False, "fe80::1": False, "fd00::1": False, "100.64.0.1": False, "0.0.0.0": False,
            "::": False, "224.0.0.251": False, "ff02::1": False, "ff0e::1": False, "240.0.0.1": False,
            "255.255.255.255": False, "192.0.2.1": False, "2001:db8::1": False, "198.18.0.1": False,
            "::ffff:127.0.0.1": False, "::ffff:10.0.0.1": False, "64:ff9b::7f00:1": False, "64:ff9b::a00:1": False,
            "2002:7f00:1::1": False, "::127.0.0.1": False, "localhost": False, "": False,
        }  # fmt: skip
        self.assertEqual({address: is_public(address) for address in table}, table)
