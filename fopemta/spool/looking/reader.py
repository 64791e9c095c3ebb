"""What is in a spool, read without its lock and without changing it (shell): for tools, on a live or a stopped spool.

Blocks, so it is not for the reactor thread of a server.
"""

from __future__ import annotations

import functools
import os.path
from collections.abc import Iterator

import attrs

from fopemta.formats.layout import SpoolLayout
from fopemta.formats.waiting import Waiting
from fopemta.formats.waiting_file import Unsound, verdicts_in
from fopemta.mail.identifiers import is_message_id
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.disk import Disk, RealDisk, read_file
from fopemta.spool.log.scan import LoggedMessage, scan_intake
from fopemta.spool.looking.listing import Listing
from fopemta.spool.ownership import check_format
from fopemta.spool.partitions import folders_in
from fopemta.spool.waiting.folder import DeferredFolder
from fopemta.spool.waiting.scan import read_waiting
from fopemta.trust.verdict import VerdictRecord

_PIECE = 65_536


@attrs.frozen(eq=False)
class Found:
    """One message: `history` has every verdict that was written down of it, oldest first."""

    message: QueuedMessage
    history: tuple[VerdictRecord, ...]


class PartitionReader:
    """On a live spool it shows what was written up to the moment in which it is read; a message that moves meanwhile
    is still seen once.

    Raises OSError when there is no spool there, ownership.SpoolUnusable when it has another format.
    """

    def __init__(self, directory: str, disk: Disk | None = None) -> None:
        self._disk = disk if disk is not None else RealDisk()
        self._layout = SpoolLayout(os.path.abspath(directory))
        check_format(self._disk, self._layout)
        self._deferred = DeferredFolder(self._disk, self._layout.deferred)

    def listing(self) -> Listing:
        """Every unfinished message, once, those that have been here longest first."""
        return Listing(self._disk, *self.places())

    def places(self) -> tuple[list[str], list[QueuedMessage]]:
        """The paths of waiting messages, without the suffix, and the messages that are in the log alone."""
        # The log first: what moves to `deferred/` after this is found in both places, never in none.
        logged = dict(self._logged)
        paths = self._waiting()
        for path in paths:
            logged.pop(path.rpartition("/")[2], None)
        return paths, [each.message for each in logged.values()]

    def find(self, message_id: str) -> Found | None:
        """The message of that id; None when there is none that is unfinished."""
        logged = self._logged.get(message_id)
        waiting = read_waiting(self._disk, self._layout.deferred, message_id)
        if isinstance(waiting, Waiting):
            if waiting.finished or (message := _readable(waiting)) is None:
                return None
            return Found(message, tuple(each for line in waiting.lines for each in verdicts_in(line)))
        return None if logged is None else Found(logged.message, tuple(logged.verdicts))

    def content(self, message_id: str) -> Iterator[bytes]:
        """The content of a message that `find` has found, in pieces.  Raises OSError or Unsound when it has gone."""
        logged = self._logged.get(message_id)
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
    def _logged(self) -> dict[str, LoggedMessage]:
        return scan_intake(self._disk, self._layout).live

    def _waiting(self) -> list[str]:
        """What is in `deferred/`: the path of each message, without the suffix."""
        found = []
        for folder in self._disk.names(self._layout.deferred):
            path = os.path.join(self._layout.deferred, folder)
            try:
                names = self._disk.names(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            found += [f"{path}/{name[:-4]}" for name in names if name.endswith(".msg") and is_message_id(name[:-4])]
        return found

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
        return Listing(self._disk, paths, logged)

    def find(self, message_id: str) -> Found | None:
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


def _readable(waiting: Waiting) -> QueuedMessage | None:
    try:
        return waiting.message
    except Unsound:
        return None  # the server puts it aside when its turn comes
