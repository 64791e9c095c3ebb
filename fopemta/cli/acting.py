"""Run a check as root with another user's privileges, groups included."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def acting_as(user: str | None) -> Iterator[str | None]:
    """Switch to the user for the block, and yield its name; None: stay the same user.  Ends the command with status 2
    if that is impossible.
    """
    if user is None:
        yield None
        return
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise click.UsageError(f"--as: there is no user {user!r}") from None
    if os.geteuid() == entry.pw_uid:
        yield user
        return
    if os.geteuid() != 0:
        raise click.UsageError("--as: only root can try what another user may")
    groups, group = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(user, entry.pw_gid))
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield user
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
