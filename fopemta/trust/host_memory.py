"""What a host could do, and where on the ladder to begin with it (pure).

Remembered is only where TLS has succeeded below the top.  That it failed is not: who breaks a handshake once must not
have plain text for a day.  What is remembered changes where the walk begins, never what is permitted.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.trust.rungs import Hello, Rung

# After so long the top is tried again: the host may have been mended, or somebody may have broken that one handshake.
# Each time that the same is found again, it is believed for twice as long.
FIRST_PROBE = 3600.0
LONGEST_PROBE = 86_400.0
_MOST_DOUBLINGS = 5
_ORDER = tuple(Rung)


@attrs.frozen
class Known:
    """The best that a host has been found to do: `rung` with `hello`; `at` seconds since the epoch when that was;
    `confirmed`: how often the same was found again.
    """

    rung: Rung
    hello: Hello
    at: float
    confirmed: int = 0

    def believed(self, now: float) -> bool:
        """The top need not be tried again yet.  Not before its time either: then the clock was another."""
        return self.at <= now < self.at + min(FIRST_PROBE * 2.0 ** min(self.confirmed, _MOST_DOUBLINGS), LONGEST_PROBE)


@attrs.frozen
class Start:
    """Where to begin."""

    rung: Rung
    hello: Hello


def start_with(known: Known | None, rungs: Sequence[Rung], now: float) -> Start | None:
    """Where to begin with a host under a plan that permits `rungs`; None for the top, as with any other."""
    if known is None or known.rung not in rungs or not known.believed(now):
        return None
    start = Start(known.rung, known.hello)
    return None if start == Start(rungs[0], Hello.FULL) else start


def after_success(known: Known | None, rung: Rung, hello: Hello, began_at: Start | None, now: float) -> Known | None:
    """What is known after a handshake on `rung` with `hello`; None: nothing that would need to be remembered.

    `began_at`: the walk began there, because it was remembered.  Then nothing new was found out, and the time stays: or
    a host that is written to all day would never be tried at the top again.
    """
    if rung is _ORDER[0] and hello is Hello.FULL:
        return None
    if known is None or Start(rung, hello) != Start(known.rung, known.hello):
        return Known(rung, hello, now)
    # Walks that went on side by side have all found the same: that counts once.
    if began_at == Start(rung, hello) or known.believed(now):
        return known
    return Known(rung, hello, now, min(known.confirmed + 1, _MOST_DOUBLINGS))
