"""Several questions at a time (shell)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

T = TypeVar("T")


def together(questions: Sequence[Deferred[T]]) -> Deferred[list[T]]:
    """All the answers, in order.  Cancelled, it cancels the questions, and fails as they do: with CancelledError."""
    if len(questions) == 1:
        return questions[0].addCallback(lambda answer: [answer])
    return gatherResults(questions, consumeErrors=True).addErrback(_innermost)


def _innermost(failure: Failure) -> Failure:
    """What gatherResults wraps in a FirstError."""
    inner: Failure = getattr(failure.value, "subFailure", failure)
    return inner
