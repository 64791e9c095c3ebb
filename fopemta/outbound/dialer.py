"""Make connections (shell)."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet import error as net
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory

from fopemta.interfaces import IMailReactor
from fopemta.trust.diagnosis import Diagnosis


@attrs.frozen
class NotConnected:
    """No connection could be made, and why."""

    diagnosis: Diagnosis
    text: str


# Local resources are exhausted, which says nothing about the host: descriptors, ports, memory.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})


class _Ready(Factory):
    """A factory for one existing protocol."""

    noisy = False

    def __init__(self, protocol: IProtocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> Any:
        return self._protocol


async def dial(
    reactor: IMailReactor,
    address: str,
    port: int,
    protocol: IProtocol,
    timeout: float,
    sources: Sequence[str] = (),
) -> NotConnected | None:
    """Connect `protocol` to an IP address, from the first of `sources` of the same family; `timeout` in seconds.

    Returns None once connected.
    """
    kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
    source = next(((each, 0) for each in sources if (":" in each) == (":" in address)), None)
    endpoint = kind(reactor, address, port, timeout=timeout, bindAddress=source)
    connecting: Deferred[Any] = endpoint.connect(_Ready(protocol))
    try:
        await connecting
    except (net.TimeoutError, net.TCPTimedOutError):
        return NotConnected(Diagnosis.CONNECTION_TIMEOUT, f"no answer within {timeout:.0f} s")
    except net.ConnectionRefusedError:
        return NotConnected(Diagnosis.CONNECTION_REFUSED, "connection refused")
    except (net.ConnectError, OSError) as error:
        if (error.errno if isinstance(error, OSError) else error.osError) in _OURS:
            return NotConnected(Diagnosis.LOCAL_TROUBLE, "no connection could be begun here")
        return NotConnected(Diagnosis.HOST_UNREACHABLE, getattr(error, "strerror", None) or "not reachable")
    return None
