"""Time limits of a client (shell): for each step, and for its session as a whole.

Progress extends a deadline, octets do not: a slow client is disconnected like a silent one.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from fopemta.deadline import Deadline

_KIB = 1024
# The least average rate, in octets per second, of a message still being sent after its session's time.
_SLOWEST = 1024.0
# Seconds after the session's time from which that rate is required.
_GRACE = 60.0
# Seconds between checks whether the message has ended.
_LOOK_AGAIN = 5.0


class SessionPace:
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
        """The session must end in `seconds` from now; None for no limit."""
        self._over_since = None
        if seconds is None:
            self._session.clear()
        else:
            self._session.set(seconds)

    def came(self, octets: int) -> None:
        """Count received octets."""
        self._octets += octets

    def expect(self, seconds: float) -> None:
        """A step must be completed in `seconds` from now, however much is received."""
        self._progress = ()
        self._step.set(seconds)

    def expect_command(self, mark: object, seconds: float) -> None:
        """A complete command is due in `seconds` from when `mark`, which identifies the progress so far, was first
        seen.
        """
        self._expect_progress((mark,), seconds)

    def expect_content(self, mark: object, seconds: float) -> None:
        """Like `expect_command`, but each KiB of content counts as progress too."""
        self._expect_progress((mark, self._octets // _KIB), seconds)

    def _expect_progress(self, progress: tuple[object, ...], seconds: float) -> None:
        if progress != self._progress:
            self._progress = progress
            self._step.set(seconds)

    def rest(self) -> None:
        """Nothing is expected of the client: it waits for us."""
        self._progress = ()
        self._step.rest()

    def hurries(self) -> bool:
        """Whether a message of an overdue session comes fast enough to be completed; checked again soon."""
        now = self._clock.seconds()
        if self._over_since is None:
            self._over_since, self._over_at = now, self._octets
        due = _SLOWEST * (now - self._over_since - _GRACE)
        return self._octets - self._over_at >= due

    def look_again(self) -> None:
        """The session is over, but may continue until the next check."""
        self._session.set(_LOOK_AGAIN)

    def stop(self) -> None:
        """The client is gone."""
        self._step.end()
        self._session.end()
