"""The threads in which the spool waits for the disk (shell)."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")


class Threads(Protocol):
    """Runs work off the reactor thread.  The Deferreds fire in the reactor thread."""

    def start(self) -> None:
        """Make the threads."""

    def stop(self) -> None:
        """End them once their work is done."""

    def log(self, work: Callable[[], T]) -> Deferred[T]:
        """In the one thread that writes the log."""

    def files(self, work: Callable[[], T]) -> Deferred[T]:
        """In one of the threads for bodies and waiting messages."""


class PoolThreads:
    """One thread and a pool: a flush of the log never waits behind a large body."""

    def __init__(self, reactor: IReactorFromThreads, file_threads: int = 4) -> None:
        self._reactor = reactor
        self._log = _OneThread(reactor, "spool-log")
        self._files = ThreadPool(0, file_threads, "spool-files")

    def start(self) -> None:
        """Start both."""
        self._log.start()
        self._files.start()

    def stop(self) -> None:
        """Wait for what runs, then join."""
        self._log.stop()
        self._files.stop()

    def log(self, work: Callable[[], T]) -> Deferred[T]:
        """The log's thread."""
        return self._log.defer(work)

    def files(self, work: Callable[[], T]) -> Deferred[T]:
        """Any of the others."""
        return deferToThreadPool(self._reactor, self._files, work)


class _OneThread:
    """Works off a queue.  Twisted's pool of one does the same in more steps, for each batch of the log."""

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self._reactor = reactor
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """When all that was asked for is done."""
        self._jobs.put(None)
        self._thread.join()

    def defer(self, work: Callable[[], T]) -> Deferred[T]:
        """Its answer, in the reactor thread."""
        answer: Deferred[T] = Deferred()
        self._jobs.put(lambda: self._do(work, answer))
        return answer

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # else a batch would stay in memory until the next one comes

    def _do(self, work: Callable[[], T], answer: Deferred[T]) -> None:
        try:
            result = work()
        except BaseException:  # noqa: BLE001  # whoever waits for it is told
            self._reactor.callFromThread(answer.errback, Failure())
        else:
            self._reactor.callFromThread(answer.callback, result)


class SameThread:
    """Does the work at once, where it is asked for: for tests and tools without a reactor."""

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to end."""

    def log(self, work: Callable[[], T]) -> Deferred[T]:
        """At once."""
        return maybe_now(work)

    def files(self, work: Callable[[], T]) -> Deferred[T]:
        """At once."""
        return maybe_now(work)


def maybe_now(work: Callable[[], T]) -> Deferred[T]:
    """A Deferred that has fired with what the work gave or raised."""
    deferred: Deferred[T] = Deferred()
    deferred.callback(None)  # type: ignore[arg-type]
    return deferred.addCallback(lambda _: work())
