"""How fast a cost grows with a size: 1 in proportion, 2 with the square."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Above it something grows faster than its size; measured costs of linear work come out between 0.9 and 1.2.
FLAG = 1.4
# Shorter times are noise; and what is fast at the largest size is fast.
_FLOOR = 0.002
_FAST = 0.05
# Over so many doublings: caches and one slow run make a single one look steep.
_DOUBLINGS = 3


def exponent(found: Sequence[tuple[int, float]]) -> float:
    """Of the last doublings of `found` (size, seconds); 0 where all of it is too fast to tell."""
    telling = [(size, seconds) for size, seconds in found if seconds >= _FLOOR][-_DOUBLINGS - 1 :]
    if len(telling) < 2 or telling[-1][1] < _FAST:
        return 0.0
    (small, little), (large, much) = telling[0], telling[-1]
    return math.log(much / little) / math.log(large / small)
