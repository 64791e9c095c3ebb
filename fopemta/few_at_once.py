"""Limit calls of one kind in other threads (shell): slow work caused by strangers must not occupy every thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred

# Runs a call in a thread; its result or exception is delivered in the reactor's thread.
InThread: TypeAlias = Callable[..., Deferred[Any]]


class FewAtOnce:
    """`in_thread` with at most `at_once` calls in threads; further calls are queued, in order."""

    def __init__(self, in_thread: InThread, at_once: int) -> None:
        self._in_thread = in_thread
        self._at_once = at_once
        self._running = 0
        self._waiting: deque[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = deque()

    def __call__(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """The result of `call`, or its exception."""
        answer: Deferred[Any] = Deferred()
        self._waiting.append((answer, call, arguments))
        self._next()
        return answer

    def _next(self) -> None:
        while self._waiting and self._running < self._at_once:
            answer, call, arguments = self._waiting.popleft()
            self._running += 1
            self._in_thread(call, *arguments).addBoth(self._ended, answer)

    def _ended(self, result: Any, answer: Deferred[Any]) -> None:
        self._running -= 1
        self._next()
        # A Failure makes it fail.
        answer.callback(result)
