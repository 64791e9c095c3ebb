"""When those who have something to say are called."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.wire.turn_end import TurnEnd


class TurnEndTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turn_end = TurnEnd(self.clock)
        self.said = 0

    def speak(self) -> None:
        self.said += 1

    def test_by_itself(self) -> None:
        self.turn_end.add(self)
        self.turn_end.add(self)
        self.assertEqual((self.said, len(self.clock.getDelayedCalls())), (0, 1))
        self.clock.advance(0)
        self.assertEqual((self.said, self.clock.getDelayedCalls()), (2, []))

    def test_by_whoever_has_announced_it(self) -> None:
        self.turn_end.announce()
        self.turn_end.add(self)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.turn_end.come()
        self.assertEqual(self.said, 1)
        self.turn_end.add(self)
        self.clock.advance(0)
        self.assertEqual(self.said, 2)

    def test_who_spoke_early_is_not_called_again(self) -> None:
        self.turn_end.add(self)
        self.turn_end.announce()
        self.turn_end.come()
        self.clock.advance(0)
        self.assertEqual(self.said, 1)

    def test_what_speaking_brings_waits_for_the_next_turn(self) -> None:
        again = TurnEndTests("test_by_itself")
        again.setUp()
        self.speak = lambda: self.turn_end.add(again)  # type: ignore[method-assign]
        self.turn_end.add(self)
        self.turn_end.come()
        self.assertEqual(again.said, 0)
        self.clock.advance(0)
        self.assertEqual(again.said, 1)
