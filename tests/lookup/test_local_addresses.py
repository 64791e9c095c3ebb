"""The addresses of this machine, as Linux tells them."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fopemta.lookup.local_addresses import local_addresses

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.9
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000009 02 40 00 80     eth0
"""


class LocalAddressesTests(SynchronousTestCase):
    def test_addresses_of_hosts_and_no_others(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "fib_trie").write_text(FIB_TRIE)
        (folder / "if_inet6").write_text(IF_INET6)
        found = local_addresses(str(folder / "fib_trie"), str(folder / "if_inet6"))
        self.assertEqual(found, {"192.0.2.9", "127.0.0.1", "::1", "2001:db8::9"})

    def test_unknown_where_the_system_does_not_tell(self) -> None:
        self.assertEqual(local_addresses("/nonexistent", "/nonexistent"), frozenset())
