"""The signal handlers of a service (composition), from its start until all is closed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


class Signals:
    """Calls are made by `reactor` at a safe moment: signals come between any two instructions."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._ending = False
        # The previous handlers.
        self._before: dict[signal.Signals, Any] = {}

    def while_it_runs(self, reload: Callable[[], None]) -> None:
        """SIGHUP calls `reload`."""
        self._handle(signal.SIGHUP, self._calling(reload))
        self._reactor.callWhenRunning(self._end_once)

    def _end_once(self) -> None:
        """Twisted's handlers, active once it runs, stop the reactor a moment later; a second signal then is an
        error.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            theirs = signal.getsignal(number)
            if callable(theirs):
                self._handle(number, self._once(theirs))

    def _once(self, handler: Callable[[int, Any], Any]) -> Callable[[int, object], None]:
        def handle(number: int, frame: object) -> None:
            if not self._ending:
                self._ending = True
                handler(number, frame)

        return handle

    def while_it_stops(self, tell: Callable[[], None]) -> None:
        """During shutdown further signals do not speed it up, since every wait has its deadline; each calls `tell`."""
        # By default it would end the process in the middle of a message, and logs may be rotated at any moment.
        self._handle(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            # To Twisted's own handlers a second one is an error.
            self._handle(number, self._calling(tell))

    def end(self) -> None:
        """Restore the previous handlers."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _handle(self, number: signal.Signals, handler: Any) -> None:
        before = signal.signal(number, handler)
        self._before.setdefault(number, before)

    def _calling(self, what: Callable[[], None]) -> Callable[[int, object], None]:
        return lambda _number, _frame: self._reactor.callFromThread(what)
