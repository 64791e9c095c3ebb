"""Whose spool it is and which format it has (shell): asked before anything in it is touched."""

from __future__ import annotations

import os.path
import re

from fopemta import maillog
from fopemta.formats.layout import FORMAT, READABLE, SpoolLayout
from fopemta.interfaces import SpoolUnusable
from fopemta.spool.disk import Disk, new_file, read_file

_WORDS = re.compile(rb"fopemta spool ([0-9]{1,9})\n")


def take(disk: Disk, layout: SpoolLayout) -> int:
    """Lock the spool and make what is missing of its folders; the file that holds the lock.

    Raises SpoolUnusable when its format is newer than ours (nothing has been touched then) or another process has it,
    OSError for anything else.
    """
    version = check_format(disk, layout)
    disk.make_folder(layout.directory)
    try:
        lock = disk.lock(layout.lock)
    except BlockingIOError as error:
        raise SpoolUnusable(f"spool {layout.directory} is in use by another process") from error
    try:
        _furnish(disk, layout, version)
    except OSError:
        disk.close(lock)
        raise
    return lock


def check_format(disk: Disk, layout: SpoolLayout) -> int | None:
    """The format that the spool says it has; None when it says nothing (new, or the word was lost).

    Raises SpoolUnusable when it is one that cannot be read here.
    """
    try:
        words = read_file(disk, layout.format)
    except (FileNotFoundError, NotADirectoryError):
        return None
    match = _WORDS.fullmatch(words)
    if match is None:
        return None
    if (version := int(match[1])) not in READABLE:
        raise SpoolUnusable(f"spool {layout.directory} has format {version}; this program knows format {FORMAT} only")
    return version


def _furnish(disk: Disk, layout: SpoolLayout, version: int | None) -> None:
    """Folders first, the word last: a spool with the word is complete.  An older one has ours from now on, before
    anything is written that an older program would not understand.
    """
    names = disk.names(layout.directory)
    missing = [folder for folder in layout.folders if os.path.basename(folder) not in names]
    for folder in missing:
        disk.make_folder(folder)
    if version != FORMAT:
        if version is None and os.path.basename(layout.format) in names:
            # Each file says its own version, so nothing depends on this one.
            maillog.corrupt(layout.format, "is damaged and was written anew")
        new_file(disk, f"{layout.format}.tmp", b"fopemta spool %d\n" % FORMAT)
        disk.rename(f"{layout.format}.tmp", layout.format)
    if missing or version != FORMAT:
        disk.flush_folder(layout.directory)
        disk.flush_folder(os.path.dirname(layout.directory))
