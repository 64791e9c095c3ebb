"""Whether the server runs as root on a real machine (docs/decisions/0021-root.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping

# Files that container runtimes create; systemd and podman set the variable `container` as well.
_SIGNS = (".dockerenv", "run/.containerenv")
_USERS = "proc/self/uid_map"
_ALL_USERS = ["0", "0", "4294967295"]


def is_master_of_the_machine(user: int, environment: Mapping[str, str], root: str = "/") -> bool:
    """Whether `user` is root, and not only of a container, judging by files in `root`, which is "/" except in tests."""
    return user == 0 and not _contained(environment, root)


def _contained(environment: Mapping[str, str], root: str) -> bool:
    if environment.get("container") or any(os.path.exists(os.path.join(root, sign)) for sign in _SIGNS):
        return True
    try:
        with open(os.path.join(root, _USERS), encoding="ascii") as file:
            # In a user namespace, root is another user outside.
            return file.readline().split() != _ALL_USERS
    except OSError:
        return False
