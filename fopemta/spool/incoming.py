"""A message being received (shell): in memory while it is small, fast and memory is not short, else in a file."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from zope.interface import implementer

from fopemta.background import supervise
from fopemta.interfaces import IIncoming
from fopemta.mail.envelope import Envelope
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.body_file import BodyFile

INLINE_LIMIT = 256 * 1024
BUFFER_BUDGET = 64 * 1024 * 1024
PATIENCE = 5.0
_LARGE_BATCH = 1024 * 1024
_SMALL_BATCH = 64 * 1024


class Budget:
    """What all messages being received may hold in memory together, in octets."""

    def __init__(self, octets: int = BUFFER_BUDGET) -> None:
        self._left = octets

    @property
    def exceeded(self) -> bool:
        """More is held than should be."""
        return self._left < 0

    def take(self, octets: int) -> None:
        """Somebody holds more."""
        self._left -= octets

    def give_back(self, octets: int) -> None:
        """Somebody holds less."""
        self._left += octets


class Receiver(Protocol):
    """What a message being received needs of its spool."""

    def body_file(self, message_id: str) -> BodyFile:
        """A file for its body."""

    def keep_inline(self, message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage]:
        """Commit a message whose content goes into its record."""

    def keep_body(self, message_id: str, envelope: Envelope, size: int, body: BodyFile) -> Deferred[QueuedMessage]:
        """Commit a message whose content, `size` octets, has been put into `body`."""

    def ended(self, incoming: Incoming) -> None:
        """It has been committed or aborted."""


class ContentPlace(enum.Enum):
    """Where the content of a message being received is."""

    MEMORY = "memory"
    FILE = "file"
    ENDED = "ended"


@implementer(IIncoming)
class Incoming:
    """`started` in seconds of the reactor's clock."""

    def __init__(self, message_id: str, receiver: Receiver, budget: Budget, started: float) -> None:
        self.message_id = message_id
        self.started = started
        self._receiver = receiver
        self._budget = budget
        self._stage = ContentPlace.MEMORY
        self._pieces: list[bytes] = []
        self._held = 0
        self._size = 0
        self._body: BodyFile | None = None

    def write(self, data: bytes) -> Deferred[None] | None:
        """Take it; ask for a pause while two batches are on their way to the file."""
        assert self._stage is not ContentPlace.ENDED, "written to after its end"
        self._pieces.append(bytes(data))
        self._held += len(data)
        self._size += len(data)
        self._budget.take(len(data))
        if self._stage is ContentPlace.MEMORY:
            if self._size <= INLINE_LIMIT and not self._budget.exceeded:
                return None
            self.move_to_file()
        assert self._body is not None
        if self._held >= (_SMALL_BATCH if self._budget.exceeded else _LARGE_BATCH):
            self._send()
        return self._body.pause()

    def move_to_file(self) -> None:
        """Hold no more in memory than one batch; called anew, write out what has come since."""
        if self._stage is ContentPlace.MEMORY:
            self._stage = ContentPlace.FILE
            self._body = self._receiver.body_file(self.message_id)
        elif self._held:
            self._send()

    def commit(self, envelope: Envelope) -> Deferred[QueuedMessage]:
        """Keep it."""
        assert self._stage is not ContentPlace.ENDED, "ended twice"
        body = self._body
        if body is None:
            content = b"".join(self._pieces)
            self._end()
            # Until it is in the log it is still in memory.
            self._budget.take(len(content))
            kept = self._receiver.keep_inline(self.message_id, envelope, content)
            return kept.addBoth(self._paid_back, len(content))
        self._send()
        self._end()
        return self._receiver.keep_body(self.message_id, envelope, self._size, body)

    def abort(self) -> None:
        """Forget it."""
        assert self._stage is not ContentPlace.ENDED, "ended twice"
        body = self._body
        self._end()
        if body is not None:
            supervise(body.discard(), "removing an aborted body")

    def _send(self) -> None:
        """Hand what is held to the file; it counts as held until it is written."""
        assert self._body is not None
        data, held = b"".join(self._pieces), self._held
        self._pieces, self._held = [], 0
        self._body.put(data, _giving_back(self._budget, held))

    def _end(self) -> None:
        self._stage = ContentPlace.ENDED
        self._budget.give_back(self._held)
        self._pieces, self._held = [], 0
        self._receiver.ended(self)

    def _paid_back(self, result: QueuedMessage, octets: int) -> QueuedMessage:
        self._budget.give_back(octets)
        return result


def _giving_back(budget: Budget, octets: int) -> Callable[[], None]:
    return lambda: budget.give_back(octets)
