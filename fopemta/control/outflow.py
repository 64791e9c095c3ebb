"""A long answer on its way to a command (shell): as fast as that takes it, and a few lines at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from twisted.python.failure import Failure
from zope.interface import implementer

# So many lines keep the mail waiting for less than a millisecond.
_LINES = 200


@implementer(IPullProducer)
class Outflow:
    """Writes `lines`, an end of line behind each, to `transport`; `taken` is called before each piece."""

    def __init__(self, transport: Any, lines: Iterator[bytes], taken: Callable[[], object]) -> None:
        self._transport = transport
        self._lines = lines
        self._taken = taken
        self._done: Deferred[bool] | None = None

    def run(self) -> Deferred[bool]:
        """Fires with True once all is written, with False when the command has gone; fails as the lines do."""
        done = self._done = Deferred[bool]()
        self._transport.registerProducer(self, False)
        return done

    def resumeProducing(self) -> None:
        """The piece before this one has left."""
        self._taken()
        try:
            piece = [line + b"\n" for line in islice(self._lines, _LINES)]
        except Exception:  # noqa: BLE001  the reactor would close the connection without a word
            self._end(Failure())
            return
        if piece:
            self._transport.write(b"".join(piece))
        else:
            self._end(None)

    def stopProducing(self) -> None:
        """The command has gone."""
        done, self._done = self._done, None
        if done is not None:
            done.callback(False)

    def _end(self, failure: Failure | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            self._transport.unregisterProducer()
            done.callback(True) if failure is None else done.errback(failure)
