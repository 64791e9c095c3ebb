"""Why there is no connection."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet import error as net
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fopemta.outbound.dialer import NotConnected, dial


class Refusing:
    """A reactor on which every connection fails with `error`."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float, bindAddress: Any) -> None:
        factory.clientConnectionFailed(None, Failure(self.error))


def why(error: Exception) -> tuple[str, str]:
    found: list[Any] = []
    dialling = dial(Refusing(error), "192.0.2.1", 25, Protocol(), 30.0)  # type: ignore[arg-type]
    Deferred.fromCoroutine(dialling).addBoth(found.append)
    [result] = found
    assert isinstance(result, NotConnected), result
    return result.diagnosis.value, result.text


class ReasonTests(SynchronousTestCase):
    def test_table(self) -> None:
        for error, wanted in (
            (net.TimeoutError(), ("connection_timeout", "no answer within 30 s")),
            (net.TCPTimedOutError(), ("connection_timeout", "no answer within 30 s")),
            (net.ConnectionRefusedError(), ("connection_refused", "connection refused")),
            (net.NoRouteError(), ("host_unreachable", "not reachable")),
            (net.ConnectError(errno.EHOSTUNREACH, "no way"), ("host_unreachable", "not reachable")),
            (OSError(errno.ENETUNREACH, "Network is unreachable"), ("host_unreachable", "Network is unreachable")),
        ):
            self.assertEqual(why(error), wanted, error)

    def test_what_is_used_up_here_says_nothing_of_the_other_side(self) -> None:
        ours = ("local_trouble", "no connection could be begun here")
        for number in (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM):
            for error in (net.ConnectError(number, "full"), OSError(number, "full")):
                self.assertEqual(why(error), ours, error)
