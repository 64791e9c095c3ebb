"""What waits for a batch, in a line for each folder (shell, reactor thread): those of a folder share its flush."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from fopemta.background import supervise


@attrs.define(eq=False)
class Lines:
    """`work` does a batch of ids, and does not fail.  A batch takes whole lines, until it has `size` ids; `parallel` of
    them are under way at the same time.  What is added meanwhile collects.
    """

    _folder_of: Callable[[str], str]
    _work: Callable[[list[str]], Awaitable[None]]
    _size: int
    _parallel: int
    _lines: dict[str, list[str]] = attrs.Factory(dict)
    _running: int = 0

    def add(self, message_id: str) -> None:
        """It has its turn with those of its folder."""
        self._lines.setdefault(self._folder_of(message_id), []).append(message_id)
        if self._running < self._parallel:
            self._running += 1
            supervise(self._run(), "work in deferred/")

    async def _run(self) -> None:
        try:
            while batch := self._next():
                await self._work(batch)
        finally:
            self._running -= 1

    def _next(self) -> list[str]:
        batch: list[str] = []
        while self._lines and len(batch) < self._size:
            # The line that was begun first.
            batch += self._lines.pop(next(iter(self._lines)))
        return batch
