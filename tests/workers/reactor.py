"""A reactor whose processes are in memory: each is a worker's end of the pair, whose duty notes what it is told."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.config.model import Configuration
from fopemta.interfaces import IQueue
from fopemta.mail.orders import Obeyed, Order, OrderResult
from fopemta.mail.queued import QueuedMessage
from fopemta.testing.transport import Pump, connect
from fopemta.workers.worker_end import WorkerEnd


@implementer(IQueue)
class ScriptedQueue:
    """Answers with `waiting`, `freed` and `results`; notes what it is told in `done`."""

    def __init__(self, done: list[Any]) -> None:
        self._done = done
        self.size = 0
        self.waiting = 0
        self.freed = 0
        self.results: dict[str, OrderResult] = {}

    def accepted(self, message: QueuedMessage) -> None:
        self._done.append(("accepted", message))

    def flush(self, domain: str) -> Deferred[int]:
        self._done.append(("flush", domain))
        return succeed(self.waiting)

    def freed_by(self, config: Configuration) -> Deferred[int]:
        self._done.append(("freed_by", config))
        return succeed(self.freed)

    def let_demands_fall(self, lowered_by: str) -> None:
        self._done.append(("let_demands_fall", lowered_by))

    def order(self, message_id: str, order: Order) -> Deferred[OrderResult]:
        self._done.append(("order", message_id, order))
        return succeed(self.results.get(message_id, OrderResult(Obeyed.UNKNOWN)))


class ScriptedDuty:
    """See fopemta.workers.worker_end.Duty: says `errors` of each configuration; fails at what is in `breaks`."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.queue = ScriptedQueue(self.done)
        self.errors: tuple[str, ...] = ()
        self.breaks: set[str] = set()
        self.listings: Any = None
        self.gone = False

    def _note(self, name: str, *facts: Any) -> None:
        if self.gone:
            return  # its process is no more
        self.done.append((name, *facts) if facts else name)
        if name in self.breaks:
            raise RuntimeError(f"{name} is broken")

    def listed(self, listing: int, begins: bool) -> Any:
        return None if self.listings is None else self.listings.some(listing, begins)

    def begin(self, charge: Any) -> None:
        self._note("begin", charge)

    def flushed(self, domain: str) -> None:
        self._note("flushed", domain)

    def told(self, news: Any) -> None:
        self._note("told", news)

    def hosts(self, known: Any) -> None:
        self._note("hosts", known)

    def prepare(self, config: Configuration) -> Deferred[Sequence[str]]:
        self._note("prepare", config)
        return succeed(self.errors)

    def take(self, config: Configuration, lowered_by: str | None) -> Deferred[None]:
        self._note("take", config, lowered_by)
        return succeed(None)

    def reopen(self) -> None:
        self._note("reopen")

    def end(self) -> None:
        self._note("end")


class MemoryProcess:
    """What IReactorProcess.spawnProcess gives.  One that `hangs` neither hears nor says anything."""

    def __init__(self, reactor: WorkerReactor, pid: int, watch: Any, arguments: Sequence[str], table: Any) -> None:
        self.pid = pid
        self.environment: Mapping[str, str] = {}
        self.arguments = list(arguments)
        self.table: Mapping[int, int] = dict(table)
        self.duty = ScriptedDuty()
        self.end = WorkerEnd(self.duty, reactor)
        self.hangs = False
        self.signals: list[int] = []
        self.pump: Pump | None = None
        self._reactor = reactor
        self._watch = watch

    def signalProcess(self, number: int) -> None:
        self.signals.append(number)
        if number == signal.SIGKILL:
            self._reactor.callLater(0, self.die, number)

    def close(self) -> None:
        """Its end of the pair."""
        assert self.pump is not None
        self.pump.client.loseConnection()

    def die(self, number: int | None = None, status: int = 0, inherited: bool = False) -> None:
        """By a signal or with an exit status: its end is closed by then, unless somebody has `inherited` it."""
        self.hangs = False
        self.duty.gone = True
        if self.pump is not None and not inherited:
            self.close()
        why = ProcessTerminated(status or None, number) if number or status else ProcessDone(0)
        self._watch.processEnded(Failure(why))


class WorkerReactor(Clock):
    """Time, processes, and the pairs to them.  With `no_processes` none can be made, with `no_descriptors`
    none can be talked to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[MemoryProcess] = []
        self.no_processes = self.no_descriptors = False

    def spawnProcess(
        self, processProtocol: Any, executable: str, args: Sequence[str], env: Mapping[str, str], childFDs: Any
    ) -> MemoryProcess:
        """See IReactorProcess."""
        if self.no_processes:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        process = MemoryProcess(self, 101 + len(self.processes), processProtocol, args, childFDs)
        process.environment = dict(env)
        self.processes.append(process)
        return process

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> None:
        """See IReactorSocket: joined with the process that was made last."""
        if self.no_descriptors:
            raise OSError(24, "Too many open files")
        process = self.processes[-1]
        process.pump = connect(process.end, factory.buildProtocol(None), self)

    def settle(self) -> None:
        """Until nobody has anything to say."""
        moved = True
        while moved:
            self.advance(0)
            pumps = [each.pump for each in self.processes if each.pump is not None and not each.hangs]
            moved = sum(pump.pump() for pump in pumps) > 0

    def pass_time(self, seconds: float) -> None:
        """In steps of at most a quarter of a second, each with all that is said."""
        self.settle()
        while seconds > 0:
            step = min(seconds, 0.25)
            self.advance(step)
            self.settle()
            seconds -= step
