"""Background work whose failures must be logged (shell)."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from fopemta import maillog


def supervise(work: Deferred[Any] | Coroutine[Deferred[Any], Any, Any], doing: str) -> Deferred[None]:
    """Run `work` to its end; a failure is logged as `background_failure` with `doing`.

    The returned Deferred never fails.  Cancellation is an expected end.
    """
    deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)

    def log(failure: Any) -> None:
        if failure.check(CancelledError) is None:
            maillog.background_failure(doing, failure)

    return deferred.addCallbacks(lambda _: None, log)
