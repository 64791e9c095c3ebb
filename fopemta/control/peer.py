"""The user at the other end of the control socket (shell), as reported by the kernel."""

from __future__ import annotations

import pwd
import socket
import struct
from typing import Any

# Linux, unix(7): process, user and group, each an int.
_CREDENTIALS = struct.Struct("3i")


def who(transport: Any) -> str:
    """The user's name, or number if it has no name; "the operator" if the kernel does not report it."""
    try:
        handle: socket.socket = transport.getHandle()
        told = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        uid = _CREDENTIALS.unpack(told)[1]
    except (AttributeError, OSError, struct.error):
        return "the operator"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
