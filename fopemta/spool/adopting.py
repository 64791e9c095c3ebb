"""A spool beside which others are open whose owners are gone (shell): their mail is delivered from where it lies.

New mail goes to the own one.  Nothing is moved: where `[workers] count` was lowered, the others run empty.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from fopemta.formats.brief import place_of_brief
from fopemta.interfaces import IIncoming, IMessageContent, ISpool, SpoolStopped
from fopemta.mail.damage import PutAside
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.spool.store import Spool
from fopemta.trust.verdict import VerdictRecord


@implementer(ISpool)
class AdoptingSpool:
    """`own` takes mail, `adopted` are emptied."""

    def __init__(self, own: Spool, adopted: Sequence[Spool]) -> None:
        self._own = own
        self._adopted = list(adopted)
        self._stopped = False

    def lock(self) -> None:
        """Take all of them.  Raises as `Spool.lock`."""
        for each in (self._own, *self._adopted):
            each.lock()

    def start(self) -> Deferred[Sequence[Unfinished]]:
        """See ISpool."""
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> Sequence[Unfinished]:
        found = list(await self._own.start())
        for each in list(self._adopted):
            if self._stopped:
                raise SpoolStopped("stopped while it was read")
            found += await each.start()
        return sorted(found, key=lambda message: message.arrived) if self._adopted else found

    def waiting(self, take: Callable[[Sequence[Unfinished]], None]) -> Deferred[None]:
        """See ISpool.  An adopted one with nothing in it is closed again."""
        return Deferred.fromCoroutine(self._read_waiting(take))

    async def _read_waiting(self, take: Callable[[Sequence[Unfinished]], None]) -> None:
        await self._own.waiting(take)
        for each in list(self._adopted):
            await each.waiting(take)
            if each.is_empty:
                self._adopted.remove(each)
                await each.stop()

    def stop(self) -> Deferred[None]:
        """See ISpool.  Called again after a start that it has ended, it stops those that had been started by then."""
        self._stopped = True
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for each in (*self._adopted, self._own):
            await each.stop()

    def receive(self, message_id: str) -> IIncoming:
        """See ISpool."""
        return self._own.receive(message_id)

    def submit(self, message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage | None]:
        """See ISpool: a report that the gone owner has made already is not made again."""
        return Deferred.fromCoroutine(self._submit(message_id, envelope, content))

    async def _submit(self, message_id: str, envelope: Envelope, content: bytes) -> QueuedMessage | None:
        for each in tuple(self._adopted):
            if await each.knows(message_id):
                return None
        return await self._own.submit(message_id, envelope, content)

    def holds(self, message_id: str) -> bool:
        """See ISpool."""
        return any(each.holds(message_id) for each in (self._own, *self._adopted))

    def load(self, message_id: str) -> Deferred[QueuedMessage]:
        """See ISpool."""
        return self._that_has(message_id).load(message_id)

    def content(self, message_id: str) -> Deferred[IMessageContent]:
        """See ISpool."""
        return self._that_has(message_id).content(message_id)

    def record(self, message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> Deferred[None]:
        """See ISpool."""
        return self._that_has(message_id).record(message_id, verdicts, finished)

    def defer(self, message_id: str) -> Deferred[None]:
        """See ISpool."""
        return self._that_has(message_id).defer(message_id)

    def listing(self) -> Iterator[bytes]:
        """See ISpool."""
        listings = (each.listing() for each in (self._own, *self._adopted))
        return heapq.merge(*listings, key=place_of_brief) if self._adopted else self._own.listing()

    def put_aside(self) -> Sequence[PutAside]:
        """See ISpool."""
        return [found for each in (self._own, *self._adopted) for found in each.put_aside()]

    def _that_has(self, message_id: str) -> Spool:
        return next((each for each in self._adopted if message_id in each), self._own)
