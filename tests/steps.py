"""How much work a call is, counted and not timed: what costs more than its size is found on any machine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

# Less than this many steps a pair is no work at each pair: the rest is what does not quite divide.
LINEAR = 1.0


def steps(work: Callable[[], object]) -> int:
    """How many instructions of Python `work` runs; what is written in C counts as one, however much there is of it."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "call":
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
        elif event == "opcode":
            count += 1
        return trace

    # Else the end of what earlier tests have left would be counted, whenever the collector comes to it.
    gc.collect()
    collects = gc.isenabled()
    gc.disable()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return count


def steps_a_pair(make: Callable[[int], Callable[[], object]], size: int = 30) -> float:
    """What work costs for each pair of its things: about 0 for work that is linear in them, 2 at least where each is
    compared with each.

    `make` prepares the work of a size, which is not counted.
    """
    make(size)()  # what is made at first use is no matter of size
    nothing, once, twice = (steps(make(each)) for each in (0, size, 2 * size))
    return (twice - 2 * once + nothing) / (2 * size**2)
