"""The table of destinations, at the supervisor (shell): what workers wish of it is answered once per reactor turn."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog
from fopemta.config.model import Configuration
from fopemta.retry.leases import Leases, News
from fopemta.retry.standing import Pacing
from fopemta.retry.standings import Turn
from fopemta.routing.values import NextHop
from fopemta.workers.values import Met, Wishes


class Places:
    """`tell` takes what a worker is to be told."""

    def __init__(
        self,
        config: Configuration,
        clock: IReactorTime,
        noise: random.Random,
        tell: Callable[[int, Sequence[News[NextHop]]], None],
    ) -> None:
        self._clock = clock
        self._noise = noise
        self._tell = tell
        self._leases: Leases[NextHop] = Leases(Pacing.of(config.delivery.connections_per_destination, config.retry))
        self._call: IDelayedCall | None = None

    def reconfigure(self, config: Configuration) -> None:
        """Use other limits from now on."""
        self._leases.limit(Pacing.of(config.delivery.connections_per_destination, config.retry))
        self._settle_in(0)

    def joined(self, worker: int) -> tuple[News[NextHop], ...]:
        """A worker begins; what it must know."""
        return tuple(self._leases.joined(worker))

    def left(self, worker: int) -> None:
        """It is gone, and its connections with it."""
        self._leases.left(worker)
        self._settle_in(0)

    def said(self, worker: int, wishes: Wishes) -> None:
        """By a worker."""
        for destination, number in wishes.returns:
            self._leases.give_back(worker, destination, number)
        for each in wishes.met:
            self._met(each)
        for destination in wishes.woken:
            self._leases.wake(destination)
        for destination, number in wishes.wants:
            self._leases.want(worker, destination, number)
        self._settle_in(0)

    def stop(self) -> None:
        """Nobody is to be told any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _met(self, each: Met) -> None:
        turn = self._leases.met(
            each.destination, each.met, each.cause, each.started, each.ended, self._noise.random(), each.waiting
        )
        word = each.destination.word
        if turn is Turn.ANSWERS:
            maillog.destination_answers(word)
        elif turn is not Turn.NONE:
            standing = self._leases.standing(each.destination)
            cause, now = standing.cause, self._clock.seconds()
            maillog.destination_rests(
                word, (standing.until or now) - now, cause.diagnosis if cause else None, cause.text if cause else ""
            )

    def _settle_in(self, seconds: float) -> None:
        if self._call is not None:
            if self._call.getTime() <= self._clock.seconds() + seconds:
                return
            self._call.cancel()
        self._call = self._clock.callLater(seconds, self._settle)

    def _settle(self) -> None:
        self._call = None
        told: dict[int, list[News[NextHop]]] = {}
        for worker, news in self._leases.settle(self._clock.seconds()):
            told.setdefault(worker, []).append(news)
        for worker, its in told.items():
            self._tell(worker, its)
        moment = self._leases.next_look()
        if moment is not None:
            self._settle_in(max(moment - self._clock.seconds(), 0.0))
