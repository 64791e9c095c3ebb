"""Which IP addresses are public, and which belong to a private network or this machine (pure).

Strangers name addresses: in the MX of a sender's domain, an address literal, the URL in a certificate.  Servers in our
own network may trust any connection from us, so nothing is sent there on a stranger's word.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import TypeAlias

import attrs

from fopemta.address.ip import canonical_ip_address

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA's registry of special-purpose IPv4 addresses, and multicast.  Also those that it calls globally reachable:
# anycast services of the network, where no mail server is.
_SPECIAL_4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network (RFC 791); 0.0.0.0 reaches this machine
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # shared by carriers (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local (RFC 3927); clouds serve credentials at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# Of IPv6, RFC 4291 and IANA have assigned this much as global unicast; minus the special-purpose registry.
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_6 = tuple(
    ipaddress.IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID, anycast (RFC 2928)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3fff::/20",  # documentation (RFC 9637)
    )
)

# An address with an IPv4 address embedded at these octets is public if that one is: mapped (the kernel connects by
# IPv4), NAT64 (RFC 6052), 6to4 (RFC 3056).
_CARRIERS = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 12),
    (ipaddress.IPv6Network("64:ff9b::/96"), 12),
    (ipaddress.IPv6Network("2002::/16"), 2),
)


@functools.lru_cache(maxsize=4096)  # needed for each address of each host of each delivery
def is_public(text: str) -> bool:
    """Whether `text` is a publicly reachable IP address: not private, loopback, link-local, multicast, reserved or
    special-purpose, and not embedding such an address.  False for invalid text, and for an address with a zone.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    if address.scope_id is not None:
        return False
    carried = _carried(address)
    if carried is not None:
        return is_public(str(carried))
    return address in _GLOBAL_6 and not any(address in network for network in _SPECIAL_6)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    for network, at in _CARRIERS:
        if address in network:
            return ipaddress.IPv4Address(address.packed[at : at + 4])
    return None


@attrs.frozen
class Reach:
    """The addresses to which a stranger may direct mail: public ones that are not this machine's own (`own`), and the
    networks `private`, which the operator names.
    """

    private: tuple[Network, ...] = ()
    own: frozenset[str] = frozenset()

    def allows(self, address: str) -> bool:
        """Whether `address` is permitted."""
        canonical = canonical_ip_address(address)
        if self.private and _is_in(canonical, self.private):
            return True
        return is_public(address) and canonical not in self.own


def _is_in(text: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)  # false if the families differ
