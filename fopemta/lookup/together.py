"""Await several questions at once (shell)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

T = TypeVar("T")


def together(questions: Sequence[Deferred[T]]) -> Deferred[list[T]]:
    """All answers, in order.  Cancelling cancels the questions, and fails with CancelledError."""
    if len(questions) == 1:
        return questions[0].addCallback(lambda answer: [answer])
    return gatherResults(questions, consumeErrors=True).addErrback(_innermost)


def _innermost(failure: Failure) -> Failure:
    """The failure that gatherResults has wrapped in a FirstError."""
    inner: Failure = getattr(failure.value, "subFailure", failure)
    return inner
