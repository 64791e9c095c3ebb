"""What is in a spool, read without its lock and without changing it (shell): for tools, on a live or a stopped spool.

Blocks, so it is not for the reactor thread of a server.
"""

from __future__ import annotations

import functools
import os.path
from collections.abc import Iterator

from zope.interface import implementer

from fopemta.formats.layout import SpoolLayout
from fopemta.formats.waiting import WaitingMessage, waiting_of
from fopemta.formats.waiting_file import Unsound, verdicts_in
from fopemta.interfaces import FoundMessage, ISpoolReader
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.disk import Disk, RealDisk, read_file
from fopemta.spool.log.scan import IntakeScan, LoggedMessage, scan_intake
from fopemta.spool.looking.listing import Listing, waiting_paths
from fopemta.spool.ownership import check_format
from fopemta.spool.partitions import folders_in
from fopemta.spool.waiting.folder import DeferredFolder
from fopemta.spool.waiting.scan import read_waiting

_PIECE = 65_536


@implementer(ISpoolReader)
class PartitionReader:
    """See ISpoolReader.  On a live spool it shows what was written up to the moment in which it is read; a message that
    moves meanwhile is still seen once.

    Raises OSError when there is no spool there, SpoolUnusable when it has another format.
    """

    def __init__(self, directory: str, disk: Disk | None = None) -> None:
        self._disk = disk if disk is not None else RealDisk()
        self._layout = SpoolLayout(os.path.abspath(directory))
        check_format(self._disk, self._layout)
        self._deferred = DeferredFolder(self._disk, self._layout.deferred)

    def listing(self) -> Listing:
        """Every unfinished message, once, those that have been here longest first."""
        return Listing(self._disk, *self.places(), self.unwritten)

    def places(self) -> tuple[list[str], list[QueuedMessage]]:
        """The paths of waiting messages, without the suffix, and the messages that are in the log alone."""
        # The log first: what moves to `deferred/` after this is found in both places, never in none.
        logged, finished = dict(self._intake.live), self._intake.finished
        paths = [
            each for each in waiting_paths(self._disk, self._layout.deferred) if each.rpartition("/")[2] not in finished
        ]
        for path in paths:
            logged.pop(path.rpartition("/")[2], None)
        return paths, [each.message for each in logged.values()]

    def unwritten(self, message_id: str) -> tuple[bytes, ...]:
        """Outcomes of a waiting message that the log has: its journal may lack them."""
        return tuple(self._intake.outcomes.get(message_id, ()))

    def find(self, message_id: str) -> FoundMessage | None:
        """The message of that id; None when there is none that is unfinished."""
        logged = self._intake.live.get(message_id)
        waiting = read_waiting(self._disk, self._layout.deferred, message_id)
        if message_id in self._intake.finished:
            return None
        if isinstance(waiting, WaitingMessage):
            return None if waiting.finished else self._found(waiting)
        return None if logged is None else FoundMessage(logged.message, tuple(logged.verdicts))

    def _found(self, waiting: WaitingMessage) -> FoundMessage | None:
        known = set(waiting.lines)
        lines = (*waiting.lines, *(each for each in self.unwritten(waiting.id) if each not in known))
        try:
            message = waiting_of(waiting.head, lines).message
            return FoundMessage(message, tuple(each for line in lines for each in verdicts_in(line)))
        except Unsound:
            return None  # the server puts it aside when its turn comes

    def content(self, message_id: str) -> Iterator[bytes]:
        """The content of a message that `find` has found, in pieces.  Raises OSError or Unsound when it has gone."""
        logged = self._intake.live.get(message_id)
        if logged is not None and read_waiting(self._disk, self._layout.deferred, message_id) is None:
            yield from self._logged_content(logged)
            return
        opened = self._deferred.open_content(message_id)
        if opened.octets is not None:
            yield opened.octets
        elif opened.file is not None:
            yield from self._pieces(opened.file)

    def damaged(self) -> int:
        """How many things were found damaged and put into `corrupt/`."""
        return sum(not name.endswith(".reason") for name in self._disk.names(self._layout.corrupt))

    # --- within ------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _intake(self) -> IntakeScan:
        return scan_intake(self._disk, self._layout)

    def _logged_content(self, logged: LoggedMessage) -> Iterator[bytes]:
        record, size = logged.record, logged.facts.size
        if record.content_size != size:
            yield from self._pieces(self._disk.open(self._layout.body(logged.facts.id)))
            return
        data = read_file(self._disk, logged.segment.path)
        yield data[record.content_offset : record.content_offset + size]

    def _pieces(self, file: int) -> Iterator[bytes]:
        try:
            position = 0
            while piece := self._disk.read_at(file, _PIECE, position):
                position += len(piece)
                yield piece
        finally:
            self._disk.close(file)


@implementer(ISpoolReader)
class SpoolReader:
    """All partitions of a spool, read as one.  Raises as PartitionReader."""

    def __init__(self, root: str, disk: Disk | None = None) -> None:
        self._disk = disk if disk is not None else RealDisk()
        root = os.path.abspath(root)
        first, *others = folders_in(root, self._disk)
        there = (each for each in others if self._is_there(each))
        self._parts = [PartitionReader(each, self._disk) for each in (first, *there)]

    def listing(self) -> Listing:
        """Every unfinished message, once, those that have been here longest first."""
        paths: list[str] = []
        logged: list[QueuedMessage] = []
        for part in self._parts:
            its_paths, its_logged = part.places()
            paths += its_paths
            logged += its_logged
        return Listing(self._disk, paths, logged, self._unwritten)

    def _unwritten(self, message_id: str) -> tuple[bytes, ...]:
        return next((its for part in self._parts if (its := part.unwritten(message_id))), ())

    def find(self, message_id: str) -> FoundMessage | None:
        """See PartitionReader."""
        found = (part.find(message_id) for part in self._parts)
        return next((each for each in found if each is not None), None)

    def content(self, message_id: str) -> Iterator[bytes]:
        """See PartitionReader."""
        holder = next((part for part in self._parts if part.find(message_id) is not None), self._parts[0])
        return holder.content(message_id)

    def damaged(self) -> int:
        """See PartitionReader."""
        return sum(part.damaged() for part in self._parts)

    def _is_there(self, folder: str) -> bool:
        """A worker has begun in it at least once."""
        return os.path.basename(SpoolLayout(folder).deferred) in self._disk.names(folder)
