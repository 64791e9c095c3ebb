"""Writing at the end of a reactor's turn (shell): what many connections have to say leaves together.

Twisted's `write` waits for the next turn, asks the kernel whether the socket takes something, and gives up asking
afterwards: two system calls and a dispatch for each answer of an SMTP session.  To write at once would save them, too,
but spoil what makes many sessions cheap: that their messages share a turn and a flush (docs/decisions/0011).
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IReactorTime
from twisted.internet.tcp import Connection


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
            voice.speak()


class Voice:
    """Writes to one transport, in order.  Whoever closes it or begins TLS on it calls `settle` before."""

    def __init__(self, transport: Any, turn_end: TurnEnd) -> None:
        self._transport = transport
        self._turn_end = turn_end
        self._pending = b""
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

    def use_no_more(self) -> None:
        """From now on the transport is written to as it comes."""
        self.settle()
        self._prompt = False

    def speak(self) -> None:
        """The turn is over."""
        pending, self._pending = self._pending, b""
        if not pending:
            return  # settled meanwhile
        sent = self._transport.writeSomeData(pending) if self._is_free() else 0
        # A connection that is found to be lost gives an exception: the reactor finds it, too, and tells of it.
        rest = pending[sent:] if isinstance(sent, int) else pending
        if rest:
            self._transport.write(rest)

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
