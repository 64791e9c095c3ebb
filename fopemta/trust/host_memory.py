"""What is remembered about a host, and where on the ladder to begin with it (pure).

Only success with TLS below the top is remembered.  Failure is not: an attacker who breaks one handshake must not get
plain text for a day.  Memory changes where the walk begins, never what is permitted.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.trust.rungs import Hello, Rung

# After this time the top is tried again: the host may have been fixed, or an attacker may have broken that one
# handshake.  Each confirmation doubles the time.
FIRST_PROBE = 3600.0
LONGEST_PROBE = 86_400.0
_MOST_DOUBLINGS = 5
_ORDER = tuple(Rung)


@attrs.frozen
class Known:
    """The best that a host has been found to support: `rung` with `hello`; `at` when, in seconds since the epoch;
    `confirmed`: how often it was found again.
    """

    rung: Rung
    hello: Hello
    at: float
    confirmed: int = 0

    def believed(self, now: float) -> bool:
        """Whether the top need not be tried again yet.  False if `at` is in the future, since the clock was wrong."""
        return self.at <= now < self.at + min(FIRST_PROBE * 2.0 ** min(self.confirmed, _MOST_DOUBLINGS), LONGEST_PROBE)


@attrs.frozen
class Start:
    """Where to begin on the ladder."""

    rung: Rung
    hello: Hello


def start_with(known: Known | None, rungs: Sequence[Rung], now: float) -> Start | None:
    """Where to begin with a host under a plan that permits `rungs`; None means at the top."""
    if known is None or known.rung not in rungs or not known.believed(now):
        return None
    start = Start(known.rung, known.hello)
    return None if start == Start(rungs[0], Hello.FULL) else start


def after_success(known: Known | None, rung: Rung, hello: Hello, began_at: Start | None, now: float) -> Known | None:
    """What to remember after a handshake on `rung` with `hello`; None if nothing.

    `began_at`: the walk began there because it was remembered.  Then nothing new was learned and the time stays, or a
    busy host would never be tried at the top again.
    """
    if rung is _ORDER[0] and hello is Hello.FULL:
        return None
    if known is None or Start(rung, hello) != Start(known.rung, known.hello):
        return Known(rung, hello, now)
    # Parallel walks all find the same; that counts once.
    if began_at == Start(rung, hello) or known.believed(now):
        return known
    return Known(rung, hello, now, min(known.confirmed + 1, _MOST_DOUBLINGS))
