"""All workers as the one server that commands and a reload speak to (shell)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.interfaces import IQueue
from fopemta.mail.orders import Obeyed, Order, OrderResult
from fopemta.mail.queued import QueuedMessage
from fopemta.workers import commands
from fopemta.workers.fleet import Fleet


@implementer(IQueue)
class OneQueue:
    """Each message lies with one worker; who has it is found by asking all."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @property
    def size(self) -> int:
        """See IQueue: as the workers have told within the last second."""
        return self._fleet.size

    def accepted(self, message: QueuedMessage) -> None:
        """No mail comes in here."""
        raise AssertionError("mail comes in at the workers alone")

    def flush(self, domain: str) -> Deferred[int]:
        """See IQueue."""
        return self._fleet.flush(domain)

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        """See IQueue."""
        return Deferred.fromCoroutine(self._freed_by(config))

    async def _freed_by(self, config: Configuration) -> int | None:
        answers = await self._fleet.ask_all(commands.FreedBy, config=config)
        known: list[int] = [each["recipients"] for each in answers if each is not None]
        return sum(known) if len(known) == len(answers) else None

    def let_demands_fall(self, lowered_by: str) -> None:
        """Part of taking up a configuration (`OneFollowing.take`)."""

    def order(self, message_id: str, order: Order) -> Deferred[OrderResult]:
        """See IQueue.  Unknown is what nobody knows; where one cannot be asked, it cannot be told."""
        return Deferred.fromCoroutine(self._order(message_id, order))

    async def _order(self, message_id: str, order: Order) -> OrderResult:
        answers = await self._fleet.ask(commands.GiveOrder, message=message_id, order=order)
        results: list[OrderResult] = [each["result"] for each in answers if each is not None]
        for result in results:
            if result.obeyed is not Obeyed.UNKNOWN:
                return result
        return OrderResult(Obeyed.UNKNOWN if len(results) == len(answers) else Obeyed.UNREADABLE)


class OneFollowing:
    """See following.AnyFollowing: all workers go by a new configuration, or none.

    `try_files` is asked before they are: it says what is wrong with the files of a configuration, and makes what is
    missing and can be made, which several at once would spoil.
    """

    def __init__(self, fleet: Fleet, queue: OneQueue, try_files: Callable[[Configuration], Sequence[str]]) -> None:
        self._fleet = fleet
        self._queue = queue
        self._try_files = try_files

    @property
    def current(self) -> Configuration:
        """What is gone by now."""
        return self._fleet.current

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        """See AnyFollowing."""
        return self._queue.freed_by(config)

    def prepare(self, config: Configuration) -> Deferred[Sequence[str]]:
        """See AnyFollowing.  One that does not run will begin with what is in force then."""
        return Deferred.fromCoroutine(self._prepare(config))

    async def _prepare(self, config: Configuration) -> Sequence[str]:
        errors = self._try_files(config)
        if errors:
            return errors
        answers = await self._fleet.ask(commands.Prepare, config=config)
        # Each has read the same files, and says the same.
        return list(dict.fromkeys(error for each in answers if each is not None for error in each["errors"]))

    def take(self, config: Configuration, lowered_by: str | None) -> None:
        """See AnyFollowing."""
        self._fleet.current = config
        self._fleet.places.reconfigure(config)
        for seat in self._fleet.seats:
            if seat.link is not None:
                seat.link.ask(commands.Take, config=config, lowered_by=lowered_by).addErrback(_behind, seat.number)


def _behind(_failure: Failure, worker: int) -> None:
    maillog.worker_behind(worker)
