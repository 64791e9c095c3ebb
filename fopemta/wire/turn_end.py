"""The end of a reactor's turn (shell): what many connections have to say leaves then, together.

To write at once would spoil what makes many sessions cheap: that their messages share a turn and a flush of the spool
(docs/decisions/0011).
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from fopemta import maillog


class Speaker(Protocol):
    """A connection with something to say."""

    def speak(self) -> None:
        """The turn is over: say it."""


class TurnEnd:
    """Those who have something to say in this turn of the reactor `clock`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[Speaker] = []
        self._announced = False

    def add(self, speaker: Speaker) -> None:
        """It has something to say: once in each turn."""
        if not self._waiting and not self._announced:
            # Due before the reactor looks for what is new, so behind all that this turn has brought.
            self._clock.callLater(0, self.come)
        self._waiting.append(speaker)

    def announce(self) -> None:
        """Whoever says this calls `come` in this turn."""
        self._announced = True

    def come(self) -> None:
        """It is here."""
        self._announced = False
        waiting, self._waiting = self._waiting, []
        for speaker in waiting:
            try:
                speaker.speak()
            except Exception:  # noqa: BLE001  # the others have something to say, too
                maillog.failed_unexpectedly("telling a peer")
