"""How long a client may take (shell): for each step, and for its session as a whole.

Progress moves a deadline, octets do not: a client that sends one a minute is cut off as one that sends none.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from fopemta.deadline import Deadline

_KIB = 1024
# What a message must come with that outlives its session's time, in octets a second on the average, so that it ends.
_SLOWEST = 1024.0
# From when on that is asked of it, in seconds after the end of that time.
_GRACE = 60.0
# How often it is looked whether the message has ended.
_LOOK_AGAIN = 5.0


class Pace:
    """`missed` is called when a step takes too long, `over` when the session does."""

    def __init__(self, clock: IReactorTime, missed: Callable[[], object], over: Callable[[], object]) -> None:
        self._clock = clock
        self._step = Deadline(clock, missed)
        self._session = Deadline(clock, over)
        self._octets = 0
        self._progress: tuple[object, ...] = ()
        self._over_since: float | None = None
        self._over_at = 0

    def limit_session(self, seconds: float | None) -> None:
        """The session as a whole ends in `seconds` from now; None: when it likes."""
        self._over_since = None
        if seconds is None:
            self._session.clear()
        else:
            self._session.set(seconds)

    def came(self, octets: int) -> None:
        """So many octets have come."""
        self._octets += octets

    def expect(self, seconds: float) -> None:
        """Something must be done as a whole in `seconds` from now, however much comes."""
        self._progress = ()
        self._step.set(seconds)

    def expect_command(self, mark: object, seconds: float) -> None:
        """A whole command in `seconds` from when `mark`, which says what has come about so far, was first seen."""
        self._expect_progress((mark,), seconds)

    def expect_content(self, mark: object, seconds: float) -> None:
        """As for a command, and a KiB of content counts as much."""
        self._expect_progress((mark, self._octets // _KIB), seconds)

    def _expect_progress(self, progress: tuple[object, ...], seconds: float) -> None:
        if progress != self._progress:
            self._progress = progress
            self._step.set(seconds)

    def rest(self) -> None:
        """Nothing is expected of the client: it is we who are waited for."""
        self._progress = ()
        self._step.rest()

    def hurries(self) -> bool:
        """A message whose session is over comes fast enough to be let come to its end; asked again in a moment."""
        now = self._clock.seconds()
        if self._over_since is None:
            self._over_since, self._over_at = now, self._octets
        due = _SLOWEST * (now - self._over_since - _GRACE)
        return self._octets - self._over_at >= due

    def look_again(self) -> None:
        """The session is over, but may go on for a moment."""
        self._session.set(_LOOK_AGAIN)

    def stop(self) -> None:
        """The client is gone."""
        self._step.end()
        self._session.end()
