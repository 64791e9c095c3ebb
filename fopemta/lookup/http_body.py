"""Read the body of an HTTP response, within bounds (shell)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

from fopemta.answer import Answer, Found, Unavailable

Room: TypeAlias = Callable[[int], bool]


class _Body(Protocol):
    """Collects a body; aborts the connection if there are more than `largest` octets, or no `room` for them.

    Room is given back when the response is over.
    """

    def __init__(self, largest: int, room: Room) -> None:
        self.answer: Deferred[Answer[bytes]] = Deferred(lambda _: self._give_up())
        self._largest = largest
        self._room = room
        # Not a list: a chunk of one octet would cost fifty there.
        self._data = bytearray()

    def _give_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def refuse(self, why: str) -> None:
        """Abort the connection; the answer is Unavailable because of `why`."""
        if not self.answer.called:
            self.answer.callback(Unavailable(why))
            self._forget()
            self._give_up()

    def dataReceived(self, data: bytes) -> None:
        """Protocol."""
        if self.answer.called:
            return
        if len(self._data) + len(data) > self._largest:
            self.refuse(f"larger than {self._largest} octets")
        elif self._room(len(data)):
            self._data += data
        else:
            self.refuse("too much is being fetched at a time")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Protocol: the response has ended or broken off."""
        found = bytes(self._data)
        self._forget()
        if self.answer.called:
            return
        # Without a length the server ends by closing; a truncated body fails its signature check.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.answer.callback(Found(found))
        else:
            self.answer.callback(Unavailable("the response broke off"))

    def _forget(self) -> None:
        self._room(-len(self._data))
        self._data.clear()


def body_of(response: IResponse, largest: int, room: Room = lambda _: True) -> Deferred[Answer[bytes]]:
    """The body, or Unavailable if it is larger than `largest` octets or breaks off.  Cancelling aborts the connection.

    `room` is asked for a number of octets, and given them back as a negative number.
    """
    body = _Body(largest, room)
    response.deliverBody(body)
    if isinstance(response.length, int) and response.length > largest:
        body.refuse(f"larger than {largest} octets")
    return body.answer


def discard(response: IResponse) -> None:
    """Abort the connection without reading the body."""
    body = _Body(0, lambda _: True)
    response.deliverBody(body)
    body.refuse("not wanted")
