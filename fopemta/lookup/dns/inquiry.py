"""Work whose result is shared by several callers (shell)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from fopemta import maillog

T = TypeVar("T")


class Inquiry(Generic[T]):
    """All that join get the result; when the last of them cancels, the work is cancelled.

    `over` is called when the work has ended; after that, joining is no longer possible.  If the work fails, which would
    be a bug, the failure is logged with `doing`, and the result is `otherwise`.
    """

    def __init__(self, doing: str, otherwise: T, over: Callable[[], object]) -> None:
        self._doing = doing
        self._otherwise = otherwise
        self._over = over
        self._waiting: list[Deferred[T]] = []
        self._work: Deferred[None] | None = None

    def join(self) -> Deferred[T]:
        """The shared result.  Fails only with CancelledError, if its owner cancels it."""
        waiting: Deferred[T] = Deferred(self._leave)
        self._waiting.append(waiting)
        return waiting

    def begin(self, work: Deferred[T]) -> None:
        """Start the work; call once, after the first join."""
        self._work = work.addCallbacks(self._end, self._failed)

    def _leave(self, waiting: Deferred[T]) -> None:
        if waiting not in self._waiting:
            return  # the result is being delivered
        self._waiting.remove(waiting)
        if not self._waiting and self._work is not None:
            self._work.cancel()

    def _end(self, result: T) -> None:
        self._over()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:  # a callback may just have cancelled another one
                each.callback(result)

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            maillog.background_failure(self._doing, failure)
        self._end(self._otherwise)
