"""Clients that connect to a listening port (shell)."""

from __future__ import annotations

import socket
from typing import Any

from fopemta.interfaces import IMailReactor
from fopemta.wire.line import Line, address_of
from fopemta.wire.wires import Wires


def use_lines(port: Any, reactor: IMailReactor) -> None:
    """Each client that `port`, one of Twisted's on `reactor`, lets in from now on has a Line for its transport.

    Twisted's ports are made for it: what they call `transport` they make of a socket that was accepted.
    """
    wires = Wires.of(reactor)

    def transport(accepted: socket.socket, protocol: Any, name: Any, *_: object) -> Line:
        return Line(accepted, protocol, _address(name), wires)

    port.transport = transport


def _address(name: Any) -> Any:
    """Whom `accept` has named: two fields for IPv4, four for IPv6, none that matters for a Unix socket."""
    if not isinstance(name, tuple):
        return address_of(socket.AF_UNIX, name)
    return address_of(socket.AF_INET if len(name) == 2 else socket.AF_INET6, name)
