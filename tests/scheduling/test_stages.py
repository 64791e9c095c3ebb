"""The whole table: what may happen to a message at each stage."""

from __future__ import annotations

import enum

from twisted.trial.unittest import SynchronousTestCase

from fopemta.scheduling.stages import IN_MEMORY, MOVING, TABLE, Act, Event, Stage, step

# Events down, stages across.  "=" nothing happens; otherwise the act, and the stage where that is another one.
GRID = """
                  GONE              BACKLOG          WAITING          HELD          READING            ACTIVE          OBEYING
ACCEPTED          BEGIN>ACTIVE      =                =                =             =                  =               =
ACCEPTED_UNJUDGED JUDGE>READING     =                =                =             =                  =               =
NO_ROOM           JOIN>BACKLOG      =                =                =             =                  =               =
CROWDED           LINE_UP>WAITING   LINE_UP>WAITING  LINE_UP          =             =                  =               =
RECOVERED         NOTHING>WAITING   =                =                =             =                  =               =
RECOVERED_HELD    NOTHING>HELD      =                =                =             =                  =               =
DUE               =                 READ>READING     READ>READING     =             =                  =               =
CALLED            =                 =                READ>READING     =             =                  ADMIT           =
FLUSHED           =                 =                HURRY            =             PRESS              PRESS           PRESS
ORDERED           READ>READING      READ>READING     READ>READING     READ>READING  =                  WITHDRAW        =
READ              =                 =                =                =             BEGIN>ACTIVE       =               =
READ_TO_OBEY      =                 =                =                =             OBEY>OBEYING       =               =
UNREADABLE        =                 =                =                =             TRY_LATER>WAITING  =               =
VANISHED          =                 =                =                =             FORGET>GONE        =               =
FINISHED          =                 =                =                =             =                  FORGET>GONE     FORGET>GONE
LEFT              =                 =                =                =             =                  PUT_OFF>WAITING PUT_OFF>WAITING
LEFT_HELD         =                 =                =                =             =                  PUT_OFF>HELD    PUT_OFF>HELD
LEFT_TO_OBEY      =                 =                =                =             =                  OBEY>OBEYING    OBEY
LEFT_PRESSED      =                 =                =                =             =                  =               BEGIN>ACTIVE
LOST              =                 TRY_NOW>WAITING  TRY_NOW          =             TRY_NOW>WAITING    TRY_NOW>WAITING TRY_NOW>WAITING
"""  # noqa: E501
SHORT = {"JOIN": "JOIN_BACKLOG"}


class GridTests(SynchronousTestCase):
    def test_the_whole_grid(self) -> None:
        head, *rows = [line.split() for line in GRID.strip().splitlines()]
        self.assertEqual(head, [each.name for each in Stage])
        self.assertEqual([row[0] for row in rows], [each.name for each in Event])
        for name, *cells in rows:
            for stage, cell in zip(Stage, cells, strict=True):
                act, _, after = cell.partition(">")
                wanted = (Stage[after] if after else stage, Act[SHORT.get(act, act)] if act != "=" else Act.NOTHING)
                self.assertEqual(step(stage, Event[name]), wanted, (stage, name))

    def test_every_word_is_used(self) -> None:
        cells = [(event, stage, act) for row in TABLE.values() for event, (stage, act) in row.items()]
        for number, words in enumerate((Event, Stage, Act)):
            unused: set[enum.Enum] = {*words} - {cell[number] for cell in cells}
            self.assertEqual(unused, set())

    def test_whatever_moves_comes_to_an_end(self) -> None:
        """From each stage at which a message moves of itself, or is held, there is a way out of the queue."""
        ends = {Stage.GONE}
        for _ in Stage:
            ends |= {each for each, row in TABLE.items() if any(after in ends for after, _ in row.values())}
        self.assertEqual(ends, {*Stage})

    def test_what_is_in_memory_moves(self) -> None:
        self.assertLess(IN_MEMORY, MOVING)
        self.assertEqual({*Stage} - MOVING, {Stage.GONE, Stage.HELD})
