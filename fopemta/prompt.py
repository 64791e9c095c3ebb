"""Writing without a turn of the reactor (shell): short answers leave at once, where the way is free.

Twisted's `write` waits for the next turn, asks the kernel whether the socket takes something, and gives up asking
afterwards: three system calls and a dispatch for each answer of an SMTP session (docs/decisions/0011).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Connection


def write(transport: Any, data: bytes) -> None:
    """As `transport.write`, in order with everything else that is written; nothing is called back from here.

    TLS, a transport that is closing for writing, and one that still has something to send go the usual way; so does
    what the kernel does not take now, and a connection that is found to be lost, which the reactor then tells of.
    """
    if type(data) is bytes and isinstance(transport, Connection) and _is_free(transport):
        sent = transport.writeSomeData(data)
        if type(sent) is int:
            data = data[sent:]
            if not data:
                return
    transport.write(data)


def _is_free(transport: Any) -> bool:
    waiting = transport._tempDataBuffer or len(transport.dataBuffer) > transport.offset
    usable = transport.connected and not transport.disconnecting and not transport._writeDisconnected
    return not transport.TLS and usable and not waiting
