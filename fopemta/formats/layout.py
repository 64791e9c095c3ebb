"""Where things lie in a spool directory (pure)."""

from __future__ import annotations

import hashlib

import attrs

# 2: the log has outcomes of waiting messages, which a program that knows 1 alone would not heed.
FORMAT = 2
READABLE = (1, 2)


@attrs.frozen
class SpoolLayout:
    """The paths of a spool.

    format, lock
    intake/SEQUENCE-TAG.log   the log's segments; intake/reserve keeps room for outcomes
    bodies/ID                 content of large or slow messages that a log record names
    deferred/xx/              messages that wait
    corrupt/                  what is damaged, each with a .reason
    """

    directory: str

    @property
    def format(self) -> str:
        """Says which version of this format the spool has."""
        return f"{self.directory}/format"

    @property
    def lock(self) -> str:
        """Locked by the process that owns the spool."""
        return f"{self.directory}/lock"

    @property
    def intake(self) -> str:
        """Folder of the log's segments."""
        return f"{self.directory}/intake"

    @property
    def reserve(self) -> str:
        """A file that only takes room."""
        return f"{self.intake}/reserve"

    @property
    def bodies(self) -> str:
        """Folder of large bodies."""
        return f"{self.directory}/bodies"

    @property
    def deferred(self) -> str:
        """Root of the messages that wait."""
        return f"{self.directory}/deferred"

    @property
    def corrupt(self) -> str:
        """Folder of what is damaged."""
        return f"{self.directory}/corrupt"

    @property
    def folders(self) -> tuple[str, ...]:
        """All that a spool must have."""
        return (self.intake, self.bodies, self.deferred, self.corrupt)

    def body(self, message_id: str) -> str:
        """The file of a large body."""
        return f"{self.bodies}/{message_id}"


class MessageFiles:
    """The files of one waiting message under `root`, in one of 256 folders so that none grows large.

    `message` has its facts and, unless it is separate, its content, and is never rewritten; `temporary` is the same
    before it counts; `journal` its outcomes; `body` separate content.
    """

    __slots__ = ("body", "folder", "journal", "message", "message_id", "temporary")

    def __init__(self, root: str, message_id: str) -> None:
        digest = hashlib.blake2b(message_id.encode("ascii"), digest_size=1).hexdigest()
        self.message_id = message_id
        self.folder = folder = f"{root}/{digest}"
        self.message = f"{folder}/{message_id}.msg"
        self.temporary = f"{folder}/{message_id}.tmp"
        self.journal = f"{folder}/{message_id}.jnl"
        self.body = f"{folder}/{message_id}.body"

    @property
    def all(self) -> tuple[str, ...]:
        """Every file that it can have."""
        return (self.message, self.temporary, self.body, self.journal)
