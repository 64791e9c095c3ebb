"""One end of the socket pair between a worker and its supervisor (shell)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory
from twisted.protocols.amp import AMP, BinaryBoxProtocol, Command
from twisted.python.failure import Failure


class Link(AMP):
    """An AMP protocol that logs nothing of its coming and going: our own events tell of processes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.standing = False

    def makeConnection(self, transport: Any) -> None:
        """IProtocol."""
        self.standing = True
        BinaryBoxProtocol.makeConnection(self, transport)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """IProtocol."""
        self.standing = False
        BinaryBoxProtocol.connectionLost(self, reason)
        self.transport = None

    def close(self) -> None:
        """The other end is gone, or shall go."""
        if self.transport is not None:
            self.transport.loseConnection()

    def ask(self, command: type[Command], **arguments: Any) -> Deferred[dict[str, Any]]:
        """What the other end answers; fails when it is gone, or has failed."""
        if not self.standing:
            return fail(ConnectionLost())
        answer: Deferred[dict[str, Any]] = self.callRemote(command, **arguments)  # type: ignore[no-untyped-call]
        return answer

    def tell(self, command: type[Command], **arguments: Any) -> None:
        """A command without an answer; nobody hears it when the other end is gone."""
        if self.standing:
            self.callRemote(command, **arguments)  # type: ignore[no-untyped-call]


class GivenProtocol(Factory):
    """A factory for one protocol that exists already."""

    noisy = False

    def __init__(self, protocol: Link) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> Any:
        """IProtocolFactory."""
        return self._protocol
