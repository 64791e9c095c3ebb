"""Messages that wait, one file each (shell): the folder `deferred/`.

Every method blocks, so it runs off the reactor thread, and raises OSError.  Of one message, one method at a time.
"""

from __future__ import annotations

import attrs

from fopemta.formats.layout import MessageFiles
from fopemta.formats.message_json import MessageFacts, facts_from_json
from fopemta.formats.waiting_file import (
    Journal,
    Unsound,
    content_digest,
    ends_soundly,
    message_of,
    pack_head,
    pack_line,
    parse_head_text,
    parse_journal,
)
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.disk import Disk, new_file, read_file, remove_if_there, write_whole

_HEAD_SIZE = 4096
_END_SIZE = 4096


@attrs.frozen
class Opened:
    """The content of a waiting message: `octets` when it stands behind its head, else an open `file` of its own."""

    octets: bytes | None
    file: int | None


class DeferredFolder:
    """`root` must exist."""

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._root = root
        self._folders: set[str] = set()

    def keep(self, facts: MessageFacts, content: bytes, body: str | None, outcomes: bytes) -> None:
        """Make a message durable here.  `body` names the file of its content, else `content` is it.

        The message counts once it bears its name, and then its journal must be there: that is the order here.  A
        large body gets a second name, it is never copied.
        """
        files = MessageFiles(self._root, facts.id)
        self._make_folder(files.folder)
        for path in files.all:
            remove_if_there(self._disk, path)  # of a move that failed
        if body is None:
            facts = attrs.evolve(facts, digest=content_digest(content))
        else:
            facts = attrs.evolve(facts, separate=True)
            self._disk.link(body, files.body)
        new_file(self._disk, files.temporary, pack_head(facts) + content)
        new_file(self._disk, files.journal, pack_line(outcomes))
        self._disk.rename(files.temporary, files.message)
        self._disk.flush_folder(files.folder)

    def undo(self, message_id: str) -> None:
        """Take back, for good, what `keep` did or began."""
        files = MessageFiles(self._root, message_id)
        try:
            for path in files.all:
                remove_if_there(self._disk, path)
            self._disk.flush_folder(files.folder)
        except FileNotFoundError:
            pass  # it did not come as far as its folder

    def load(self, message_id: str) -> QueuedMessage:
        """The message with its outcomes.  Raises Unsound; FileNotFoundError when there is none."""
        return message_of(self._facts(message_id), self.journal(message_id).lines)

    def unfinished(self, message_id: str) -> QueuedMessage | None:
        """The same; None for one of which the journal says that it is finished."""
        facts, journal = self._facts(message_id), self.journal(message_id)
        return None if journal.finished else message_of(facts, journal.lines)

    def _facts(self, message_id: str) -> MessageFacts:
        file = self._disk.open(MessageFiles(self._root, message_id).message)
        try:
            facts, _ = read_head(self._disk, file)
        finally:
            self._disk.close(file)
        return facts

    def journal(self, message_id: str) -> Journal:
        """Its journal.  Raises Unsound."""
        return parse_journal(read_file(self._disk, MessageFiles(self._root, message_id).journal))

    def open_content(self, message_id: str) -> Opened:
        """Its content.  Raises Unsound when it is not what was stored."""
        files = MessageFiles(self._root, message_id)
        file = self._disk.open(files.message)
        try:
            facts, start = read_head(self._disk, file)
            if facts.separate:
                return Opened(None, self._disk.open(files.body))
            content = self._disk.read_at(file, facts.size, start)
        finally:
            self._disk.close(file)
        if content_digest(content) != facts.digest:
            raise Unsound("checksum of the content is wrong")
        return Opened(content, None)

    def append(self, message_id: str, outcomes: bytes) -> None:
        """Write down outcomes, durably, behind the good lines of the journal: a torn end is cut first.

        Only the last line is looked at where it is good: a journal of thousands of lines is not read for each that is
        added.  Raises Unsound.
        """
        file = self._disk.open(MessageFiles(self._root, message_id).journal, writing=True)
        try:
            size = self._disk.size_of(file)
            length = self._good_length(file, size)
            if length != size:
                self._disk.truncate(file, length)
            write_whole(self._disk, file, pack_line(outcomes), length)
            self._disk.flush(file)
        finally:
            self._disk.close(file)

    def _good_length(self, file: int, size: int) -> int:
        """How many octets of a journal its good lines take."""
        looked = _END_SIZE
        while True:
            end = self._disk.read_at(file, looked, max(size - looked, 0))
            sound = ends_soundly(end, looked >= size)
            if sound:
                return size
            if sound is False:
                return parse_journal(self._disk.read_at(file, size, 0)).length
            looked *= 4

    def remove(self, message_id: str) -> None:
        """Unlink a message whose journal says that it is finished.

        The journal goes last, and only when the message is gone for good: a message without its journal is taken for
        damaged, for nobody knows whom it has reached.
        """
        files = MessageFiles(self._root, message_id)
        for path in (files.message, files.body, files.temporary):
            remove_if_there(self._disk, path)
        self._disk.flush_folder(files.folder)
        remove_if_there(self._disk, files.journal)

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            self._disk.make_folder(folder)
            self._disk.flush_folder(self._root)
            self._folders.add(folder)


def read_head(disk: Disk, file: int) -> tuple[MessageFacts, int]:
    """(facts, length of the head) of a message's file.  Raises Unsound."""
    text, length = read_head_text(disk, file)
    try:
        return facts_from_json(text), length
    except ValueError as error:
        raise Unsound(str(error)) from error


def read_head_text(disk: Disk, file: int) -> tuple[bytes, int]:
    """The same, with the facts as their JSON."""
    size = _HEAD_SIZE
    while True:
        data = disk.read_at(file, size, 0)
        if (head := parse_head_text(data)) is not None:
            return head
        if len(data) < size:
            raise Unsound("file ends within its head")
        size *= 4
