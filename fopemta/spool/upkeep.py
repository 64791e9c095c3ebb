"""What the spool does by itself (shell, reactor thread): age moves messages on, dead segments go, room is set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from fopemta.background import supervise
from fopemta.spool.incoming import PATIENCE, Incoming
from fopemta.spool.limits import RoomGauge
from fopemta.spool.log.intake_log import IntakeLog
from fopemta.spool.threads import Threads
from fopemta.spool.waiting.mover import Mover

_TICK = 1.0
_SWEEP = 10


class DeadSegments:
    """Takes segments off the front of the log, oldest first.

    Never one that has an older one before it: it may hold the completions of the older one's messages.
    """

    def __init__(self, log: IntakeLog, threads: Threads) -> None:
        self._log = log
        self._threads = threads
        self._removing = False

    def remove(self) -> None:
        """Begin to remove what is dead; one that cannot be removed is tried again at the next call."""
        if not self._removing and self._oldest_is_dead():
            self._removing = True
            supervise(self._remove(), "removing dead segments")

    async def _remove(self) -> None:
        try:
            while self._oldest_is_dead():
                segment = self._log.segments[0]
                await self._threads.log(lambda segment=segment: self._log.remove(segment))  # type: ignore[misc]
                self._log.segments.pop(0)
        except OSError:
            pass
        finally:
            self._removing = False

    def _oldest_is_dead(self) -> bool:
        segments = self._log.segments
        return bool(segments) and segments[0].retired and segments[0].live == 0


class Upkeep:
    """Looks after things once a second."""

    def __init__(
        self,
        clock: IReactorTime,
        threads: Threads,
        log: IntakeLog,
        mover: Mover,
        dead_segments: DeadSegments,
        gauge: RoomGauge,
        receiving: Callable[[], Iterator[Incoming]],
        sweep: Callable[[], None],
    ) -> None:
        """`receiving` gives the messages that are being received; `sweep` is called now and then."""
        self._clock = clock
        self._threads = threads
        self._log = log
        self._mover = mover
        self._dead_segments = dead_segments
        self._gauge = gauge
        self._receiving = receiving
        self._sweep = sweep
        self._ticks = 0
        self._reserving = False
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin; the first look is a second away."""
        supervise(self._loop.start(_TICK, now=False), "looking after the spool")
        self._keep_reserve()

    def stop(self) -> None:
        """No more looks."""
        if self._loop.running:
            self._loop.stop()

    def _tick(self) -> None:
        self._ticks += 1
        self._lose_patience()
        self._dead_segments.remove()
        if self._ticks % _SWEEP == 0:
            supervise(self._mover.sweep(self._clock), "moving old messages to deferred/")
            self._sweep()
            self._keep_reserve()

    def _lose_patience(self) -> None:
        """A slow client's body waits in a file, not in memory."""
        slow = self._clock.seconds() - PATIENCE
        for incoming in [each for each in self._receiving() if each.started <= slow]:
            incoming.move_to_file()

    def _keep_reserve(self) -> None:
        """While there is room; on a full disk the reserve may just have been spent."""
        if self._gauge.trouble() is None and not self._reserving:
            self._reserving = True
            supervise(self._reserve(), "setting room aside for outcomes")

    async def _reserve(self) -> None:
        try:
            await self._threads.log(self._log.keep_reserve)
        except OSError:
            pass  # the gauge tells of a full disk
        finally:
            self._reserving = False
