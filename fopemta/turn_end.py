"""Writing at the end of a reactor's turn (shell): what many connections have to say leaves together.

Twisted's `write` waits for the next turn, asks the kernel whether the socket takes something, and gives up asking
afterwards: two system calls and a dispatch for each answer of an SMTP session.  To write at once would save them, too,
but spoil what makes many sessions cheap: that their messages share a turn and a flush (docs/decisions/0011).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IReactorTime
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure

from fopemta import maillog

_DONE = Failure(CONNECTION_DONE)


class TurnEnd:
    """Those who have something to say in this turn of the reactor `clock`; `of` gives the one that all share."""

    _shared: WeakKeyDictionary[IReactorTime, TurnEnd] = WeakKeyDictionary()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[Voice] = []

    @classmethod
    def of(cls, clock: IReactorTime) -> TurnEnd:
        """The one of that reactor."""
        turn_end = cls._shared.get(clock)
        if turn_end is None:
            turn_end = cls._shared[clock] = cls(clock)
        return turn_end

    def add(self, voice: Voice) -> None:
        """It has something to say."""
        if not self._waiting:
            # Due before the reactor looks for what is new, so behind all that this turn has brought.
            self._clock.callLater(0, self._come)
        self._waiting.append(voice)

    def _come(self) -> None:
        waiting, self._waiting = self._waiting, []
        for voice in waiting:
            try:
                voice.speak()
            except Exception:  # noqa: BLE001  # the others have something to say, too
                maillog.failed_unexpectedly("telling a client")


class Voice:
    """Writes to one transport, in order, and closes it.  Whoever begins TLS on it calls `settle` before."""

    def __init__(self, transport: Any, turn_end: TurnEnd) -> None:
        self._transport = transport
        self._turn_end = turn_end
        self._pending = b""
        self._close_takes_time: Callable[[], object] | None = None
        # Not for TLS, which has buffers of its own, nor for what is no socket.
        self._prompt = isinstance(transport, Connection) and not transport.TLS

    def write(self, data: bytes) -> None:
        """As `transport.write`; nothing is called back from here."""
        if not self._prompt:
            self._transport.write(data)
        elif self._pending:
            self._pending += data
        else:
            self._pending = data
            self._turn_end.add(self)

    def settle(self) -> None:
        """Leave what is still to be said to the transport."""
        if self._pending:
            pending, self._pending = self._pending, b""
            self._transport.write(pending)

    def close(self, takes_time: Callable[[], object]) -> None:
        """Close in order once all is said; `takes_time` is called when that is not so at the end of this turn."""
        if self._prompt:
            self._close_takes_time = takes_time
            if not self._pending:
                self._turn_end.add(self)
        else:
            self._transport.loseConnection()
            takes_time()

    def use_no_more(self) -> None:
        """From now on the transport is written to as it comes."""
        self.settle()
        self._prompt = False

    def speak(self) -> None:
        """The turn is over."""
        pending, self._pending = self._pending, b""
        free = self._is_free()
        sent = self._transport.writeSomeData(pending) if pending and free else 0
        # A connection that is found to be lost gives an exception: the reactor finds it, too, and tells of it.
        rest = pending[sent:] if isinstance(sent, int) else pending
        if rest:
            self._transport.write(rest)
        takes_time, self._close_takes_time = self._close_takes_time, None
        if takes_time is not None:
            self._close(takes_time, free and not rest)

    def _close(self, takes_time: Callable[[], object], all_said: bool) -> None:
        if all_said:
            # What the reactor does a turn later, after it has asked the kernel whether there is room for nothing.
            self._transport.connectionLost(_DONE)
        elif self._transport.connected:
            self._transport.loseConnection()
            takes_time()

    def _is_free(self) -> bool:
        """Nothing waits before it, and the transport is neither closed nor closing."""
        transport = self._transport
        waiting = transport._tempDataBuffer or len(transport.dataBuffer) > transport.offset
        return (
            bool(transport.connected)
            and not transport.disconnecting
            and not transport._writeDisconnected
            and not waiting
        )
