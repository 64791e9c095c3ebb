"""Whether somebody can listen at an address here (composition)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TypeAlias

# Of a family (4, 6) and an address of it, "*" for all: why nobody can listen there; None when somebody can.
Missing: TypeAlias = Callable[[int, str], str | None]

_EVERYWHERE = {4: "0.0.0.0", 6: "::"}
_KINDS = {4: socket.AF_INET, 6: socket.AF_INET6}


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
