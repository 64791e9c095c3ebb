"""The threads in which the spool waits for the disk (shell)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
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
    """Two pools: a flush of the log never waits behind a large body."""

    def __init__(self, reactor: IReactorFromThreads, file_threads: int = 4) -> None:
        self._reactor = reactor
        self._log = ThreadPool(1, 1, "spool-log")
        self._files = ThreadPool(0, file_threads, "spool-files")

    def start(self) -> None:
        """Start both pools."""
        self._log.start()
        self._files.start()

    def stop(self) -> None:
        """Wait for what runs, then join."""
        self._log.stop()
        self._files.stop()

    def log(self, work: Callable[[], T]) -> Deferred[T]:
        """The log's thread."""
        return deferToThreadPool(self._reactor, self._log, work)

    def files(self, work: Callable[[], T]) -> Deferred[T]:
        """Any of the others."""
        return deferToThreadPool(self._reactor, self._files, work)


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
