"""Passwords and their argon2id hashes (RFC 9106), computed off the reactor's thread, a bounded number at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from argon2.low_level import Type, verify_secret
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

# Runs a call in a thread; its result or exception is delivered in the reactor's thread.
RunInThread: TypeAlias = Callable[..., Deferred[Any]]

# Each takes 19 MiB and 30 ms of a core (see account.DEFAULT_COST): a flood of logins must leave threads, memory and
# cores to mail.  More may wait, for about a second.
AT_ONCE = 2
MOST_WAITING = 64

_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)


class TooBusy(Exception):
    """Too many passwords are waiting to be checked."""


def hashed(password: str) -> str:
    """The argon2id hash of a prepared password; slow by design."""
    return _hasher.hash(password)


def verified(encoded: str, password: str) -> bool:
    """Whether the password matches the hash."""
    try:
        return verify_secret(encoded.encode("ascii"), password.encode("utf-8"), Type.ID)
    except Argon2Error:  # another password, or a hash that argon2 refuses: no login either way
        return False


@attrs.define(eq=False)
class _Check:
    encoded: str
    password: str = attrs.field(repr=False)
    answer: Deferred[bool]


class PasswordChecks:
    """Runs a few checks at a time in threads, and queues some more; others fail with TooBusy."""

    def __init__(self, run_in_thread: RunInThread, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        self._run_in_thread = run_in_thread
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._running = 0
        self._waiting: deque[_Check] = deque()

    def verify(self, encoded: str, password: str) -> Deferred[bool]:
        """Whether the password matches the hash.  Fails with TooBusy; may be cancelled."""
        if self._running >= self._at_once and len(self._waiting) >= self._most_waiting:
            return fail(TooBusy())
        answer: Deferred[bool] = Deferred(self._forget)
        self._waiting.append(_Check(encoded, password, answer))
        self._next()
        return answer

    def _forget(self, answer: Deferred[bool]) -> None:
        """Drop a cancelled check; one already in a thread runs to its end."""
        self._waiting = deque(each for each in self._waiting if each.answer is not answer)

    def _next(self) -> None:
        while self._waiting and self._running < self._at_once:
            check = self._waiting.popleft()
            self._running += 1
            # The place is taken until the thread has finished, even if the check was cancelled.
            self._run_in_thread(verified, check.encoded, check.password).addBoth(self._ended, check)

    def _ended(self, result: bool | Failure, check: _Check) -> None:
        self._running -= 1
        if not check.answer.called:
            check.answer.callback(result)  # a Failure makes it fail
        self._next()
