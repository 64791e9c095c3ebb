"""One worker's place, at the supervisor (shell): its process, the socket pair to it, and another when it dies."""

from __future__ import annotations

import enum
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from fopemta import maillog
from fopemta.interfaces import IMailReactor
from fopemta.workers import commands
from fopemta.workers.link import GivenProtocol, Link
from fopemta.workers.pulse import Pulse
from fopemta.workers.values import Charge, Partition, Wishes

# The worker's descriptors: its end of the pair, then its listeners' sockets, then the locks of its partitions.
LINK = 3
# Seconds before a dead worker is begun again: at first, and at most, each wait twice the one before.  One that has
# worked for so long is begun as the first time.
_FIRST_WAIT, _LONGEST_WAIT, _SOUND = 0.25, 30.0, 5.0
# For one that does not end without us.
_INSIST = 40.0


class SeatStage(enum.Enum):
    """How far a worker is."""

    WAITING = "waiting"  # to be begun, for the first time or again
    BEGINNING = "beginning"
    READY = "ready"
    ENDED = "ended"  # for good


@attrs.frozen
class Given:
    """What a worker's process inherits: descriptors of ours."""

    sockets: tuple[int, ...]
    locks: tuple[tuple[str, int], ...]

    def table(self, link: int) -> dict[int, int]:
        """Its descriptors by their numbers there, standard input aside."""
        return {1: 1, 2: 2} | dict(enumerate((link, *self.sockets, *(lock for _, lock in self.locks)), LINK))

    def sockets_there(self) -> tuple[int, ...]:
        """The listeners', by their numbers there."""
        return tuple(range(LINK + 1, LINK + 1 + len(self.sockets)))

    def partitions_there(self) -> tuple[Partition, ...]:
        """The partitions, likewise."""
        first = LINK + 1 + len(self.sockets)
        return tuple(Partition(folder, number) for number, (folder, _) in enumerate(self.locks, first))


class AnyFleet(Protocol):
    """Whom a seat serves."""

    def charge(self, seat: Seat) -> Charge:
        """What a new process is told first."""

    def ready(self, seat: Seat) -> None:
        """It lets clients in."""

    def lost(self, seat: Seat) -> None:
        """Its process is gone."""

    def respond(self, command: str, worker: int, **said: Any) -> Any:
        """It says or asks something; an answer, or a Deferred of one, where the command has one."""


class Seat:
    """`number` from 1; `arguments` are those of the worker's program."""

    def __init__(
        self, number: int, reactor: IMailReactor, arguments: Sequence[str], given: Given, fleet: AnyFleet
    ) -> None:
        self.number = number
        self.given = given
        self.stage = SeatStage.WAITING
        self.link: SupervisorEnd | None = None
        # Of its process, 0 before the first.
        self.pid = 0
        self.size = 0
        self._reactor: Any = reactor
        self._arguments = arguments
        self._fleet = fleet
        self._process: Any = None
        self._wait = _FIRST_WAIT
        self._since = 0.0
        self._pulse: Pulse | None = None
        self._call: IDelayedCall | None = None
        self._ending = False
        self.ended: Deferred[None] = Deferred()

    def begin(self) -> None:
        """Start a process."""
        self._call = None
        self.stage = SeatStage.BEGINNING
        self.pid = 0
        link = self.link = SupervisorEnd(self)
        try:
            self._spawn(link)
        except OSError as error:
            # No room for a process, or no descriptors: another time.
            if self._process is None:
                self.gone(str(error))
            else:
                self.kill()
            return
        link.ask(commands.Begin, charge=self._fleet.charge(self)).addErrback(_has_not_begun)

    def _spawn(self, link: SupervisorEnd) -> None:
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            nothing = os.open(os.devnull, os.O_RDONLY)
            try:
                self._process = self._reactor.spawnProcess(
                    _Watch(self.gone),
                    sys.executable,
                    [sys.executable, *self._arguments],
                    env=_environment(),
                    childFDs={0: nothing} | self.given.table(theirs.fileno()),
                )
            finally:
                os.close(nothing)
            self.pid = self._process.pid
            self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, GivenProtocol(link))
        finally:
            ours.close()
            theirs.close()

    def is_ready(self) -> None:
        """Its process lets clients in."""
        self.stage = SeatStage.READY
        self._since = self._reactor.seconds()
        self._pulse = Pulse(self._reactor, self._ask_alive, self._is_silent)
        self._pulse.start()
        maillog.worker_started(self.number, self.pid)
        self._fleet.ready(self)

    def gone(self, why: str) -> None:
        """Its process is no more."""
        self._process = None
        pulse, self._pulse = self._pulse, None
        if pulse is not None:
            pulse.stop()
        link, self.link = self.link, None
        if link is not None:
            link.close()
        was, self.stage = self.stage, SeatStage.WAITING
        self._fleet.lost(self)
        if self._ending:
            self.stage = SeatStage.ENDED
            self.ended.callback(None)
            return
        if was is SeatStage.READY and self._reactor.seconds() - self._since >= _SOUND:
            self._wait = _FIRST_WAIT
        wait, self._wait = self._wait, min(self._wait * 2, _LONGEST_WAIT)
        maillog.worker_ended(self.number, self.pid, why, wait)
        self._call = self._reactor.callLater(wait, self.begin)

    def _ask_alive(self) -> Deferred[dict[str, Any]]:
        assert self.link is not None
        return self.link.ask(commands.Alive)

    def _is_silent(self) -> None:
        """It keeps clients and places at destinations that others could have."""
        maillog.worker_silent(self.number, self.pid)
        self.kill()

    # --- the end -----------------------------------------------------------------------------------------------------

    def end(self) -> Deferred[None]:
        """Have it end in good order; fires when it has."""
        self._ending = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._process is None:
            self.stage = SeatStage.ENDED
            self.ended.callback(None)
        else:
            self._link_or_kill()
        return self.ended

    def _link_or_kill(self) -> None:
        if self.link is not None and self.link.standing:
            self.link.tell(commands.Stop)
        else:
            self.kill()

    def unheard(self, link: SupervisorEnd) -> None:
        """Its end of the pair is closed: it is gone, or about to go; one that hangs is helped."""
        if self.link is link and self._process is not None:
            self._reactor.callLater(_INSIST, self.kill, self.pid)

    def kill(self, pid: int | None = None) -> None:
        """It has had its time; `pid` where only that process is meant."""
        if self._process is not None and pid in (None, self.pid):
            self._process.signalProcess(signal.SIGKILL)

    def respond(self, command: str, **said: Any) -> Any:
        """See AnyFleet."""
        return self._fleet.respond(command, self.number, **said)


def _environment() -> dict[str, str]:
    """Ours, and what we import from is where the worker looks, too."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


class SupervisorEnd(Link):
    """The supervisor's end of a socket pair."""

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """Its process has gone, or ends by itself without us."""
        super().connectionLost(reason)
        self._seat.unheard(self)

    @commands.ReadyCommand.responder
    def _ready(self) -> dict[str, Any]:
        self._seat.is_ready()
        return {}

    @commands.Say.responder
    def _say(self, wishes: Wishes) -> dict[str, Any]:
        self._seat.respond("say", wishes=wishes)
        return {}

    @commands.Learned.responder
    def _learned(self, hosts: Any, counts: Any, size: int) -> dict[str, Any]:
        self._seat.size = size
        self._seat.respond("learned", hosts=hosts, counts=counts)
        return {}

    @commands.FlushAll.responder
    async def _flush(self, domain: str) -> dict[str, Any]:
        return {"messages": await self._seat.respond("flush", domain=domain)}

    @commands.RecallCallout.responder
    async def _recall(self, recipient: Any) -> dict[str, Any]:
        return {"known": await self._seat.respond("recall", recipient=recipient)}

    @commands.NoteCallout.responder
    async def _note(self, recipient: Any, known: Any) -> dict[str, Any]:
        await self._seat.respond("note", recipient=recipient, known=known)
        return {}

    @commands.BeginLogin.responder
    def _begin_login(self, client: str, name: str) -> dict[str, Any]:
        return {"seconds": self._seat.respond("begin_login", client=client, name=name)}

    @commands.EndLogin.responder
    def _end_login(self, client: str) -> dict[str, Any]:
        self._seat.respond("end_login", client=client)
        return {}

    @commands.LoginFailed.responder
    def _login_failed(self, client: str, name: str) -> dict[str, Any]:
        return {"failures": self._seat.respond("login_failed", client=client, name=name)}

    @commands.LoginSucceeded.responder
    def _login_succeeded(self, client: str, name: str) -> dict[str, Any]:
        self._seat.respond("login_succeeded", client=client, name=name)
        return {}

    @commands.FetchList.responder
    async def _fetch(self, url: str, issuer: bytes) -> dict[str, Any]:
        return {"why": await self._seat.respond("fetch", url=url, issuer=issuer)}


class _Watch(ProcessProtocol):
    """Tells why a process has ended."""

    def __init__(self, gone: Callable[[str], None]) -> None:
        self._gone = gone

    def processEnded(self, reason: Failure) -> None:
        """IProcessProtocol."""
        value: Any = reason.value
        by_signal = getattr(value, "signal", None)
        self._gone(f"signal {by_signal}" if by_signal else f"exit status {getattr(value, 'exitCode', None)}")


def _has_not_begun(failure: Failure) -> None:
    """It has logged why itself, and its end is told as any other."""
