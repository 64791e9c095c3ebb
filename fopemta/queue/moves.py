"""Moving what was put off to where waiting mail lies (shell): a few at a time, so that they do not pile up."""

from __future__ import annotations

from collections.abc import Callable

from fopemta import maillog
from fopemta.background import supervise
from fopemta.interfaces import ISpool, SpoolTrouble

# The spool moves those of a folder together, of which it has 256: with fewer nothing would be shared.
_AT_ONCE = 512


class Moves:
    """`wanted` says whether a message is still here; `room` is called when fewer wait than before.

    A message that has not been moved yet is as safe where it is.
    """

    def __init__(self, spool: ISpool, wanted: Callable[[str], bool], room: Callable[[], None]) -> None:
        self._spool = spool
        self._wanted = wanted
        self._room = room
        self._running = 0
        self._waiting: dict[str, None] = {}

    def __len__(self) -> int:
        """How many are to be made."""
        return self._running + len(self._waiting)

    def move(self, message_id: str) -> None:
        """Move it, now or soon."""
        self._waiting[message_id] = None
        self._next()

    def _next(self) -> None:
        while self._waiting and self._running < _AT_ONCE:
            message_id = next(iter(self._waiting))
            del self._waiting[message_id]
            if self._wanted(message_id):
                self._running += 1
                supervise(self._move(message_id), f"putting off {message_id}")

    async def _move(self, message_id: str) -> None:
        try:
            await self._spool.defer(message_id)
        except SpoolTrouble as trouble:
            maillog.spool_trouble(f"{message_id} cannot be moved: {trouble}")
        finally:
            self._running -= 1
        self._next()
        self._room()
