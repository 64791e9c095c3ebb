"""Reads waiting messages, many in one hop to another thread (shell, reactor thread)."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from fopemta.background import supervise
from fopemta.mail.queued import QueuedMessage
from fopemta.spool.catalog import Catalog
from fopemta.spool.threads import Threads
from fopemta.spool.waiting.folder import DeferredFolder, Visited

_BATCH = 32
_PARALLEL = 2
# In octets.  Who has loaded a message asks for its content next, and of many hops each does.
_MOST_CONTENT = 8 * 1024 * 1024


@attrs.define(eq=False)
class Visits:
    """While some are read the next ones collect.  Small content that was read with its message is kept for a while."""

    _threads: Threads
    _catalog: Catalog
    _waiting: DeferredFolder
    _line: list[tuple[str, Deferred[QueuedMessage]]] = attrs.Factory(list)
    _running: int = 0
    _contents: dict[str, bytes] = attrs.Factory(dict)
    _kept: int = 0

    def load(self, message_id: str) -> Deferred[QueuedMessage]:
        """The message.  Fails with Unsound or OSError."""
        answer: Deferred[QueuedMessage] = Deferred()
        self._line.append((message_id, answer))
        if self._running < _PARALLEL:
            self._running += 1
            supervise(self._run(), "reading waiting messages")
        return answer

    def content(self, message_id: str) -> bytes | None:
        """Its content, if that is still here."""
        return self._contents.get(message_id)

    def forget(self, message_id: str) -> None:
        """It is finished."""
        self._kept -= len(self._contents.pop(message_id, b""))

    async def _run(self) -> None:
        try:
            while self._line:
                batch, self._line = self._line[:_BATCH], self._line[_BATCH:]
                await self._visit(batch)
        finally:
            self._running -= 1

    async def _visit(self, batch: list[tuple[str, Deferred[QueuedMessage]]]) -> None:
        asked = [(message_id, self._catalog.unwritten_of(message_id)) for message_id, _ in batch]
        results = await self._threads.files(lambda: [self._read(*each) for each in asked])
        for (message_id, answer), result in zip(batch, results, strict=True):
            if isinstance(result, Failure):
                answer.errback(result)
            else:
                self._keep(message_id, result.content)
                answer.callback(result.message)

    def _read(self, message_id: str, unwritten: tuple[bytes, ...]) -> Visited | Failure:
        """Blocks."""
        try:
            return self._waiting.visit(message_id, unwritten)
        except Exception:  # noqa: BLE001  whoever waits for it is told
            return Failure()

    def _keep(self, message_id: str, content: bytes | None) -> None:
        if content is None or message_id in self._contents or message_id not in self._catalog:
            return
        self._contents[message_id] = content
        self._kept += len(content)
        while self._kept > _MOST_CONTENT:
            self.forget(next(iter(self._contents)))
