"""Whether the server may run as root (docs/decisions/0021)."""

from __future__ import annotations

import os
from collections.abc import Mapping

# Where programs that make containers leave a sign; systemd and podman set the variable `container` as well.
_SIGNS = (".dockerenv", "run/.containerenv")
_USERS = "proc/self/uid_map"
_ALL_USERS = ["0", "0", "4294967295"]


def is_master_of_the_machine(user: int, environment: Mapping[str, str], root: str = "/") -> bool:
    """`user` is root, and not of a container alone.  What lies in `root` tells, "/" but for tests."""
    return user == 0 and not _contained(environment, root)


def _contained(environment: Mapping[str, str], root: str) -> bool:
    if environment.get("container") or any(os.path.exists(os.path.join(root, sign)) for sign in _SIGNS):
        return True
    try:
        with open(os.path.join(root, _USERS), encoding="ascii") as file:
            # In a user namespace of its own root is somebody else outside.
            return file.readline().split() != _ALL_USERS
    except OSError:
        return False
