"""Whose spool it is and which format it has (shell): asked before anything in it is touched."""

from __future__ import annotations

import os.path
import re

from fopemta import maillog
from fopemta.formats.layout import FORMAT, SpoolLayout
from fopemta.interfaces import SpoolUnusable
from fopemta.spool.disk import Disk, new_file, read_file

_WORDS = re.compile(rb"fopemta spool ([0-9]{1,9})\n")


def take(disk: Disk, layout: SpoolLayout) -> int:
    """Lock the spool and make what is missing of its folders; the file that holds the lock.

    Raises SpoolUnusable when its format is newer than ours (nothing has been touched then) or another process has it,
    OSError for anything else.
    """
    format_is_sound = check_format(disk, layout)
    disk.make_folder(layout.directory)
    try:
        lock = disk.lock(layout.lock)
    except BlockingIOError as error:
        raise SpoolUnusable(f"spool {layout.directory} is in use by another process") from error
    try:
        _furnish(disk, layout, format_is_sound)
    except OSError:
        disk.close(lock)
        raise
    return lock


def check_format(disk: Disk, layout: SpoolLayout) -> bool:
    """Whether the spool says that it has our format; False when it says nothing (new, or the word was lost).

    Raises SpoolUnusable when it says that it has another.
    """
    try:
        words = read_file(disk, layout.format)
    except (FileNotFoundError, NotADirectoryError):
        return False
    match = _WORDS.fullmatch(words)
    if match is None:
        return False
    if (version := int(match[1])) != FORMAT:
        raise SpoolUnusable(f"spool {layout.directory} has format {version}; this program knows format {FORMAT} only")
    return True


def _furnish(disk: Disk, layout: SpoolLayout, format_is_sound: bool) -> None:
    """Folders first, the word last: a spool with the word is complete."""
    names = disk.names(layout.directory)
    missing = [folder for folder in layout.folders if os.path.basename(folder) not in names]
    for folder in missing:
        disk.make_folder(folder)
    if not format_is_sound:
        if os.path.basename(layout.format) in names:
            # Each file says its own version, so nothing depends on this one.
            maillog.corrupt(layout.format, "is damaged and was written anew")
        new_file(disk, f"{layout.format}.tmp", b"fopemta spool %d\n" % FORMAT)
        disk.rename(f"{layout.format}.tmp", layout.format)
    if missing or not format_is_sound:
        disk.flush_folder(layout.directory)
        disk.flush_folder(os.path.dirname(layout.directory))
