"""The mail servers of others: what they do, and a record of all that reaches them."""

from __future__ import annotations

from typing import Any

from fopemta.testing.peers import Behaviour, Peer, PeerSession, StartTls
from tests.simulation.certificates import creator
from tests.simulation.history import Tls, Transaction
from tests.simulation.inputs import Server


class Host(Peer):
    """One host with one address; `world` gives ticks and times, and keeps the record."""

    def __init__(self, world: Any, name: str, server: Server) -> None:
        super().__init__(Behaviour())
        self.world = world
        self.name = name
        self.become(server)

    def become(self, server: Server) -> None:
        """Behave so from the next connection on."""
        self.server = server
        self.behaviour = Behaviour(
            starttls=StartTls(server.starttls),
            creator=creator(server.certificate, server.suites, self.name),
            replies=dict(server.replies),
            hostname=self.name,
        )

    def buildProtocol(self, addr: Any) -> Any:
        """A session."""
        return _Session(self)


class _Session(PeerSession):
    """As every other, and told of."""

    peer: Host

    def __init__(self, peer: Host) -> None:
        super().__init__(peer)
        self._certificate = peer.server.certificate
        self._now: Transaction | None = None
        self._refused = bool(dict(peer.server.replies).get("MAIL"))

    def _command(self, line: str) -> None:
        verb, before = line.split(" ")[0].upper(), len(self._recipients)
        if verb == "MAIL":
            self._begin(line)
        elif verb in ("RCPT", "DATA") and self._refused:
            self._say("503 5.5.1 MAIL first")
            return
        super()._command(line)
        if verb == "EHLO":
            self.peer.world.greeted(self.peer.name)
        if verb == "RCPT" and self._now is not None:
            self._now.recipients.append((_path(line), len(self._recipients) > before))

    def _begin(self, line: str) -> None:
        world = self.peer.world
        tls = None if self._tls is None else Tls(*self._tls, self._certificate)
        self._now = Transaction(world.tick(), world.seconds(), world.wall(), self.peer.name, tls, _path(line))
        world.history.transactions.append(self._now)

    def _receive_content(self, data: bytes) -> None:
        if self._now is not None:
            self._now.content += data
        super()._receive_content(data)

    def _ended(self) -> None:
        before = len(self.peer.messages)
        super()._ended()
        if self._now is not None and len(self.peer.messages) > before:
            self._now.taken, self._now.taken_at = True, self.peer.world.seconds()
        self.peer.messages.clear()
        self._now = None


def _path(line: str) -> str:
    return line[line.find("<") + 1 : line.find(">")]
