"""What is in a spool, read without its lock and without changing it (shell): for tools, on a live or a stopped spool.

Blocks, so it is not for the reactor thread of a server.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator

from fopemta.mail.queued import QueuedMessage
from fopemta.spool.deferred_scan import scan_deferred
from fopemta.spool.disk import Disk, RealDisk
from fopemta.spool.intake_scan import scan_intake
from fopemta.spool.layout import SpoolLayout
from fopemta.spool.ownership import check_format
from fopemta.spool.waiting_file import Unsound
from fopemta.spool.waiting_summary import Waiting


def survey(directory: str, disk: Disk | None = None) -> Iterator[QueuedMessage]:
    """Every unfinished message, once, in no certain order: those that wait as they are read, then those in the log.

    On a live spool it shows what was written up to the moment in which it was read; a message that moves meanwhile is
    still seen once.  Raises OSError when there is no spool there, ownership.SpoolUnusable when it has another format.
    """
    disk = disk if disk is not None else RealDisk()
    layout = SpoolLayout(os.path.abspath(directory))
    check_format(disk, layout)
    # The log first: what moves to `deferred/` after this is found in both places, never in none.
    logged = scan_intake(disk, layout).live
    for finding in scan_deferred(disk, layout.deferred):
        if isinstance(finding, Waiting):
            logged.pop(finding.entry.id, None)
            if not finding.finished and (message := _readable(finding)) is not None:
                yield message
    for each in logged.values():
        yield each.message


def _readable(waiting: Waiting) -> QueuedMessage | None:
    try:
        return waiting.message
    except Unsound:
        return None  # the server puts it aside when its turn comes
