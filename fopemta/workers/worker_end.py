"""The worker's end of the socket pair (shell): what the supervisor says, and what it is told and asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet import defer
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.protocols.amp import Command, UnknownRemoteError
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration
from fopemta.interfaces import IQueue
from fopemta.mail.orders import Order, OrderResult
from fopemta.mail.queued import QueuedMessage
from fopemta.policy.recipients import Remembered
from fopemta.retry.leases import News
from fopemta.routing.values import NextHop
from fopemta.trust.host_memory import Known
from fopemta.workers import commands
from fopemta.workers.link import Link
from fopemta.workers.listings import Placed
from fopemta.workers.values import Charge

# Seconds between two tellings of what was learned.
_INTERVAL = 1.0
# Seconds after which the supervisor is not waited for any more: it may itself wait for the others (fleet.PATIENCE).
ANSWERED = 75.0


class Duty(Protocol):
    """What a worker does when it is told to."""

    queue: IQueue

    def flushed(self, domain: str) -> None:
        """A client of any worker has had the queue of `domain` started."""

    def listed(self, listing: int, begins: bool) -> Sequence[Placed] | None:
        """See listings.Listings."""

    def begin(self, charge: Charge) -> None:
        """Become a server.  Raises whatever keeps it from that."""

    def told(self, news: Sequence[News[NextHop]]) -> None:
        """Of places at destinations."""

    def hosts(self, known: Mapping[str, Known | None]) -> None:
        """What others have learned."""

    def prepare(self, config: Configuration) -> Deferred[Sequence[str]]:
        """See following.AnyFollowing."""

    def take(self, config: Configuration, lowered_by: str | None) -> Deferred[None]:
        """Go by it; fails where that cannot be."""

    def reopen(self) -> None:
        """Open the log files anew."""

    def end(self) -> None:
        """In good order, and soon."""


class WorkerEnd(Link):
    """Does `duty`; when the supervisor goes, so do we."""

    def __init__(self, duty: Duty, clock: IReactorTime) -> None:
        super().__init__()
        self._duty = duty
        self._clock = clock

    def ask(self, command: type[Command], **arguments: Any) -> Deferred[dict[str, Any]]:
        """See Link; fails with defer.TimeoutError, too, when there is no answer for `ANSWERED` seconds."""
        return super().ask(command, **arguments).addTimeout(ANSWERED, self._clock)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        """The supervisor is gone."""
        super().connectionLost(reason)
        self._duty.end()

    @commands.Begin.responder
    def _begin(self, charge: Charge) -> dict[str, Any]:
        self._duty.begin(charge)
        return {}

    @commands.Tell.responder
    def _tell(self, news: Sequence[News[NextHop]]) -> dict[str, Any]:
        self._duty.told(news)
        return {}

    @commands.TellHosts.responder
    def _tell_hosts(self, known: Mapping[str, Known | None]) -> dict[str, Any]:
        self._duty.hosts(known)
        return {}

    @commands.GiveOrder.responder
    async def _order(self, message: str, order: Order) -> dict[str, Any]:
        return {"result": await self._duty.queue.order(message, order)}

    @commands.FlushDomain.responder
    async def _flush(self, domain: str, etrn: bool) -> dict[str, Any]:
        if etrn:
            self._duty.flushed(domain)
        return {"messages": await self._duty.queue.flush(domain)}

    @commands.ListSome.responder
    def _list(self, listing: int, begins: bool) -> dict[str, Any]:
        return {"lines": self._duty.listed(listing, begins)}

    @commands.FreedBy.responder
    async def _freed_by(self, config: Configuration) -> dict[str, Any]:
        return {"recipients": await self._duty.queue.freed_by(config)}

    @commands.Prepare.responder
    async def _prepare(self, config: Configuration) -> dict[str, Any]:
        return {"errors": await self._duty.prepare(config)}

    @commands.Take.responder
    async def _take(self, config: Configuration, lowered_by: str | None) -> dict[str, Any]:
        await self._duty.take(config, lowered_by)
        return {}

    @commands.Alive.responder
    def _alive(self) -> dict[str, Any]:
        return {}

    @commands.Reopen.responder
    def _reopen(self) -> dict[str, Any]:
        self._duty.reopen()
        return {}

    @commands.Stop.responder
    def _stop(self) -> dict[str, Any]:
        self._duty.end()
        return {}


class WorkerReporter:
    """Tells the supervisor once a second what was learned, and how long the queue is.  An Attendant, who also says that
    clients are let in.

    `counted` gives what rules have done since it was asked last, `size` the length of the queue.
    """

    def __init__(
        self, link: Link, clock: IReactorTime, counted: Callable[[], Counter[Any]], size: Callable[[], int]
    ) -> None:
        self._link = link
        self._clock = clock
        self._counted = counted
        self._size = size
        self._hosts: dict[str, Known | None] = {}
        self._told_size = 0
        self._call: IDelayedCall | None = None
        self._heard = True
        # Fires when the last of it has been heard.
        self.told: Deferred[Any] = succeed(None)

    def start(self) -> None:
        """Clients are let in."""
        self._link.tell(commands.ReadyCommand)
        self._tick()

    def stop(self) -> None:
        """The last time; see `told`."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        self._tell()

    def _is_heard(self, _: object) -> None:
        self._heard = True

    def learned(self, host: str, known: Known | None) -> None:
        """Of a host."""
        self._hosts[host] = known

    def _tick(self) -> None:
        self._call = self._clock.callLater(_INTERVAL, self._tick)
        # One that does not answer is not told more and more.
        if self._heard:
            self._tell()

    def _tell(self) -> None:
        counted, size = self._counted(), self._size()
        if self._hosts or counted or size != self._told_size:
            told = self._link.ask(commands.Learned, hosts=dict(self._hosts), counts=dict(counted), size=size)
            self._heard = False
            # Who cannot hear it any more is gone, and soon so are we.
            self.told = told.addErrback(lambda _: None).addCallback(self._is_heard)
            self._hosts.clear()
            self._told_size = size


class AskedCallouts:
    """What callouts have found out, as the supervisor remembers it; its methods give Deferreds."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def _recalled(self, recipient: Mailbox) -> Remembered | None:
        known: Remembered | None = (await self._link.ask(commands.RecallCallout, recipient=recipient))["known"]
        return known

    def recall(self, recipient: Mailbox) -> Deferred[Remembered | None]:
        """See recipients.calls.AnyCalloutMemory."""
        return Deferred.fromCoroutine(self._recalled(recipient))

    def note(self, recipient: Mailbox, known: Remembered) -> Deferred[Any]:
        """See AnyCalloutMemory."""
        return self._link.ask(commands.NoteCallout, recipient=recipient, known=known)


class AskedSlowdown:
    """How long logins wait, as the supervisor counts for all.  See users.slowdown.AnySlowdown."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def begin(self, client: str, name: str) -> Deferred[float | None]:
        """Without an answer no login is looked at.  Who is cancelled has begun all the same, and is ended for."""
        waiter: Deferred[float | None] = Deferred()

        def answered(answer: dict[str, Any]) -> None:
            if not waiter.called:
                waiter.callback(answer["seconds"])
            elif answer["seconds"] is not None:
                self.end(client)

        def failed(_: Failure) -> None:
            self.end(client)  # should it have been heard
            if not waiter.called:
                waiter.callback(None)

        self._link.ask(commands.BeginLogin, client=client, name=name).addCallbacks(answered, failed)
        return waiter

    def end(self, client: str) -> None:
        """See AnySlowdown."""
        self._link.tell(commands.EndLogin, client=client)

    def failed(self, client: str, name: str) -> Deferred[int]:
        """See AnySlowdown; 0 where nobody says."""
        asked = self._link.ask(commands.LoginFailed, client=client, name=name)
        return asked.addCallbacks(lambda answer: int(answer["failures"]), lambda _: 0)

    def succeeded(self, client: str, name: str) -> None:
        """See AnySlowdown."""
        self._link.tell(commands.LoginSucceeded, client=client, name=name)


async def fetched_list(link: Link, url: str, issuer: bytes) -> str | None:
    """Have the supervisor put a CRL into the state folder: None, or why it cannot."""
    try:
        why: str | None = (await link.ask(commands.FetchList, url=url, issuer=issuer))["why"]
    except (ConnectionClosed, defer.TimeoutError, UnknownRemoteError):
        return "the supervisor does not answer"
    return why


@implementer(IQueue)
class SharedQueue:
    """The worker's `own` queue for what comes in; a flush is for all of them (RFC 1985)."""

    def __init__(self, own: IQueue, link: Link) -> None:
        self._own = own
        self._link = link

    @property
    def size(self) -> int:
        """See IQueue."""
        size: int = self._own.size
        return size

    def accepted(self, message: QueuedMessage) -> None:
        """See IQueue."""
        self._own.accepted(message)

    def flush(self, domain: str) -> Deferred[int]:
        """See IQueue."""
        asked: Deferred[dict[str, Any]] = self._link.ask(commands.FlushAll, domain=domain)
        return asked.addCallbacks(lambda answer: int(answer["messages"]), lambda _: self._own.flush(domain))

    def freed_by(self, config: Configuration) -> Deferred[int | None]:
        """See IQueue."""
        return self._own.freed_by(config)

    def let_demands_fall(self, lowered_by: str) -> None:
        """See IQueue."""
        self._own.let_demands_fall(lowered_by)

    def order(self, message_id: str, order: Order) -> Deferred[OrderResult]:
        """See IQueue."""
        return self._own.order(message_id, order)
