"""The addresses of this machine (shell), so that we do not deliver to ourselves."""

from __future__ import annotations

import ipaddress
import re

_LEAF = re.compile(r"\|-- ([0-9.]+)")


def local_addresses(ipv4: str = "/proc/net/fib_trie", ipv6: str = "/proc/net/if_inet6") -> frozenset[str]:
    """The addresses of all interfaces, from Linux's files; empty if these cannot be read."""
    return frozenset(_ipv4(_lines(ipv4)) | _ipv6(_lines(ipv6)))


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _ipv4(lines: list[str]) -> set[str]:
    """proc(5) fib_trie: a leaf with its address, followed by "/32 host LOCAL" if it is one of ours."""
    found, leaf = set(), ""
    for line in lines:
        match = _LEAF.search(line)
        if match is not None:
            leaf = match[1]
        elif "/32 host LOCAL" in line:
            found.add(leaf)
    return found


def _ipv6(lines: list[str]) -> set[str]:
    """if_inet6: 32 hexadecimal digits, then interface facts."""
    words = [line.split()[0] for line in lines if line.strip()]
    return {str(ipaddress.IPv6Address(int(word, 16))) for word in words if len(word) == 32}
