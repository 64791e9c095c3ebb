"""What is in a spool that is read from outside, in order of age and in any portions (shell): it may be much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from zope.interface import implementer

from fopemta.formats.brief import brief_of, place_of
from fopemta.formats.waiting_file import newest_lines
from fopemta.interfaces import ISpoolListing
from fopemta.mail.identifiers import is_message_id, tells_arrival
from fopemta.mail.listed import Brief, Listed, brief, listed
from fopemta.mail.plain_json import decoded
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.disk import OUT_OF_MEANS, Disk, read_file
from fopemta.spool.waiting.folder import read_head_text

# The path of a waiting message that is still to be read, without the suffix; what is known of another already.
_Entry: TypeAlias = str | Brief


@implementer(ISpoolListing)
class Listing:
    """The waiting messages with these `paths` (of their files, without the suffix), and `others`.  `unwritten` gives
    the outcomes of a message that are in the log alone, the oldest first.

    Ids are in order of arrival, but those that derive from another message: they are few, and read at once.
    """

    def __init__(
        self,
        disk: Disk,
        paths: Iterable[str],
        others: Iterable[QueuedMessage],
        unwritten: Callable[[str], Sequence[bytes]] = lambda message_id: (),
    ) -> None:
        self._disk = disk
        self._unwritten = unwritten
        entries: list[tuple[str, _Entry]] = []
        known = [brief(message) for message in others]
        for path in paths:
            name = path.rpartition("/")[2]
            if tells_arrival(name):
                entries.append((name, path))
            elif (said := self._read(path)) is not None:
                known.append(said)
        entries += [(place_of(said), said) for said in known]
        self._entries = [entry for _, entry in sorted(entries, key=lambda each: each[0])]

    def __len__(self) -> int:
        """How many there are, those included that end before they are read."""
        return len(self._entries)

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Listed]:
        """Those from `start` up to `stop`, the oldest first, without those that have ended or are damaged."""
        return map(listed, self.briefs(start, stop))

    def briefs(self, start: int = 0, stop: int | None = None) -> Iterator[Brief]:
        """The same in brief."""
        for entry in self._entries[start:stop]:
            said = self._read(entry) if isinstance(entry, str) else entry
            if said is not None:
                yield said

    def _read(self, path: str) -> Brief | None:
        return read_brief(self._disk, path, self._unwritten(path.rpartition("/")[2]))


def read_brief(disk: Disk, path: str, unwritten: Sequence[bytes]) -> Brief | None:
    """That of a waiting message, None when it has ended or cannot be read; `path` of its files, without the suffix."""
    try:
        file = disk.open(f"{path}.msg")
        try:
            head, _ = read_head_text(disk, file)
        finally:
            disk.close(file)
        journal = read_file(disk, f"{path}.jnl")
        # The same outcome twice does no harm, and a newer one that has come into the journal meanwhile is rare.
        return brief_of(decoded(head), map(decoded, chain(reversed(unwritten), newest_lines(journal))))
    except FileNotFoundError:
        return None  # finished meanwhile
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # damaged; the server puts it aside when its turn comes
    except OSError as error:
        if error.errno in OUT_OF_MEANS:
            raise
        return None  # the disk does not give it; the server tells of it when it starts


def waiting_paths(disk: Disk, root: str) -> list[str]:
    """What waits under `root`: the path of each message, without the suffix."""
    found = []
    for folder in disk.names(root):
        path = f"{root}/{folder}"
        try:
            names = disk.names(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        found += [f"{path}/{name[:-4]}" for name in names if name.endswith(".msg") and is_message_id(name[:-4])]
    return found
