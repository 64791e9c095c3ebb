"""Where a message of the queue can be, and what moves it (pure): the whole of it on one page.

`TABLE` says for each stage what may happen there: the stage that follows, and the act that somebody has to perform
then.  What is not in the table changes nothing.  A message is in memory, as more than its id, in READING, ACTIVE and
OBEYING alone.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Stage(enum.Enum):
    """Each has somebody who will move the message on; `scheduling.roster` finds those that have nobody."""

    GONE = "gone"  # not here yet, or finished
    BACKLOG = "backlog"  # accepted; its id waits for room in memory
    WAITING = "waiting"  # its id waits for a moment, and perhaps in the lines of its destinations
    HELD = "held"  # until an operator says so
    READING = "reading"  # it is read from the spool, and rules are asked about it
    ACTIVE = "active"  # some of it waits for a place, is being delivered, or is being written down
    OBEYING = "obeying"  # operators' orders are carried out, and nothing else

    __hash__ = object.__hash__  # enum's own is a call of Python for each look into a table


class Event(enum.Enum):
    """What happens to a message."""

    ACCEPTED = "accepted"
    ACCEPTED_UNJUDGED = "accepted, and rules have to be asked"
    NO_ROOM = "accepted, and there is no room in memory"
    CROWDED = "due, but its destinations take no more for now"
    RECOVERED = "found at a start"
    RECOVERED_HELD = "found at a start, all held"
    DUE = "its moment has come, or there is room for it"
    CALLED = "a destination has a place for it"
    FLUSHED = "somebody wants it tried at once"
    ORDERED = "an operator wants something done with it"
    READ = "read"
    READ_TO_OBEY = "read, and orders are pending"
    UNREADABLE = "not readable now"
    VANISHED = "the spool does not have it"
    # Nothing of it waits for a place, is delivered, or written down any more; and this is left of it:
    FINISHED = "nothing is left"
    LEFT = "something is left"
    LEFT_HELD = "what is left is held"
    LEFT_TO_OBEY = "orders are pending"
    LEFT_PRESSED = "something is left that somebody wants tried at once, and its destinations take it"
    LOST = "nobody is found who would move it on"

    __hash__ = object.__hash__


class Act(enum.Enum):
    """What follows from it."""

    NOTHING = "nothing"
    READ = "read it"
    JUDGE = "ask the rules about it"
    BEGIN = "give each of its ways to the destination"
    ADMIT = "give the way that waited for this destination to it"
    JOIN_BACKLOG = "let its id wait for room"
    LINE_UP = "let its id wait for its destinations"
    HURRY = "have it tried as soon as its destination can"
    PRESS = "remember that it is to be tried again at once"
    WITHDRAW = "take back what only waits for a place"
    OBEY = "carry out the orders"
    PUT_OFF = "let its id wait for what is left of it"
    TRY_LATER = "read it again later"
    TRY_NOW = "read it again at once, and say so"
    FORGET = "forget it"

    __hash__ = object.__hash__


S, E, A = Stage, Event, Act

Step = tuple[Stage, Act]

TABLE: Mapping[Stage, Mapping[Event, Step]] = {
    S.GONE: {
        E.ACCEPTED: (S.ACTIVE, A.BEGIN),
        E.ACCEPTED_UNJUDGED: (S.READING, A.JUDGE),
        E.NO_ROOM: (S.BACKLOG, A.JOIN_BACKLOG),
        E.CROWDED: (S.WAITING, A.LINE_UP),
        E.RECOVERED: (S.WAITING, A.NOTHING),
        E.RECOVERED_HELD: (S.HELD, A.NOTHING),
        E.ORDERED: (S.READING, A.READ),
    },
    S.BACKLOG: {
        E.DUE: (S.READING, A.READ),
        E.CROWDED: (S.WAITING, A.LINE_UP),
        E.ORDERED: (S.READING, A.READ),
        E.LOST: (S.WAITING, A.TRY_NOW),
    },
    S.WAITING: {
        E.DUE: (S.READING, A.READ),
        E.CROWDED: (S.WAITING, A.LINE_UP),
        E.CALLED: (S.READING, A.READ),
        E.FLUSHED: (S.WAITING, A.HURRY),
        E.ORDERED: (S.READING, A.READ),
        E.LOST: (S.WAITING, A.TRY_NOW),
    },
    S.HELD: {
        E.ORDERED: (S.READING, A.READ),
    },
    S.READING: {
        E.READ: (S.ACTIVE, A.BEGIN),
        E.READ_TO_OBEY: (S.OBEYING, A.OBEY),
        E.UNREADABLE: (S.WAITING, A.TRY_LATER),
        E.VANISHED: (S.GONE, A.FORGET),
        E.FLUSHED: (S.READING, A.PRESS),
        E.LOST: (S.WAITING, A.TRY_NOW),
    },
    S.ACTIVE: {
        E.CALLED: (S.ACTIVE, A.ADMIT),
        E.FLUSHED: (S.ACTIVE, A.PRESS),
        E.ORDERED: (S.ACTIVE, A.WITHDRAW),
        E.FINISHED: (S.GONE, A.FORGET),
        E.LEFT: (S.WAITING, A.PUT_OFF),
        E.LEFT_HELD: (S.HELD, A.PUT_OFF),
        E.LEFT_TO_OBEY: (S.OBEYING, A.OBEY),
        E.LOST: (S.WAITING, A.TRY_NOW),
    },
    S.OBEYING: {
        E.FLUSHED: (S.OBEYING, A.PRESS),
        E.LEFT_PRESSED: (S.ACTIVE, A.BEGIN),
        E.FINISHED: (S.GONE, A.FORGET),
        E.LEFT: (S.WAITING, A.PUT_OFF),
        E.LEFT_HELD: (S.HELD, A.PUT_OFF),
        E.LEFT_TO_OBEY: (S.OBEYING, A.OBEY),
        E.LOST: (S.WAITING, A.TRY_NOW),
    },
}

IN_MEMORY = frozenset({S.READING, S.ACTIVE, S.OBEYING})
# They will be tried without anybody's doing.
MOVING = frozenset({S.BACKLOG, S.WAITING, *IN_MEMORY})


def step(stage: Stage, event: Event) -> Step:
    """The stage that follows, and what is to be done."""
    return TABLE[stage].get(event) or (stage, Act.NOTHING)
