"""Work that is done once for all that wait for it (shell)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from fopemta.background import supervise

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Once(Generic[K, T]):
    """A waiter that cancels does not stop the work: later callers may need the result."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._waiting: dict[K, list[Deferred[T]]] = {}
        self._work: dict[K, Deferred[T]] = {}

    def run(self, key: K, start: Callable[[], Deferred[T]]) -> Deferred[T]:
        """The result of `start`, which is called only if no work is under way for `key`."""
        waiter: Deferred[T] = Deferred()
        waiters = self._waiting.get(key)
        if waiters is not None:
            waiters.append(waiter)
            return waiter
        self._waiting[key] = [waiter]
        work = start()
        if key in self._waiting:
            self._work[key] = work
        supervise(work.addBoth(self._ended, key), self._doing)
        return waiter

    def _ended(self, result: T | Failure, key: K) -> Failure | None:
        self._work.pop(key, None)
        waiters = [each for each in self._waiting.pop(key) if not each.called]
        for each in waiters:
            each.callback(result) if not isinstance(result, Failure) else each.errback(result)
        # A failure without waiters must be logged all the same.
        return result if isinstance(result, Failure) and not waiters else None

    def stop(self) -> None:
        """Cancel all work under way."""
        for work in list(self._work.values()):
            work.cancel()


def is_cancelled(failure: Failure) -> bool:
    """Whether the work was cancelled, which is not an error."""
    return failure.check(CancelledError) is not None
