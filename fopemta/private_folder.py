"""Folders that other users cannot read (shell); Python's `makedirs` would leave the parents open."""

from __future__ import annotations

import os

_MODE = 0o700


def make_private_folder(path: str) -> None:
    """Make one folder in an existing one.  Raises OSError."""
    os.mkdir(path, _MODE)
    # The umask may have removed the owner's permissions as well.
    os.chmod(path, _MODE)


def make_private_folders(path: str) -> None:
    """Make the folder and its missing parents; existing ones are unchanged.  Raises OSError."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path.rstrip("/"))
    if parent and parent != path:
        make_private_folders(parent)
    try:
        make_private_folder(path)
    except FileExistsError:
        # Another process was faster; if it is no folder, that is an error.
        if not os.path.isdir(path):
            raise
