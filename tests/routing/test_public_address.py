"""Which addresses are the Internet's, and where mail may go when a stranger says where."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.public_address import Network, Reach, is_public

# The first and the last address of each network that is not for mail, and its neighbours where those are public.
SPECIAL = {
    "0.0.0.0/8": ("", "1.0.0.0"),
    "10.0.0.0/8": ("9.255.255.255", "11.0.0.0"),
    "100.64.0.0/10": ("100.63.255.255", "100.128.0.0"),
    "127.0.0.0/8": ("126.255.255.255", "128.0.0.0"),
    "169.254.0.0/16": ("169.253.255.255", "169.255.0.0"),
    "172.16.0.0/12": ("172.15.255.255", "172.32.0.0"),
    "192.0.0.0/24": ("191.255.255.255", "192.0.1.0"),
    "192.0.2.0/24": ("192.0.1.255", "192.0.3.0"),
    "192.31.196.0/24": ("192.31.195.255", "192.31.197.0"),
    "192.52.193.0/24": ("192.52.192.255", "192.52.194.0"),
    "192.88.99.0/24": ("192.88.98.255", "192.88.100.0"),
    "192.168.0.0/16": ("192.167.255.255", "192.169.0.0"),
    "192.175.48.0/24": ("192.175.47.255", "192.175.49.0"),
    "198.18.0.0/15": ("198.17.255.255", "198.20.0.0"),
    "198.51.100.0/24": ("198.51.99.255", "198.51.101.0"),
    "203.0.113.0/24": ("203.0.112.255", "203.0.114.0"),
    "224.0.0.0/4": ("223.255.255.255", ""),
    "240.0.0.0/4": ("", ""),
    "2001::/23": ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
    "2001:db8::/32": ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
    "2620:4f:8000::/48": ("2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"),
    "3fff::/20": ("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
    # Everything outside 2000::/3: unspecified, loopback, IPv4-compatible, discard, unique local, link and site local...
    "::/3": ("", "2000::"),
    "4000::/2": ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
    "fc00::/7": ("", ""),
    "fe80::/10": ("", ""),
    "fec0::/10": ("", ""),
    "ff00::/8": ("", ""),
    "64:ff9b:1::/48": ("", ""),
    "100::/64": ("", ""),
    "5f00::/16": ("", ""),
}
OURS = ("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1")


def carriers(address: str) -> tuple[str, ...]:
    """The IPv6 addresses that stand for an IPv4 one."""
    number = int(ipaddress.IPv4Address(address))
    high, low = number >> 16, number & 0xFFFF
    return (f"::ffff:{address}", f"::ffff:{high:x}:{low:x}", f"64:ff9b::{high:x}:{low:x}", f"2002:{high:x}:{low:x}::1")


class PublicTests(SynchronousTestCase):
    def test_special_networks_to_their_ends(self) -> None:
        for text, neighbours in SPECIAL.items():
            network = ipaddress.ip_network(text)
            for address in (network[0], network[1], network[-1]):
                self.assertFalse(is_public(str(address)), f"{address} of {text}")
            for neighbour in filter(None, neighbours):
                self.assertTrue(is_public(neighbour), f"{neighbour} beside {text}")

    def test_what_stands_for_an_ipv4_address_is_as_public_as_that(self) -> None:
        for address in OURS:
            self.assertEqual([each for each in carriers(address) if is_public(each)], [])
        self.assertEqual([each for each in carriers("9.9.9.9") if not is_public(each)], [])

    def test_where_a_carrier_ends(self) -> None:
        for address in ("::fffe:9.9.9.9", "::1:ffff:9.9.9.9", "::9.9.9.9", "64:ff9b::1:909:909", "64:ff9a::909:909"):
            self.assertFalse(is_public(address), address)
        self.assertTrue(is_public("2001:200:7f00:1::1"))
        self.assertTrue(is_public("2003:7f00:1::1"))

    def test_ordinary_ones(self) -> None:
        for address in ("9.9.9.9", "192.0.78.9", "2620:fe::9", "2a00:1450:4001:81b::1a", "2001:500:2::c"):
            self.assertTrue(is_public(address), address)

    def test_no_addresses(self) -> None:
        for text in (
            "localhost",
            "",
            "9.9.9",
            "9.9.9.9 ",
            "2620:fe::9%eth0",
            "fe80::1%1",
            "0x7f.1",
            "127.1",
            "2130706433",
        ):
            self.assertFalse(is_public(text), text)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.integers(0, 2**32 - 1))
    def test_never_more_than_the_standard_library_calls_global(self, number: int) -> None:
        address = ipaddress.IPv4Address(number)
        if is_public(str(address)):
            self.assertTrue(address.is_global)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.integers(2**125, 2**126 - 1))
    def test_nor_of_ipv6(self, number: int) -> None:
        address = ipaddress.IPv6Address(number)
        if is_public(str(address)) and address not in ipaddress.IPv6Network("2002::/16"):
            self.assertTrue(address.is_global)


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in texts)


class ReachTests(SynchronousTestCase):
    def test_public_alone_by_default(self) -> None:
        self.assertTrue(Reach().allows("9.9.9.9"))
        self.assertEqual([each for each in (*OURS, "::1", "", "localhost") if Reach().allows(each)], [])

    def test_networks_that_the_operator_names(self) -> None:
        reach = Reach(networks("10.0.0.0/8", "fd00::/8"))
        table = {
            "10.1.2.3": True, "::ffff:10.1.2.3": True, "11.0.0.1": True, "fd00::1": True, "FD00:0::1": True,
            "127.0.0.1": False, "::1": False, "fc00::1": False, "fe80::1%eth0": False, "rubbish": False,
        }  # fmt: skip
        self.assertEqual({each: reach.allows(each) for each in table}, table)

    def test_our_own_addresses(self) -> None:
        own = frozenset({"9.9.9.9", "2620:fe::9"})
        for address in ("9.9.9.9", "::ffff:9.9.9.9", "2620:fe:0::9"):
            self.assertFalse(Reach(own=own).allows(address), address)
            self.assertTrue(Reach(networks("9.9.9.0/24", "2620:fe::/48"), own).allows(address), address)
        self.assertTrue(Reach(own=own).allows("9.9.9.10"))
