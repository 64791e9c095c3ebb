"""What of a file changes when its content does (shell): watches compare it."""

from __future__ import annotations

import os
from typing import TypeAlias

FileState: TypeAlias = tuple[int, int, int, int]


def state_of(path: str) -> FileState | None:
    """That of a file or folder, links followed; None when it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
