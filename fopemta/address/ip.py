"""IP addresses and networks (pure)."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@functools.lru_cache(maxsize=4096)  # needed for each host of each delivery
def is_ip_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address, without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@functools.lru_cache(maxsize=4096)  # the same clients come again and again
def canonical_ip_address(text: str) -> str:
    """The usual form of an IP address: an IPv4 client of a dual-stack socket as IPv4, no zone.  Other text is
    unchanged.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    return str(getattr(address, "ipv4_mapped", None) or address)


def in_networks(client: str, networks: Sequence[Network]) -> bool:
    """Whether the client's address is in one of `networks`; false for invalid addresses."""
    if not networks:
        return False
    address = _address(client)
    return address is not None and any(address in network for network in networks)


@functools.lru_cache(maxsize=4096)
def _address(client: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return None
    # Recognise the IPv4 client of a dual-stack listener.
    return getattr(address, "ipv4_mapped", None) or address
