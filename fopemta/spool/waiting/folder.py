"""Messages that wait, one file each (shell): the folder `deferred/`.

Every method blocks, so it runs off the reactor thread, and raises OSError.  Of one message, one method at a time; but
outcomes may be appended while it is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from fopemta.formats.layout import MessageFiles
from fopemta.formats.message_json import StoredFacts, facts_from_json
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
# A message's file up to this size is read in one piece, head and content.
SMALL = 64 * 1024


@attrs.frozen
class Opened:
    """The content of a waiting message: `octets` when it follows its head, else an open `file` of its own."""

    octets: bytes | None
    file: int | None


@attrs.frozen
class Visited:
    """A waiting message, and its content where both were read in one piece, else None."""

    message: QueuedMessage
    content: bytes | None


@attrs.frozen
class Copy:
    """A message on its way here.  `body` names the file of its content, else `content` is it; `outcomes` are the JSON
    of what was recorded so far.
    """

    facts: StoredFacts
    content: bytes
    body: str | None
    outcomes: Sequence[bytes]


class DeferredFolder:
    """`root` must exist."""

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._root = root
        self._folders: set[str] = set()

    def folder_of(self, message_id: str) -> str:
        """The folder in which its files are."""
        return MessageFiles(self._root, message_id).folder

    # --- moving in ---------------------------------------------------------------------------------------------------

    def keep(self, copies: Sequence[Callable[[], Copy]]) -> list[Exception | None]:
        """Make messages durable here, with one flush for each folder; what became of each.

        A message counts once it has its name, and then its journal must be there: that is the order here.  A large
        body gets a second name, it is never copied.
        """
        files = [self._attempt(lambda copy=copy: self._begin(copy())) for copy in copies]  # type: ignore[misc]
        results: list[Exception | None] = [each if isinstance(each, Exception) else None for each in files]
        for folder in dict.fromkeys(each.folder for each in files if isinstance(each, MessageFiles)):
            try:
                self._disk.flush_folder(folder)
            except OSError as error:
                for place, each in enumerate(files):
                    if isinstance(each, MessageFiles) and each.folder == folder:
                        results[place] = error
        return results

    def _begin(self, copy: Copy) -> MessageFiles:
        """All but the flush of its folder."""
        facts = copy.facts
        files = MessageFiles(self._root, facts.id)
        self._make_folder(files.folder)
        for path in files.all:
            remove_if_there(self._disk, path)  # of a move that failed
        if copy.body is None:
            facts = attrs.evolve(facts, digest=content_digest(copy.content))
        else:
            facts = attrs.evolve(facts, separate=True)
            self._disk.link(copy.body, files.body)
        new_file(self._disk, files.temporary, pack_head(facts) + copy.content)
        new_file(self._disk, files.journal, b"".join(map(pack_line, copy.outcomes)))
        self._disk.rename(files.temporary, files.message)
        return files

    def _attempt(self, work: Callable[[], MessageFiles]) -> MessageFiles | Exception:
        try:
            return work()
        except (OSError, ValueError) as error:
            return error

    def undo(self, message_id: str) -> None:
        """Take back, for good, what `keep` did or began."""
        files = MessageFiles(self._root, message_id)
        try:
            for path in files.all:
                remove_if_there(self._disk, path)
            self._disk.flush_folder(files.folder)
        except FileNotFoundError:
            pass  # it did not come as far as its folder

    # --- reading -----------------------------------------------------------------------------------------------------

    def visit(self, message_id: str, unwritten: Sequence[bytes]) -> Visited:
        """The message with its outcomes, of which `unwritten` (JSON) may not be in its journal yet.

        Raises Unsound; FileNotFoundError when there is none.
        """
        files = MessageFiles(self._root, message_id)
        file = self._disk.open(files.message)
        try:
            data = self._disk.read_at(file, SMALL, 0)
            head = parse_head_text(data)
            text, length = read_head_text(self._disk, file) if head is None else head
        finally:
            self._disk.close(file)
        facts = _facts(text)
        journal = self.journal(message_id)
        message = message_of(facts, journal.lines_with(unwritten))
        if facts.separate or len(data) < length + facts.size:
            return Visited(message, None)
        return Visited(message, _checked(facts, data[length : length + facts.size]))

    def journal(self, message_id: str) -> Journal:
        """Its journal.  Raises Unsound."""
        return parse_journal(read_file(self._disk, MessageFiles(self._root, message_id).journal))

    def open_content(self, message_id: str) -> Opened:
        """Its content.  Raises Unsound when it is not what was stored."""
        files = MessageFiles(self._root, message_id)
        file = self._disk.open(files.message)
        try:
            text, start = read_head_text(self._disk, file)
            facts = _facts(text)
            if facts.separate:
                return Opened(None, self._disk.open(files.body))
            content = self._disk.read_at(file, facts.size, start)
        finally:
            self._disk.close(file)
        return Opened(_checked(facts, content), None)

    # --- outcomes, and the end ---------------------------------------------------------------------------------------

    def append(self, message_id: str, outcomes: Sequence[bytes]) -> None:
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
            write_whole(self._disk, file, b"".join(map(pack_line, outcomes)), length)
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

    def remove(self, message_ids: Iterable[str]) -> list[str]:
        """Unlink messages of which the log says, durably, that they are finished; which of them are gone for good.

        One flush for each folder: until then the log must keep what it says, for any of the names may come back.
        """
        by_folder: dict[str, list[str]] = {}
        for message_id in message_ids:
            by_folder.setdefault(self.folder_of(message_id), []).append(message_id)
        gone: list[str] = []
        for folder, its in by_folder.items():
            try:
                for path in (path for each in its for path in MessageFiles(self._root, each).all):
                    remove_if_there(self._disk, path)
                self._disk.flush_folder(folder)
            except FileNotFoundError:
                pass  # there is no such folder
            except OSError:
                continue
            gone += its
        return gone

    # --- within ------------------------------------------------------------------------------------------------------

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            self._disk.make_folder(folder)
            self._disk.flush_folder(self._root)
            self._folders.add(folder)


def read_head_text(disk: Disk, file: int) -> tuple[bytes, int]:
    """(JSON of the facts, length of the head) of a message's file.  Raises Unsound."""
    size = _HEAD_SIZE
    while True:
        data = disk.read_at(file, size, 0)
        if (head := parse_head_text(data)) is not None:
            return head
        if len(data) < size:
            raise Unsound("file ends within its head")
        size *= 4


def _facts(text: bytes) -> StoredFacts:
    try:
        return facts_from_json(text)
    except ValueError as error:
        raise Unsound(str(error)) from error


def _checked(facts: StoredFacts, content: bytes) -> bytes:
    if content_digest(content) != facts.digest:
        raise Unsound("checksum of the content is wrong")
    return content
