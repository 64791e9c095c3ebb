"""The facts of a file that change with its content (shell), for watches to compare."""

from __future__ import annotations

import os
from typing import TypeAlias

FileState: TypeAlias = tuple[int, int, int, int]


def state_of(path: str) -> FileState | None:
    """The state of a file or folder, following links; None if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
