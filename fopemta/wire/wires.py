"""What all connections of a reactor share (shell)."""

from __future__ import annotations

import select
from typing import Any
from weakref import WeakKeyDictionary

import attrs

from fopemta.wire.turn_end import TurnEnd
from fopemta.wire.watch import Watch


@attrs.frozen
class Wires:
    """`watch` (IReactorFDSet) says what is ready; at `turn_end` leaves what is to be said."""

    watch: Any
    turn_end: TurnEnd

    @classmethod
    def of(cls, reactor: Any) -> Wires:
        """Those of that reactor."""
        wires = _known.get(reactor)
        if wires is None:
            turn_end = TurnEnd(reactor)
            # Where the system has no epoll the reactor itself watches each of them.
            watch = Watch(reactor, turn_end) if hasattr(select, "epoll") else reactor
            wires = _known[reactor] = cls(watch, turn_end)
        return wires


_known: WeakKeyDictionary[Any, Wires] = WeakKeyDictionary()
