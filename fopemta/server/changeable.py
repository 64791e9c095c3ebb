"""Files that decide what the server does, and that others may change (composition).

A user who can write the rules decides which TLS is demanded, one who can write the user file decides who may send; also
through a folder on the path in which a file can be replaced.  It is permitted, since only the operator knows these
users, but logged as a warning.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator

import attrs

from fopemta.config.model import Configuration
from fopemta.config.reference import deciding_files
from fopemta.policy.action import ForceTls
from fopemta.settings.errors import ConfigurationError

# Files checked in a folder of authorities.
_MOST = 1000


@attrs.frozen
class Ourselves:
    """The user and group of the server; root may change everything anyway."""

    users: frozenset[int]
    group: int

    @classmethod
    def of(cls, configuration: Configuration) -> Ourselves:
        """Those of this process, and the owner of the spool, since root may start a server that changes its user."""
        try:
            owner = os.stat(configuration.node.spool).st_uid
        except OSError:
            owner = 0
        return cls(frozenset({0, os.geteuid(), owner}), os.getegid())


def changeable(path: str, configuration: Configuration, us: Ourselves | None = None) -> Iterator[ConfigurationError]:
    """A warning for each such file; `configuration` was read from the file `path`."""
    us = us or Ourselves.of(configuration)
    for key, named in _named(path, configuration):
        trouble = next(filter(None, (_of(each, us) for each in _with_entries(named))), None)
        if trouble is not None:
            yield ConfigurationError(key, trouble)


def _named(path: str, configuration: Configuration) -> Iterator[tuple[str, str]]:
    """(dotted key, file or folder) of each, the configuration first."""
    yield "", path
    yield from deciding_files(configuration)
    for index, rule in enumerate(configuration.rulebook.rules if configuration.rulebook else ()):
        if isinstance(rule.then, ForceTls) and rule.then.roots is not None:
            yield f"rules: rule[{index}].then.roots", rule.then.roots


def _with_entries(path: str) -> Iterator[str]:
    yield path
    try:
        entries = sorted(os.listdir(path))[:_MOST]
    except OSError:
        return  # usually because it is no folder
    yield from (os.path.join(path, each) for each in entries)


def _of(path: str, us: Ourselves) -> str | None:
    """Who else may change the file, and how to prevent that; None if no other user can."""
    for here in dict.fromkeys((*_way_to(os.path.abspath(path)), *_way_to(os.path.realpath(path)))):
        try:
            status = os.lstat(here)
        except OSError:
            continue  # a missing file is reported elsewhere
        found = writer(status, us)
        if found is not None:
            who, remedy = found
            return f"{path}: {who} may change {'it' if here == path else f'what is in {here}'} ({remedy} {here})"
    return None


def _way_to(path: str) -> Iterator[str]:
    """The file, its folder, and so on up to the root."""
    yield path
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above


def writer(status: os.stat_result, us: Ourselves) -> tuple[str, str] | None:
    """Which users besides root and us may write it, and the command that prevents it."""
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        return None  # the owner of a folder can change it; what it contains is checked separately
    if status.st_uid not in us.users:
        return f"the user {_user(status.st_uid)}", "chown root"
    if stat.S_ISDIR(mode) and mode & stat.S_ISVTX:
        return None  # as /tmp: files in it belong to their owners
    if mode & stat.S_IWOTH:
        return "any user of this machine", "chmod o-w"
    # What only root should write belongs to root: there our own group counts as another.
    trusted = (0,) if status.st_uid == 0 else (0, us.group)
    if mode & stat.S_IWGRP and status.st_gid not in trusted:
        return f"the group {_group(status.st_gid)}", "chmod g-w"
    return None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
