"""The body of an HTTP response, as far as we want it (shell)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

from fopemta.answer import Answer, Found, Unavailable


class _Body(Protocol):
    """Collects; gives the connection up as soon as there is more than `largest` octets."""

    def __init__(self, largest: int) -> None:
        self.answer: Deferred[Answer[bytes]] = Deferred(lambda _: self._give_up())
        self._largest = largest
        self._parts: list[bytes] = []
        self._size = 0

    def _give_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def refuse(self, why: str) -> None:
        """No more of it."""
        if not self.answer.called:
            self.answer.callback(Unavailable(why))
            self._parts.clear()
            self._give_up()

    def dataReceived(self, data: bytes) -> None:
        """Protocol."""
        self._size += len(data)
        if self._size > self._largest:
            self.refuse(f"larger than {self._largest} octets")
        else:
            self._parts.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Protocol: the response is over, one way or the other."""
        if self.answer.called:
            return
        # Without a length the server ends by closing; that something is missing shows in the signature.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.answer.callback(Found(b"".join(self._parts)))
        else:
            self.answer.callback(Unavailable("the response broke off"))


def body_of(response: IResponse, largest: int) -> Deferred[Answer[bytes]]:
    """The body, or Unavailable when it is larger than `largest` octets or breaks off.  Cancelled, it is given up."""
    body = _Body(largest)
    response.deliverBody(body)
    if isinstance(response.length, int) and response.length > largest:
        body.refuse(f"larger than {largest} octets")
    return body.answer


def discard(response: IResponse) -> None:
    """Give the connection up without reading the body."""
    body = _Body(0)
    response.deliverBody(body)
    body.refuse("not wanted")
