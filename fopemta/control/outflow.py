"""Stream a long answer to a command (shell), as fast as it reads, and a few lines at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IPullProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from fopemta.interfaces import Portions

# This many lines block the mail for less than a millisecond.
_LINES = 200


def portions_of(lines: Iterator[bytes]) -> Portions:
    """Portions of lines that are available at once."""
    return lambda: execute(lambda: list(islice(lines, _LINES)))


@implementer(IPullProducer)
class Outflow:
    """Writes the lines of `portions`, each with a line end, to `transport`; `taken` is called when the previous portion
    was sent, and when the next one is ready.
    """

    def __init__(self, transport: Any, portions: Portions, taken: Callable[[], object]) -> None:
        self._transport = transport
        self._portions = portions
        self._taken = taken
        self._done: Deferred[bool] | None = None

    def run(self) -> Deferred[bool]:
        """Fires with True once all is written, with False if the command has disconnected; fails as the portions do."""
        done = self._done = Deferred[bool]()
        self._transport.registerProducer(self, False)
        return done

    def resumeProducing(self) -> None:
        """The previous portion was sent."""
        self._taken()
        # An exception here would make the reactor close the connection silently.
        self._portions().addCallback(self._write).addErrback(self._end)

    def _write(self, lines: Sequence[bytes]) -> None:
        if self._done is None:
            return  # the command has disconnected
        if lines:
            self._taken()
            self._transport.write(b"".join([line + b"\n" for line in lines]))
        else:
            self._end(None)

    def stopProducing(self) -> None:
        """The command has disconnected."""
        done, self._done = self._done, None
        if done is not None:
            done.callback(False)

    def _end(self, failure: Failure | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            self._transport.unregisterProducer()
            done.callback(True) if failure is None else done.errback(failure)
