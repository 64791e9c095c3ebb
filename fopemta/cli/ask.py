"""Run the reactor for a command until one result is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred


def asked(work: Callable[[Any], Deferred[Any]]) -> Any:
    """The result of `work`, which is given the reactor; None if it was interrupted.  Once in a process.

    Raises the exception with which `work` failed.
    """
    from twisted.internet import reactor
    from twisted.python.failure import Failure

    running: Any = reactor
    answers: list[Any] = []

    def ended(answer: Any) -> None:
        answers.append(answer)
        running.stop()

    running.callWhenRunning(lambda: work(running).addBoth(ended))
    running.run()
    answer = answers[0] if answers else None
    if isinstance(answer, Failure):
        answer.raiseException()
    return answer
