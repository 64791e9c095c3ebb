"""Our own addresses (composition): those of the listeners, and whether this machine has an address."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TypeAlias

from fopemta.config.endpoints import listening_address
from fopemta.config.model import Configuration
from fopemta.routing.hosts import OwnAddresses

# For a family (4, 6) and an address of it, "*" for all: why it cannot be bound; None if it can.
Missing: TypeAlias = Callable[[int, str], str | None]

_EVERYWHERE = {4: "0.0.0.0", 6: "::"}
_KINDS = {4: socket.AF_INET, 6: socket.AF_INET6}


def own_addresses(configuration: Configuration, local: frozenset[str]) -> OwnAddresses:
    """The addresses to which mail must not be routed, or it would loop; `local` are those of this machine."""
    addresses = [listening_address(listener.endpoint) for listener in configuration.listeners]
    return OwnAddresses(frozenset(each for each in addresses if each is not None), local)


def missing_here(family: int, address: str) -> str | None:
    """See Missing.  Binds any free port for a moment, without listening."""
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
