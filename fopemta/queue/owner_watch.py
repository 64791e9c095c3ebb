"""Whatever the bug, nothing that was accepted stands still (shell): what has no owner is found, logged, tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from fopemta import maillog

# An owner's absence between two steps of one turn of the reactor is not seen; one that lasts is found within this time.
INTERVAL = 30.0


class OwnerWatch:
    """`ownerless` gives the messages that neither wait for a moment, nor are on their way, nor held; each is handed to
    `retry`.
    """

    def __init__(
        self, clock: IReactorTime, ownerless: Callable[[], Iterable[str]], retry: Callable[[str], None]
    ) -> None:
        self._clock = clock
        self._ownerless = ownerless
        self._retry = retry
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Look, again and again, whatever a look comes to."""
        self._call = self._clock.callLater(INTERVAL, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        self.start()
        for message_id in tuple(self._ownerless()):
            maillog.stood_still(message_id)
            self._retry(message_id)
