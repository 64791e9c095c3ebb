"""CPU time and memory of a process with all that it has started."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def members(root: int) -> list[int]:
    """The process and its descendants that are alive."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.name))
    found, frontier = [root], [root]
    while frontier:
        children = parents.get(frontier.pop(), [])
        found += children
        frontier += children
    return found


def cpu(root: int) -> float:
    """Seconds, user and system: of the living, and of their children that have ended and been waited for."""
    total = 0
    for pid in members(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(fields[index]) for index in (11, 12, 13, 14))
    return total / _TICK


def memory(root: int) -> int:
    """Octets of memory: proportional share where the kernel tells it (shared pages counted once)."""
    total = 0
    for pid in members(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n")
        except OSError:
            continue
        total += next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
    return total


class PeakMemory(threading.Thread):
    """Looks every half second; `peak` in octets."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.peak, self.end = root, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.end.wait(0.5):
            self.peak = max(self.peak, memory(self.root))

    def stop(self) -> int:
        self.end.set()
        self.join()
        return max(self.peak, memory(self.root))
