"""Callouts and their cache: one at a time for each address, and a limited number in all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.background import supervise
from fopemta.interfaces import ICallout
from fopemta.policy.recipients import Remembered, Said, remembered_after
from fopemta.recipients.files import InThread

# Simultaneous callouts, and those that may be queued, so that none waits longer than two minutes; other clients are
# asked to come again.
MOST_AT_ONCE = 20
MOST_WAITING = 60


class AnyCalloutMemory(Protocol):
    """Stores the results of callouts; called in a thread if it blocks, else it may return Deferreds."""

    def recall(self, recipient: Mailbox) -> Any:
        """What is remembered of an address: a Remembered or None."""

    def note(self, recipient: Mailbox, known: Remembered) -> Any:
        """Store a result."""


class Calls:
    """Callouts with a cache; `now` gives the wall time in seconds since the epoch."""

    def __init__(
        self,
        callout: ICallout,
        memory: AnyCalloutMemory,
        clock: IReactorTime,
        in_thread: InThread,
        now: Callable[[], float],
    ) -> None:
        self._callout = callout
        self._clock = clock
        self._memory = memory
        self._in_thread = in_thread
        self._now = now
        self._places = DeferredSemaphore(MOST_AT_ONCE)
        self._file = DeferredLock()
        self._waiting: dict[Mailbox, list[Deferred[Remembered]]] = {}

    def known(self, recipient: Mailbox) -> Deferred[Remembered]:
        """What is known of the recipient, from a callout if the cache is too old.  Does not fail."""
        waiter: Deferred[Remembered] = Deferred()
        waiters = self._waiting.setdefault(recipient, [])
        waiters.append(waiter)
        if len(waiters) == 1:
            # A waiter that cancels does not stop the work: later callers need the result, too.
            supervise(self._find_out(recipient), "finding out about a recipient")
        return waiter

    async def _find_out(self, recipient: Mailbox) -> None:
        found = Remembered(Said.UNKNOWN, self._now())
        try:
            before = await self._file.run(self._in_thread, self._memory.recall, recipient)
            if before is not None and before.fresh(self._now()):
                found = before
            else:
                found = await self._asked(recipient, before)
        except Exception:  # noqa: BLE001  a bug of ours: nothing is known, and whoever asked may come again
            maillog.failed_unexpectedly("finding out about a recipient")
        finally:
            for each in self._waiting.pop(recipient):
                if not each.called:
                    each.callback(found)

    async def _asked(self, recipient: Mailbox, before: Remembered | None) -> Remembered:
        if not self._places.tokens and len(self._places.waiting) >= MOST_WAITING:
            # Not stored: no server was asked.
            return remembered_after(before, Said.UNKNOWN, self._now())
        said = await self._places.run(Deferred.fromCoroutine, self._ask(recipient))
        after = remembered_after(before, said, self._now())
        await self._file.run(self._in_thread, self._memory.note, recipient, after)
        return after

    async def _ask(self, recipient: Mailbox) -> Said:
        # On a stack of its own: answers available at once would recurse without limit.
        await deferLater(self._clock, 0)
        return await self._callout.ask(recipient)
