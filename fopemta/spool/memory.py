"""A spool in memory (shell): the double for tests, and the plainest reading of what `ISpool` promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from fopemta.interfaces import IIncoming, IMessageContent, ISpool, SpoolFailing, SpoolFull, SpoolTrouble, UnknownMessage
from fopemta.mail.damage import PutAside
from fopemta.mail.envelope import Envelope
from fopemta.mail.listed import brief
from fopemta.mail.plain_json import encoded
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.trust.verdict import VerdictRecord

T = TypeVar("T")


@attrs.define
class Kept:
    """A message in the spool.  `deferred`: it has been moved to where waiting mail lies."""

    message: QueuedMessage
    content: bytes
    deferred: bool = False


@implementer(ISpool)
class MemorySpool:
    """All Deferreds have fired when they are returned, unless a test makes it slow.

    `full` and `failing` make it refuse until they are unset.  `busy`: a Deferred that `IIncoming.write` returns.
    `slow`: what is committed becomes durable only at `flush()`.  Tests look at `kept` (by id, in order of arrival),
    at `verdicts` (all that was recorded, in order) and at `finished` (ids of messages that are gone).
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.full = False
        self.failing = False
        self.slow = False
        self.busy: Deferred[None] | None = None
        self.kept: dict[str, Kept] = {}
        self.verdicts: list[VerdictRecord] = []
        self.finished: list[str] = []
        self.damage: list[PutAside] = []
        self._unflushed: list[tuple[Deferred[QueuedMessage], Callable[[], QueuedMessage]]] = []

    def start(self) -> Deferred[Sequence[Unfinished]]:
        """What an earlier life of the test left in `kept`."""
        return succeed([Unfinished.of(each.message) for each in self.kept.values()])

    def lock(self) -> None:
        """Nobody else can have it."""

    def waiting(self, take: Callable[[Sequence[Unfinished]], None]) -> Deferred[None]:
        """All have been told of at the start."""
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """Nothing is open."""
        return succeed(None)

    def receive(self, message_id: str) -> IIncoming:
        """A message in a list of pieces."""
        self.check()
        return MemoryIncoming(self, message_id)

    def submit(self, message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage | None]:
        """Keep a message made here, once: an id is remembered after its message has gone."""
        if message_id in self.kept or message_id in self.finished:
            return succeed(None)
        kept = self.accept(message_id, envelope, content)
        return cast("Deferred[QueuedMessage | None]", kept)  # Deferred is invariant

    def holds(self, message_id: str) -> bool:
        """It is among the `kept`."""
        return message_id in self.kept

    def load(self, message_id: str) -> Deferred[QueuedMessage]:
        """The message as recorded."""
        return self.attempt(lambda: self._find(message_id).message)

    def content(self, message_id: str) -> Deferred[IMessageContent]:
        """Its octets."""
        return self.attempt(lambda: MemoryContent(self._find(message_id).content))

    def record(self, message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> Deferred[None]:
        """Fold the verdicts into the message; drop it when it is `finished`."""
        return self.attempt(lambda: self._record(message_id, verdicts, finished))

    def defer(self, message_id: str) -> Deferred[None]:
        """Mark it as moved."""
        return self.attempt(lambda: setattr(self._find(message_id), "deferred", True))

    def listing(self) -> Iterator[bytes]:
        """Made when asked for."""
        messages = sorted((each.message for each in self.kept.values()), key=lambda each: (each.arrived, each.id))
        return (encoded(brief(each)) for each in messages if each.id in self.kept)

    def put_aside(self) -> Sequence[PutAside]:
        """What a test has put into `damage`."""
        damage, self.damage = self.damage, []
        return damage

    def flush(self) -> None:
        """Make durable, or refuse, what a slow spool was given."""
        unflushed, self._unflushed = self._unflushed, []
        for waiting, work in unflushed:
            self.attempt(work).chainDeferred(waiting)

    def accept(self, message_id: str, envelope: Envelope, content: bytes) -> Deferred[QueuedMessage]:
        """Keep a message now, or at `flush()`."""
        if not self.slow:
            return self.attempt(lambda: self.keep(message_id, envelope, content))
        waiting: Deferred[QueuedMessage] = Deferred()
        self._unflushed.append((waiting, lambda: self.keep(message_id, envelope, content)))
        return waiting

    def check(self) -> None:
        """Raises the trouble that a test has set."""
        if self.full:
            raise SpoolFull("no room")
        if self.failing:
            raise SpoolFailing("the disk fails")

    def keep(self, message_id: str, envelope: Envelope, content: bytes) -> QueuedMessage:
        """Store a message that has arrived now."""
        message = QueuedMessage.fresh(message_id, self._clock.seconds(), len(content), envelope)
        self.kept[message_id] = Kept(message, content)
        return message

    def _record(self, message_id: str, verdicts: Sequence[VerdictRecord], finished: bool) -> None:
        kept = self._find(message_id)
        kept.message = kept.message.after(verdicts)
        self.verdicts.extend(verdicts)
        if finished:
            del self.kept[message_id]
            self.finished.append(message_id)

    def _find(self, message_id: str) -> Kept:
        if message_id not in self.kept:
            raise UnknownMessage(message_id)
        return self.kept[message_id]

    def attempt(self, work: Callable[[], T]) -> Deferred[T]:
        """What `work` gives, or the trouble that is set or found."""
        try:
            self.check()
            return succeed(work())
        except SpoolTrouble:
            return fail()


@implementer(IIncoming)
class MemoryIncoming:
    """A message being received."""

    def __init__(self, spool: MemorySpool, message_id: str) -> None:
        self._spool = spool
        self.message_id = message_id
        self._pieces: list[bytes] = []
        self._ended = False

    def write(self, data: bytes) -> Deferred[None] | None:
        """Take it; a pause is wanted only when a test says so."""
        assert not self._ended, "written to after its end"
        self._pieces.append(bytes(data))
        return self._spool.busy

    def commit(self, envelope: Envelope) -> Deferred[QueuedMessage]:
        """Keep it, or nothing of it."""
        assert not self._ended, "ended twice"
        self._ended = True
        return self._spool.accept(self.message_id, envelope, b"".join(self._pieces))

    def abort(self) -> None:
        """Forget it."""
        assert not self._ended, "ended twice"
        self._ended = True
        self._pieces.clear()


@implementer(IMessageContent)
class MemoryContent:
    """Reads from octets that are at hand."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def read(self, size: int) -> Deferred[bytes]:
        """The next `size` octets."""
        piece = self._content[self._position : self._position + size]
        self._position += len(piece)
        return succeed(piece)

    def close(self) -> None:
        """Nothing to give back."""
