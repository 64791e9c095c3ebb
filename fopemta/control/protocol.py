"""One command's connection to the running server (shell)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, assert_never

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver

import fopemta
from fopemta.background import supervise
from fopemta.control.outflow import Outflow
from fopemta.control.peer import who
from fopemta.deadline import Deadline
from fopemta.interfaces import IHostMemory, IQueue, IReload, Portions, Unanswered
from fopemta.mail.requests import (
    FlushRequest,
    ForgetHosts,
    List,
    NotARequest,
    OrdersRequest,
    ReloadRequest,
    Request,
    StatusRequest,
    request_of,
)

# A command that is silent for this many seconds is disconnected.
_PATIENCE = 60.0


@attrs.frozen(eq=False)
class ControlledServer:
    """What commands can ask of the server; `listing` begins a list of the queue: briefs, the oldest first."""

    queue: IQueue
    reload: IReload
    memory: IHostMemory
    listing: Callable[[], Portions]
    # False while the spool is being read: then only Status is answered.
    is_ready: Callable[[], bool] = lambda: True


class ControlProtocol(LineOnlyReceiver):
    """Serves one request after another; a request sent before the answer is complete waits for it."""

    delimiter = b"\n"
    # MOST_MESSAGES with an address or two each.
    MAX_LENGTH = 262_144

    def __init__(self, reach: ControlledServer, clock: IReactorTime) -> None:
        self._reach = reach
        self._deadline = Deadline(clock, lambda: self._stream.loseConnection())
        self._waiting: list[bytes] = []
        self._busy = False
        self._gone = False

    def connectionMade(self) -> None:
        """A command has connected; the socket's mode has checked its permission."""
        self._deadline.set(_PATIENCE)

    def connectionLost(self, reason: object = None) -> None:
        """The command has disconnected; its orders are carried out all the same."""
        self._deadline.clear()

    @property
    def _stream(self) -> Any:
        return self.transport

    def lineReceived(self, line: bytes) -> None:
        """A request has come."""
        self._deadline.clear()
        self._waiting.append(line)
        if not self._busy:
            self._busy = True
            self._stream.pauseProducing()
            supervise(self._serve(), "answering a command")

    def lineLengthExceeded(self, line: bytes) -> None:
        """The line is too long for a command of ours."""
        self._say({"end": True, "error": "the request is too long"})
        self._stream.loseConnection()

    async def _serve(self) -> None:
        while self._waiting:
            try:
                await self._answer(request_of(self._waiting.pop(0)))
            except NotARequest as wrong:
                self._say({"end": True, "error": str(wrong)})
        self._busy = False
        if self.connected and not self._gone:
            self._deadline.set(_PATIENCE)
            self._stream.resumeProducing()

    async def _answer(self, request: Request) -> None:
        if isinstance(request, StatusRequest):
            starting = {} if self._reach.is_ready() else {"starting": True}
            self._say({"end": True, "version": fopemta.__version__, "unfinished": self._reach.queue.size} | starting)
        elif not self._reach.is_ready():
            self._say({"end": True, "error": "the server is starting and still reads its spool: try again later"})
        elif isinstance(request, OrdersRequest):
            by = who(self._stream)
            # All at once: each has to be read, and the queue sees to those of one message in their order.
            given = [
                (each, self._reach.queue.order(each, attrs.evolve(order, by=by))) for each, order in request.orders
            ]
            for message_id, obeyed in given:
                result = await obeyed
                self._say({"id": message_id, "result": result.obeyed.value, "recipients": result.recipients})
            self._say({"end": True})
        elif isinstance(request, FlushRequest):
            self._say({"end": True, "messages": await self._reach.queue.flush(request.domain)})
        elif isinstance(request, ReloadRequest):
            outcome = await self._reach.reload.run(request.allow_lower, who(self._stream))
            self._say({"end": True} | attrs.asdict(outcome))
        elif isinstance(request, ForgetHosts):
            self._say({"end": True, "hosts": self._reach.memory.forget(request.hosts)})
        elif isinstance(request, List):
            await self._list()
        else:
            assert_never(request)

    async def _list(self) -> None:
        outflow = Outflow(self._stream, self._reach.listing(), lambda: self._deadline.set(_PATIENCE))
        try:
            self._gone = not await outflow.run()
            self._say({"end": True})
        except Unanswered as why:
            self._say({"end": True, "error": str(why)})
        finally:
            self._deadline.clear()

    def _say(self, answer: dict[str, Any]) -> None:
        if self.connected and not self._gone:
            self._stream.write(json.dumps(answer).encode("ascii") + self.delimiter)


class ControlFactory(Factory):
    """The factory of the socket."""

    noisy = False

    def __init__(self, reach: ControlledServer, clock: IReactorTime) -> None:
        self._reach = reach
        self._clock = clock

    def buildProtocol(self, addr: object) -> ControlProtocol:
        """A protocol for one connection."""
        protocol = ControlProtocol(self._reach, self._clock)
        protocol.factory = self
        return protocol
