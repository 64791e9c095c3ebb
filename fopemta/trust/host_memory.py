"""What a host could do, and where on the ladder to begin with it (pure): DESIGN 5.

Remembered is only where TLS has succeeded below the top.  That it failed is not: who breaks a handshake once must not
have plain text for a day.  What is remembered changes where the walk begins, never what is permitted.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fopemta.trust.rungs import Hello, Rung

# After so long the top is tried again: the host may have been mended.
PROBED_AGAIN = 86_400.0
_ORDER = tuple(Rung)


@attrs.frozen
class Known:
    """The best that a host has been found to do: `rung` with `hello`; `at` seconds since the epoch when that was."""

    rung: Rung
    hello: Hello
    at: float


@attrs.frozen
class Start:
    """Where to begin."""

    rung: Rung
    hello: Hello


def start_with(known: Known | None, rungs: Sequence[Rung], now: float) -> Start | None:
    """Where to begin with a host under a plan that permits `rungs`; None for the top, as with any other."""
    if known is None or known.rung not in rungs or not known.at <= now < known.at + PROBED_AGAIN:
        return None
    start = Start(known.rung, known.hello)
    return None if start == Start(rungs[0], Hello.FULL) else start


def after_success(known: Known | None, rung: Rung, hello: Hello, began_at: Start | None, now: float) -> Known | None:
    """What is known after a handshake on `rung` with `hello`; None: nothing that would need to be remembered.

    `began_at`: the walk began there, because it was remembered.  Then nothing new was found out, and the time stays: or
    a host that is written to every hour would never be tried at the top again.
    """
    if rung is _ORDER[0] and hello is Hello.FULL:
        return None
    if known is not None and began_at == Start(rung, hello) == Start(known.rung, known.hello):
        return known
    return Known(rung, hello, now)
