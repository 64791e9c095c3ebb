"""The name servers of this machine (shell)."""

from __future__ import annotations

from fopemta.address.ip import is_ip_address

_FALLBACK = (("127.0.0.1", 53),)


def system_nameservers(path: str = "/etc/resolv.conf") -> tuple[tuple[str, int], ...]:
    """The name servers in resolv.conf(5); without any, the local machine, as in the C library."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            words = [line.split() for line in file]
    except OSError:
        return _FALLBACK
    named = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver" and is_ip_address(line[1])]
    return tuple((address, 53) for address in named) or _FALLBACK
