"""What is remembered of destinations, and what a change means."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.retry.standing import Pacing, Standing
from fopemta.retry.standings import Standings, Turn, turn_of
from tests.retry.test_standing import DELIVERED, REFUSED

OPEN, RESTING, RESTING_LONGER = Standing(5), Standing(1, 1, 100.0), Standing(1, 2, 200.0)


class TurnTests(SynchronousTestCase):
    def test_every_change(self) -> None:
        states = [OPEN, RESTING, RESTING_LONGER]
        found = [[turn_of(before, after) for after in states] for before in states]
        rests, on, answers, none = Turn.RESTS, Turn.RESTS_ON, Turn.ANSWERS, Turn.NONE
        self.assertEqual(found, [[none, rests, rests], [answers, none, on], [answers, on, none]])


class StandingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.standings: Standings[str] = Standings(Pacing(20))

    def end(self, destination: str, *verdicts: object, in_use: bool = False) -> Turn:
        turn = self.standings.ended(destination, verdicts, 0.0, 1.0, 0.5)  # type: ignore[arg-type]
        self.standings.used(destination, in_use)
        return turn

    def test_the_sound_are_forgotten_when_nothing_is_left_to_do(self) -> None:
        self.end("a", DELIVERED, in_use=True)
        self.assertEqual((len(self.standings), self.standings.of("a").window), (1, 6))
        self.standings.used("a", False)
        self.assertEqual((len(self.standings), self.standings.of("a").window), (0, 5))

    def test_who_does_not_answer_is_remembered_until_somebody_knows_better(self) -> None:
        turns = [self.end("a", REFUSED) for _ in range(3)]
        self.assertEqual(turns[-1], Turn.NONE)
        self.assertEqual((len(self.standings), self.standings.places("a", 2.0)), (1, 2))
        self.standings.wake("a")
        self.assertEqual((len(self.standings), self.standings.places("a", 2.0)), (0, 5))

    def test_the_oldest_are_forgotten_beyond_a_bound(self) -> None:
        for number in range(10_005):
            self.end(str(number), REFUSED)
        self.assertEqual(len(self.standings), 10_000)
        self.assertEqual(self.standings.of("0").window, 5)
