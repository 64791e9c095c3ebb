"""All workers together, at the supervisor (shell): begun, told, asked as one, and ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.task import deferLater
from twisted.protocols.amp import Command

from fopemta import maillog
from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Log
from fopemta.interfaces import IMailReactor
from fopemta.policy.recipients import Remembered
from fopemta.retry.leases import News
from fopemta.routing.values import NextHop
from fopemta.trust.host_memory import Known
from fopemta.workers import commands
from fopemta.workers.login_pace import AnyLoginPace, LoginPace
from fopemta.workers.places import Places
from fopemta.workers.seat import Given, Seat, SeatStage
from fopemta.workers.values import Charge, Wishes

# What a worker has not answered in so many seconds it does not answer.
PATIENCE = 60.0
# For those that are just beginning, before something is asked that all should know.
_WAIT_FOR_ALL = 15.0


class AnyHosts(Protocol):
    """The memory of what hosts can do."""

    @property
    def known(self) -> Mapping[str, Known]:
        """All of it."""

    def take(self, known: Mapping[str, Known | None]) -> None:
        """What a worker has learned."""


@attrs.frozen(eq=False)
class FleetState:
    """What the supervisor keeps for all: `callouts` are recalled and noted by calls that fire with the result, `fetch`
    has a CRL put into the state folder; `pace` counts failed logins.
    """

    hosts: AnyHosts
    count: Callable[[Mapping[tuple[str, str, str], int]], None]
    recall: Callable[[Mailbox], Deferred[Remembered | None]]
    note: Callable[[Mailbox, Remembered], Deferred[None]]
    fetch: Callable[[str, bytes], Deferred[str | None]]
    pace: AnyLoginPace


class Fleet:
    """`arguments` are those of a worker's program, `given` what each inherits, `current` the configuration in force,
    `log` where all log to; `on_ready` is called when a worker lets clients in.
    """

    def __init__(
        self,
        reactor: IMailReactor,
        arguments: Sequence[str],
        given: Sequence[Given],
        current: Configuration,
        log: Log,
        state: FleetState,
        noise: Any,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.current = current
        self._reactor: Any = reactor
        self._log = log
        self._state = state
        self._on_ready = on_ready
        self._login_pace = LoginPace(state.pace)
        self.places = Places(current, reactor, noise, self._tell_places)
        self.seats = [Seat(number, reactor, arguments, each, self) for number, each in enumerate(given, 1)]

    # --- as one ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start all."""
        for seat in self.seats:
            seat.begin()

    def tell(self, command: type[Command], but: int | None = None, **arguments: Any) -> None:
        """Something that has no answer, to all that run, `but` one."""
        for seat in self.seats:
            if seat.link is not None and seat.number != but:
                seat.link.tell(command, **arguments)

    def ask(self, command: type[Command], **arguments: Any) -> Deferred[list[dict[str, Any] | None]]:
        """What each answers; None for one that does not run, or does not answer in time.  Does not fail."""
        return DeferredList([self.asked(seat, command, arguments) for seat in self.seats]).addCallback(
            lambda results: [answer for _, answer in results]
        )

    async def ask_all(self, command: type[Command], **arguments: Any) -> list[dict[str, Any] | None]:
        """The same, once those that are beginning have `begun`."""
        await self.begun()
        return await self.ask(command, **arguments)

    async def begun(self) -> None:
        """Wait for those that are beginning, if they do so shortly."""
        end = self._reactor.seconds() + _WAIT_FOR_ALL
        while not self.complete and self._reactor.seconds() < end:
            await deferLater(self._reactor, 0.1)

    def asked(
        self, seat: Seat, command: type[Command], arguments: Mapping[str, Any]
    ) -> Deferred[dict[str, Any] | None]:
        """What one answers; None as with `ask`."""
        if seat.link is None or seat.stage is not SeatStage.READY:
            return succeed(None)
        asked: Deferred[Any] = seat.link.ask(command, **arguments)
        return asked.addTimeout(PATIENCE, self._reactor).addErrback(lambda _: None)

    @property
    def complete(self) -> bool:
        """Every worker lets clients in."""
        return all(seat.stage is SeatStage.READY for seat in self.seats)

    @property
    def size(self) -> int:
        """Unfinished messages, as far as is known."""
        return sum(seat.size for seat in self.seats)

    def end(self, deadline: float) -> Deferred[None]:
        """Have all end in good order; those that have not after `deadline` seconds are killed."""
        ended: Deferred[Any] = DeferredList([seat.end() for seat in self.seats])
        call = self._reactor.callLater(deadline, self._kill)
        return ended.addCallback(lambda _: self._all_ended(call))

    def _kill(self) -> None:
        maillog.workers_killed()
        for seat in self.seats:
            seat.kill()

    def _all_ended(self, call: Any) -> None:
        if call.active():
            call.cancel()
        self.places.stop()

    # --- see seat.AnyFleet -----------------------------------------------------------------------------------------

    def charge(self, seat: Seat) -> Charge:
        """What a new process is told first."""
        return Charge(
            number=seat.number,
            configuration=self.current,
            log=self._log,
            sockets=seat.given.sockets_there(),
            partitions=seat.given.partitions_there(),
            hosts=self._state.hosts.known,
            news=self.places.joined(seat.number),
        )

    def ready(self, seat: Seat) -> None:
        """It lets clients in."""
        self._on_ready()

    def lost(self, seat: Seat) -> None:
        """Its process is gone."""
        seat.size = 0
        self._login_pace.left(seat.number)
        self.places.left(seat.number)

    def respond(self, command: str, worker: int, **said: Any) -> Any:
        """What a worker says or asks."""
        return getattr(self, f"_{command}")(worker, **said)

    def _say(self, worker: int, wishes: Wishes) -> None:
        self.places.said(worker, wishes)

    def _learned(self, worker: int, hosts: Mapping[str, Known | None], counts: Mapping[Any, int]) -> None:
        self._state.count(counts)
        if hosts:
            self._state.hosts.take(hosts)
            self.tell(commands.TellHosts, but=worker, known=hosts)

    def _flush(self, _worker: int, domain: str) -> Deferred[int]:
        return self.flush(domain, etrn=True)

    def _recall(self, _worker: int, recipient: Mailbox) -> Deferred[Remembered | None]:
        return self._state.recall(recipient)

    def _note(self, _worker: int, recipient: Mailbox, known: Remembered) -> Deferred[None]:
        return self._state.note(recipient, known)

    def _begin_login(self, worker: int, client: str, name: str) -> float | None:
        return self._login_pace.begin(worker, client, name)

    def _end_login(self, worker: int, client: str) -> None:
        self._login_pace.end(worker, client)

    def _login_failed(self, _worker: int, client: str, name: str) -> int:
        return self._login_pace.failed(client, name)

    def _login_succeeded(self, _worker: int, client: str, name: str) -> None:
        self._login_pace.succeeded(client, name)

    def _fetch(self, _worker: int, url: str, issuer: bytes) -> Deferred[str | None]:
        return self._state.fetch(url, issuer)

    def _tell_places(self, worker: int, news: Iterable[News[NextHop]]) -> None:
        link = self.seats[worker - 1].link
        if link is not None:
            link.tell(commands.Tell, news=list(news))

    def flush(self, domain: str, etrn: bool = False) -> Deferred[int]:
        """Try at once what waits for a domain, wherever it lies; how many messages.  See commands.FlushDomain."""
        return self.ask(commands.FlushDomain, domain=domain, etrn=etrn).addCallback(
            lambda answers: sum(each["messages"] for each in answers if each is not None)
        )
