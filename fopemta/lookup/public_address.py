"""Addresses that belong to the Internet, not to somebody's own network or to this machine (shell room, but no I/O)."""

from __future__ import annotations

import ipaddress

# NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address, at these octets.
_CARRIERS = (
    (ipaddress.IPv6Network("64:ff9b::/96"), 12),
    (ipaddress.IPv6Network("2002::/16"), 2),
)


def is_public(text: str) -> bool:
    """`text` is an IP address that anybody can reach: not private, loopback, link-local, multicast or reserved, nor one
    that stands for such.  False for what is no address.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        carried = _carried(address)
        if carried is not None:
            return is_public(str(carried))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, at in _CARRIERS:
        if address in network:
            return ipaddress.IPv4Address(address.packed[at : at + 4])
    return None
