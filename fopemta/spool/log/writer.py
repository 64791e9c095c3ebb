"""Gathers records into batches and has them written one batch at a time (shell, reactor thread)."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from fopemta import maillog
from fopemta.background import supervise
from fopemta.formats.record import Draft
from fopemta.interfaces import SpoolFailing, SpoolFull, SpoolTrouble
from fopemta.spool.disk import anew, trouble_of
from fopemta.spool.log.intake_log import IntakeLog
from fopemta.spool.log.segment import Position
from fopemta.spool.threads import Threads

_BATCH_SIZE = 4 * 1024 * 1024
_LONGEST_GATHERING = 4  # turns of the reactor that each bring more
_IDLE_FLUSH = 1.0
_FIRST_BACK_OFF = 0.1
_LONGEST_BACK_OFF = 30.0


@attrs.frozen(eq=False)
class _Entry:
    """A record that waits to be written.  `durable`: only a flush makes it good."""

    draft: Draft
    durable: bool
    answer: Deferred[Position]


class LogWriter:
    """While one batch is written and flushed the next one collects; all of a batch share one flush.

    Answers are given in order of append.  `trouble` is None while the log works; else what it failed with, and
    appends are refused at once until the next probe.
    """

    def __init__(self, log: IntakeLog, clock: IReactorTime, threads: Threads, written: Callable[[], None]) -> None:
        """`written` is called after each batch, when its answers have been given."""
        self._log = log
        self._clock = clock
        self._threads = threads
        self._written = written
        self.trouble: SpoolTrouble | None = None
        self._failures = 0
        self._collected: list[_Entry] = []
        self._when_flushed: list[Callable[[], None]] = []
        self._running = False
        self._flush_wanted = False
        self._start: IDelayedCall | None = None
        self._idle: IDelayedCall | None = None
        self._back_off: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None

    def append(self, draft: Draft, durable: bool) -> Deferred[Position]:
        """Write a record.  Fires once it is written, or with `durable` once it is flushed.  Fails with SpoolTrouble."""
        if self._back_off is not None and self.trouble is not None and not self._may_try(durable):
            return fail(anew(self.trouble))
        entry = _Entry(draft, durable, Deferred())
        self._collected.append(entry)
        self._start_soon()
        return entry.answer

    def _may_try(self, durable: bool) -> bool:
        """On a full disk there is room set aside for outcomes."""
        return not durable and isinstance(self.trouble, SpoolFull)

    def owe(self, draft: Draft) -> None:
        """Write a record whose writing failed before anything else, whenever that becomes possible."""
        self._log.owe(draft)

    def after_flush(self, callback: Callable[[], None]) -> None:
        """Call it, once, when all that has been appended or is owed by now is durable: at once when it is."""
        if self._collected or self._running or self._log.dirty or self._log.in_debt:
            self._when_flushed.append(callback)
            self._go_on()
        else:
            callback()

    def stop(self) -> Deferred[None]:
        """Fires when all that was appended is written and flushed, as far as the disk lets us."""
        stopped = self._stopped = Deferred()
        self._flush_wanted = True
        self._go_on()
        return stopped

    def _go_on(self) -> None:
        """What is to be done when no batch is under way."""
        unsettled = self._log.dirty or self._log.in_debt
        if self._running or self._start is not None:
            return
        if self._idle is None and self._stopped is None and self._log.dirty and not self._flush_wanted:
            # Whatever comes meanwhile without a flush of its own: a second is promised.
            self._idle = self._clock.callLater(_IDLE_FLUSH, self._flush_now)
        may_flush = self._stopped is not None or self._back_off is None
        if self._collected or (self._flush_wanted and unsettled and may_flush):
            self._start_soon()
        elif self._stopped is not None:
            self._idle = _without(self._idle)
            self._back_off = _without(self._back_off)
            stopped, self._stopped = self._stopped, None
            stopped.callback(None)
        elif self._idle is None and unsettled and self._back_off is None:
            self._idle = self._clock.callLater(_IDLE_FLUSH, self._flush_now)

    def _start_soon(self) -> None:
        """As soon as a turn of the reactor brings nothing more, so that the sessions at work share the batch."""
        if not self._running and self._start is None:
            self._start = self._clock.callLater(0, self._gather, 0, _LONGEST_GATHERING)

    def _gather(self, before: int, turns: int) -> None:
        """A batch costs the same whatever is in it: wait while there is more than `before`, at most so many `turns`."""
        if turns and len(self._collected) > before:
            self._start = self._clock.callLater(0, self._gather, len(self._collected), turns - 1)
        else:
            self._start_batch()

    def _flush_now(self) -> None:
        """Flush what nobody waits for."""
        self._idle = None
        self._flush_wanted = True
        self._start_soon()

    def _probe(self) -> None:
        """See whether the disk is well again: the next batch, even an empty one, tries a new segment."""
        self._back_off = None
        self._start_soon()

    def _start_batch(self) -> None:
        self._start = None
        self._running = True
        probing = self.trouble is not None and self._back_off is None
        batch = self._take_batch()
        flush = self._flush_wanted or any(entry.durable for entry in batch)
        self._flush_wanted = False
        if flush:
            self._idle = _without(self._idle)
        drafts, now = [entry.draft for entry in batch], self._clock.seconds()
        writing = self._threads.log(lambda: self._log.write(drafts, flush, now, in_new_segment=probing))
        writing.addCallbacks(
            lambda positions: self._succeeded(batch, positions, probing), lambda failure: self._failed(batch, failure)
        )
        supervise(writing, "writing the intake log")

    def _take_batch(self) -> list[_Entry]:
        """As many as one write should carry; at least one if there is one."""
        size = count = 0
        for entry in self._collected:
            size += entry.draft.size
            if count and size > _BATCH_SIZE:
                break
            count += 1
        batch, self._collected = self._collected[:count], self._collected[count:]
        return batch

    def _succeeded(self, batch: list[_Entry], positions: list[Position], probing: bool) -> None:
        self._running = False
        if probing:
            self.trouble, self._failures = None, 0
            maillog.spool_well_again()
        for entry, position in zip(batch, positions, strict=True):
            entry.answer.callback(position)
        if not self._log.dirty:
            flushed, self._when_flushed = self._when_flushed, []
            for callback in flushed:
                callback()
        self._written()
        self._go_on()

    def _failed(self, batch: list[_Entry], failure: Failure) -> None:
        """Refuse the whole batch, and what collected meanwhile: its clients should not wait for a sick disk."""
        self._running = False
        trouble = self._trouble_of(failure)
        if self.trouble is None:
            maillog.spool_trouble(str(trouble))
        self.trouble = trouble
        self._failures += 1
        delay = min(_LONGEST_BACK_OFF, _FIRST_BACK_OFF * 2 ** (self._failures - 1))
        self._back_off = _without(self._back_off)
        self._back_off = self._clock.callLater(delay, self._probe)
        refused, self._collected = [*batch, *self._collected], []
        for entry in refused:
            entry.answer.errback(anew(trouble))
        self._written()
        self._go_on()

    def _trouble_of(self, failure: Failure) -> SpoolTrouble:
        if isinstance(failure.value, OSError):
            return trouble_of(failure.value)
        maillog.background_failure("writing the intake log", failure)
        return SpoolFailing("writing failed unexpectedly")


def _without(timer: IDelayedCall | None) -> IDelayedCall | None:
    """No timer, after cancelling this one."""
    if timer is not None:
        timer.cancel()
    return None
