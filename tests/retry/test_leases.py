"""Who gets how many leases, and that there are never more of them than places."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from fopemta.retry.leases import ROUND, TURN, Leases, News
from fopemta.retry.standing import FIRST_WINDOW, Pacing, Standing, experience_of
from fopemta.retry.standings import Turn
from fopemta.trust.verdict import VerdictRecord
from tests.retry.test_standing import DELIVERED, REFUSED


class Base(SynchronousTestCase):
    """Destinations are words, workers 1 and 2."""

    def setUp(self) -> None:
        self.now = 1000.0
        self.make(20)

    def make(self, window: int) -> None:
        self.leases: Leases[str] = Leases(Pacing(window))
        for worker in (1, 2):
            self.leases.joined(worker)
        self.held = {1: 0, 2: 0}

    def settle(self) -> list[tuple[int, int, int]]:
        """(worker, granted, recalled)."""
        told = self.leases.settle(self.now)
        for worker, news in told:
            self.held[worker] += news.granted
        return [(worker, news.granted, news.recalled) for worker, news in told]

    def want(self, worker: int, number: int) -> list[tuple[int, int, int]]:
        self.leases.want(worker, "a", number)
        return self.settle()

    def give_back(self, worker: int, number: int) -> list[tuple[int, int, int]]:
        self.held[worker] -= number
        self.leases.give_back(worker, "a", number)
        return self.settle()

    def end(self, *verdicts: VerdictRecord) -> Turn:
        return self.leases.met("a", experience_of(verdicts), verdicts[0], self.now, self.now, 0.5)


class GrantTests(Base):
    def test_as_many_as_are_wanted_and_there_are_places(self) -> None:
        self.assertEqual(self.want(1, 3), [(1, 3, 0)])
        self.assertEqual(self.want(1, 9), [(1, FIRST_WINDOW - 3, 0)])
        self.assertEqual(self.settle(), [])
        self.assertEqual(self.leases.next_look(), self.now + ROUND)

    def test_who_wants_them_together_has_the_same(self) -> None:
        self.make(4)
        self.leases.want(1, "a", 9)
        self.leases.want(2, "a", 9)
        self.assertEqual(self.settle(), [(1, 2, 0), (2, 2, 0)])

    def test_what_is_given_back_is_given_to_who_waits(self) -> None:
        self.make(2)
        self.want(1, 2)
        self.want(2, 1)
        self.assertEqual(self.give_back(1, 2), [(2, 1, 0)])
        self.assertIsNone(self.leases.next_look())

    def test_leases_die_with_the_worker(self) -> None:
        self.make(2)
        self.want(1, 2)
        self.want(2, 2)
        self.leases.left(1)
        self.assertEqual(self.settle(), [(2, 2, 0)])

    def test_destinations_do_not_matter_to_each_other(self) -> None:
        self.make(1)
        self.want(1, 1)
        self.leases.want(2, "b", 1)
        self.assertEqual(self.settle(), [(2, 1, 0)])

    def test_nothing_is_kept_of_what_is_over(self) -> None:
        self.want(1, 2)
        self.end(DELIVERED)
        self.give_back(1, 2)
        leases = self.leases
        tables = (leases._shares, leases._open, leases._short, leases._for_holders, leases._resting, leases._rests)
        self.assertEqual([each for each in tables if each], [])
        self.assertEqual(len(self.leases._standings), 0)


class RecallTests(Base):
    def test_who_has_more_than_a_fair_share_is_asked_for_it_once(self) -> None:
        self.make(4)
        self.want(1, 4)
        self.assertEqual(self.want(2, 4), [(1, 0, 2)])
        self.assertEqual(self.settle(), [])
        self.assertEqual(self.give_back(1, 2), [(2, 2, 0)])
        self.now += 10 * TURN
        self.assertEqual(self.settle(), [])

    def test_no_more_is_asked_for_than_is_lacking(self) -> None:
        self.make(4)
        self.want(1, 4)
        self.assertEqual(self.want(2, 1), [(1, 0, 1)])

    def test_with_fewer_places_than_workers_they_take_turns(self) -> None:
        self.make(1)
        self.want(1, 5)
        self.assertEqual(self.want(2, 5), [])
        self.now += TURN
        self.assertEqual(self.settle(), [(1, 0, 1)])
        self.assertEqual(self.give_back(1, 1), [(2, 1, 0)])
        self.assertEqual(self.want(1, 5), [])
        self.now += TURN
        self.assertEqual(self.settle(), [(2, 0, 1)])
        self.assertEqual(self.give_back(2, 1), [(1, 1, 0)])

    def test_a_window_that_shrinks_asks_for_what_is_too_much(self) -> None:
        self.want(1, 4)
        self.end(REFUSED)
        self.assertEqual(self.settle(), [(1, 0, 2)])


class StandingTests(Base):
    def test_a_change_is_told_to_who_has_a_lease(self) -> None:
        self.want(1, 1)
        self.assertIs(self.end(DELIVERED), Turn.NONE)
        self.assertEqual(self.leases.settle(self.now), [(1, News("a", Standing(FIRST_WINDOW + 1.0)))])

    def test_a_rest_is_told_to_all_and_asks_for_everything(self) -> None:
        self.make(1)
        self.want(1, 1)
        self.assertIs(self.end(REFUSED), Turn.RESTS)
        self.assertEqual(self.settle(), [(1, 0, 1), (2, 0, 0)])
        self.give_back(1, 1)
        self.leases.want(2, "a", 5)
        self.assertEqual(self.settle(), [])
        self.now = self.leases.standing("a").until or 0.0
        self.assertEqual(self.settle(), [(2, 1, 0)])  # one probe, of one worker
        self.assertIs(self.end(DELIVERED), Turn.ANSWERS)
        self.assertEqual(self.settle(), [(1, 0, 0), (2, 0, 0)])

    def test_what_rests_is_looked_at_when_that_is_over(self) -> None:
        self.make(1)
        for _ in range(10):
            self.end(REFUSED)
            self.want(1, 1)
            self.want(2, 1)
        until = self.leases.standing("a").until
        self.assertEqual((self.leases.next_look(), len(self.leases._rests)), (until, 1))
        for moment in (self.now + 1, (until or 0.0) - 0.1):
            self.now = moment
            self.assertEqual((self.settle(), self.leases.next_look()), ([], until))
        self.now = until or 0.0
        self.assertEqual(self.settle(), [(1, 1, 0)])
        # The other one waits for his turn.
        self.assertTrue(self.now < (self.leases.next_look() or 0.0) <= self.now + ROUND)

    def test_a_rest_that_ends_early_leaves_nothing(self) -> None:
        self.make(1)
        self.end(REFUSED)
        self.want(1, 1)
        until = self.leases.standing("a").until or 0.0
        self.leases.wake("a")
        self.assertEqual(self.settle(), [(1, 1, 0), (2, 0, 0)])
        self.give_back(1, 1)
        self.now = until
        self.assertEqual((self.settle(), self.leases.next_look()), ([], None))

    def test_who_joins_is_told_of_what_rests(self) -> None:
        self.make(1)
        self.end(REFUSED)
        [news] = self.leases.joined(3)
        self.assertEqual((news.destination, news.standing.rests), ("a", 1))

    def test_who_is_woken_has_places_again(self) -> None:
        self.make(1)
        self.end(REFUSED)
        self.want(1, 1)
        self.leases.wake("a")
        self.assertEqual(self.settle(), [(1, 1, 0), (2, 0, 0)])


class LimitTests(Base):
    def test_there_are_never_more_leases_than_places_and_everybody_gets_some(self) -> None:
        """Workers that want, use and give back at random, come and go."""
        for window in (1, 2, 3, 7):
            self.play(random.Random(window), window)

    def play(self, noise: random.Random, window: int) -> None:
        self.make(window)
        had, owed = {1: 0, 2: 0}, {1: 0, 2: 0}
        for _ in range(2000):
            self.now += noise.random()
            worker = noise.choice((1, 2))
            if self.held[worker] and owed[worker]:
                number = min(owed[worker], self.held[worker])
                self.held[worker] -= number
                self.leases.give_back(worker, "a", number)
                owed[worker] -= number
            elif noise.random() < 0.01:
                self.leases.left(worker)
                self.leases.joined(worker)
                self.held[worker] = owed[worker] = 0
            else:
                self.leases.want(worker, "a", self.held[worker] + noise.randrange(1, 4))
            for told, granted, recalled in self.settle():
                had[told] += granted
                owed[told] += recalled
            self.assertLessEqual(sum(self.held.values()), window)
            self.assertEqual(sum(self.held.values()), self.leases.held("a"))
            self.assertTrue(all(owed[each] <= self.held[each] for each in owed), (owed, self.held))
        self.assertGreater(min(had.values()), 20)
