"""Folders that nobody else may look into (shell): what Python's `makedirs` makes on the way to one is open to all."""

from __future__ import annotations

import os

_MODE = 0o700


def make_private_folder(path: str) -> None:
    """One folder in one that is there.  Raises OSError."""
    os.mkdir(path, _MODE)
    # The umask may have taken from its owner what it takes from others.
    os.chmod(path, _MODE)


def make_private_folders(path: str) -> None:
    """The folder with all that lead to it; those that are there stay as they are.  Raises OSError."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path.rstrip("/"))
    if parent and parent != path:
        make_private_folders(parent)
    try:
        make_private_folder(path)
    except FileExistsError:
        # Another process has been sooner; what is no folder is an error.
        if not os.path.isdir(path):
            raise
