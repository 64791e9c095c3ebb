"""The timetable (pure): when a recipient that was deferred is tried next, and when its life is over."""

from __future__ import annotations

from fopemta.retry.settings import Retry

# Of a wait, either way: spreads what was deferred together.
JITTER = 0.1
# Seconds until the spool is tried again after it has failed: the first wait, and the longest.
_SPOOL_FIRST = 1.0
_SPOOL_LONGEST = 60.0


def next_try(retry: Retry, arrived: float, attempts: int, now: float, jitter: float) -> float | None:
    """The moment of the next attempt after `attempts` (1 and more) have failed, None when the life is over.

    `arrived` and `now` seconds since the epoch; `jitter` a random number from 0 to 1.  The last attempt is made at the
    life's very end, so that none is given up without one.
    """
    end = arrived + retry.lifetime
    if life_over(retry, arrived, now):
        return None
    moment = now + wait_after(retry, attempts) * (1 - JITTER + 2 * JITTER * jitter)
    return min(moment, max(end, now))


def wait_after(retry: Retry, attempts: int) -> float:
    """Seconds of the wait after the n-th attempt, before jitter: first × factor^(n-1), at most `longest`."""
    wait = retry.first
    for _ in range(attempts - 1):
        if wait >= retry.longest:
            break
        wait *= retry.factor
    return min(wait, retry.longest)


def life_over(retry: Retry, arrived: float, now: float) -> bool:
    """The message has been here for `lifetime`."""
    return now >= arrived + retry.lifetime


def held_up(retry: Retry, previous: float, began: float) -> bool:
    """The attempt before this one, at `previous`, was long before this run of the queue `began`: the machine was off,
    or the clock was set.  Such an attempt is not the last one, however old the message is said to be.

    `began` is told by a steady clock.  How long ago the attempt was says nothing: a busy destination makes mail wait,
    too, and so it would never come to an end.
    """
    return began - previous > 2 * retry.longest


def astray(retry: Retry, moment: float, now: float) -> bool:
    """A moment lies further ahead than any wait can: the clock has jumped back since it was set."""
    return moment > now + retry.longest * (1 + JITTER)


def sane(retry: Retry, moment: float, now: float) -> float:
    """A moment that was stored, pulled in when it lies further ahead than any wait can: the clock has jumped back."""
    return min(moment, now + retry.longest * (1 + JITTER))


def spool_pause(tries: int) -> float:
    """Seconds until the spool is tried again after its n-th failure in a row: 1, 2, 4 … 60."""
    return float(min(_SPOOL_FIRST * (1 << min(tries - 1, 10)), _SPOOL_LONGEST))
