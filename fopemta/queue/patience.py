"""How long to wait before the spool is tried again (shell room, but no I/O)."""

from __future__ import annotations

_FIRST = 1.0
_LONGEST = 60.0


def pause(tries: int) -> float:
    """Seconds after the n-th failure: 1, 2, 4 … 60."""
    return float(min(_FIRST * (1 << min(tries - 1, 10)), _LONGEST))
