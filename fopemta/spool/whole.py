"""All partitions of a spool, read as one (shell): for tools, as `survey`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from fopemta.mail.queued import QueuedMessage
from fopemta.spool.disk import Disk, RealDisk
from fopemta.spool.layout import SpoolLayout
from fopemta.spool.listing import Listing
from fopemta.spool.partitions import folders_in
from fopemta.spool.survey import Found, SpoolSurvey


class WholeSpool:
    """Raises as SpoolSurvey."""

    def __init__(self, root: str, disk: Disk | None = None) -> None:
        self._disk = disk if disk is not None else RealDisk()
        root = os.path.abspath(root)
        first, *others = folders_in(root, self._disk)
        there = (each for each in others if self._is_there(each))
        self._parts = [SpoolSurvey(each, self._disk) for each in (first, *there)]

    def listing(self) -> Listing:
        """Every unfinished message, once, those that have been here longest first."""
        paths: list[str] = []
        logged: list[QueuedMessage] = []
        for part in self._parts:
            its_paths, its_logged = part.places()
            paths += its_paths
            logged += its_logged
        return Listing(self._disk, paths, logged)

    def find(self, message_id: str) -> Found | None:
        """See SpoolSurvey."""
        found = (part.find(message_id) for part in self._parts)
        return next((each for each in found if each is not None), None)

    def content(self, message_id: str) -> Iterator[bytes]:
        """See SpoolSurvey."""
        holder = next((part for part in self._parts if part.find(message_id) is not None), self._parts[0])
        return holder.content(message_id)

    def damaged(self) -> int:
        """See SpoolSurvey."""
        return sum(part.damaged() for part in self._parts)

    def _is_there(self, folder: str) -> bool:
        """A worker has begun in it at least once."""
        return os.path.basename(SpoolLayout(folder).deferred) in self._disk.names(folder)
