"""Our own addresses: where our listeners are, and whether somebody can listen there (composition)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TypeAlias

from fopemta.config.endpoints import listening_address
from fopemta.config.model import Configuration
from fopemta.routing.hosts import OwnAddresses

# Of a family (4, 6) and an address of it, "*" for all: why nobody can listen there; None when somebody can.
Missing: TypeAlias = Callable[[int, str], str | None]

_EVERYWHERE = {4: "0.0.0.0", 6: "::"}
_KINDS = {4: socket.AF_INET, 6: socket.AF_INET6}


def own_addresses(configuration: Configuration, local: frozenset[str]) -> OwnAddresses:
    """Mail that is routed there would come back; `local` are the addresses of this machine."""
    addresses = [listening_address(listener.endpoint) for listener in configuration.listeners]
    return OwnAddresses(frozenset(each for each in addresses if each is not None), local)


def missing_here(family: int, address: str) -> str | None:
    """See Missing.  A port is bound for a moment, any that is free, and not listened on."""
    try:
        with socket.socket(_KINDS[family], socket.SOCK_STREAM) as probe:
            wanted = _EVERYWHERE[family] if address == "*" else address
            [place, *_] = socket.getaddrinfo(wanted, 0, _KINDS[family], flags=socket.AI_NUMERICHOST)
            probe.bind(place[4])
    except OSError as error:
        if address == "*":
            return f"this machine cannot use IPv{family}: {error.strerror}"
        if error.errno == errno.EADDRNOTAVAIL:
            return f"this machine has no address {address}"
        return f"{address}: {error.strerror}"
    return None
