"""The partitions of a spool (shell): one for each worker, and those whose worker there is no more.

Worker 1, and a server that is one process, has the spool's own folder; worker N has `workers/N` in it, laid out the
same.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable

from fopemta.formats.layout import SpoolLayout
from fopemta.spool.disk import Disk, RealDisk
from fopemta.spool.ownership import take

_FOLDER = "workers"
# As `folder_of` writes it: "07" is somebody else's.
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def folder_of(root: str, worker: int) -> str:
    """The folder of that worker's partition, in the spool `root`."""
    return root if worker == 1 else os.path.join(root, _FOLDER, str(worker))


def numbers_in(root: str, disk: Disk | None = None) -> list[int]:
    """The numbers of all partitions that are there, 1 among them.  Raises OSError when they cannot be looked at."""
    try:
        names = (disk or RealDisk()).names(os.path.join(root, _FOLDER))
    except FileNotFoundError:
        names = []
    return [1, *sorted(int(name) for name in names if _NUMBER.fullmatch(name) and name != "1")]


def folders_in(root: str, disk: Disk | None = None) -> list[str]:
    """The folders of all partitions that are there.  Raises OSError."""
    return [folder_of(root, number) for number in numbers_in(root, disk)]


def adopted_by(worker: int, count: int, numbers: Iterable[int]) -> list[int]:
    """Of the partitions `numbers`, those beyond `count` workers whose mail this one delivers: each has one."""
    return [number for number in numbers if number > count and (number - 1) % count + 1 == worker]


def folders_for(root: str, worker: int, count: int, disk: Disk | None = None) -> list[str]:
    """All that a worker opens: its own first, then those that it has adopted.  Raises OSError."""
    adopted = adopted_by(worker, count, numbers_in(root, disk))
    return [folder_of(root, number) for number in (worker, *adopted)]


def lock(folder: str) -> int:
    """Take a partition, for this process and those that inherit the descriptor.

    Raises SpoolUnusable, or OSError when the disk fails.
    """
    return take(RealDisk(), SpoolLayout(os.path.abspath(folder)))
