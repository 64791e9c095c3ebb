"""Fair shares, windows, rests and rates, on a simulated clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fopemta.retry.standing import FIRST_WINDOW, LONGEST_REST, SHORTEST_REST, Pacing, Standing
from fopemta.retry.standings import Standings, Turn
from fopemta.scheduling.destinations import CROWD, Destinations, Taken
from fopemta.scheduling.roster import LEAST_BULK
from fopemta.trust.verdict import VerdictRecord
from tests.retry.test_standing import DELIVERED, DROPPED, EXPIRED, REFUSED


class Base(SynchronousTestCase):
    """Destinations are words, loads numbers."""

    def setUp(self) -> None:
        self.now = 1000.0
        self.make()

    def make(self, places: int = 100, each: int = 20, rate: float = 0.0) -> None:
        self.places: Destinations[str, int] = Destinations(places, Pacing(each), rate)

    def add(self, destination: str, count: int, fresh: bool = True) -> None:
        for number in range(count):
            self.places.add(destination, number, fresh)

    def take(self) -> tuple[str, int] | None:
        taken = self.places.take(self.now)
        return None if taken is None else (taken.destination, taken.load)

    def take_all(self) -> list[Taken[str, int]]:
        return list(iter(lambda: self.places.take(self.now), None))

    def end(self, taken: Sequence[Taken[str, int]], *verdicts: VerdictRecord) -> list[Turn]:
        return [self.places.done(each, verdicts, self.now, 0.5) for each in taken]

    def serve(self, verdict: VerdictRecord) -> int:
        """Everything that may go now, ended alike; how many."""
        taken = self.take_all()
        self.end(taken, verdict)
        return len(taken)


class StalledTests(Base):
    """A server that has the message and does not answer."""

    def test_its_place_is_another_s(self) -> None:
        self.make(places=8, each=2)
        self.add("slow", 10)
        first, second = self.take_all()
        self.assertTrue(self.places.stall(first))
        self.assertEqual(self.take(), ("slow", 2))
        self.assertIsNone(self.take())
        # It is under way still, for who waits for the end of all.
        self.assertEqual((self.places.running, self.places.running_deferred), (3, 0))
        self.end([first], DELIVERED)
        self.assertEqual(self.places.running, 2)
        self.assertIsNone(self.take())
        self.end([second], DELIVERED)
        self.assertEqual(self.take(), ("slow", 3))

    def test_so_many_wait_so_in_all_and_of_one_destination(self) -> None:
        self.make(places=12, each=2)
        for destination in ("a", "b"):
            self.add(destination, 6)
        stalled, refused = [], []
        for _ in range(3):
            for each in self.take_all():
                (stalled if self.places.stall(each) else refused).append(each)
        self.assertEqual(Counter(each.destination for each in stalled), {"a": 2, "b": 1})
        self.assertEqual(Counter(each.destination for each in refused), {"a": 2, "b": 2})
        # One that is over makes room for one that waits in its place.
        self.end(stalled[:1], DELIVERED)
        self.assertEqual([self.places.stall(each) for each in refused[:2]].count(True), 1)
        self.assertFalse(self.places.stall(refused[-1]))

    def test_many_such_servers_do_not_keep_others_from_going(self) -> None:
        """Of twelve places three are left by the silent, and one destination has no more than its own."""
        self.make(places=12, each=4)
        self.add("silent", 20)
        taken = self.take_all()
        for _ in range(3):
            for each in taken:
                self.places.stall(each)
            taken += self.take_all()
        self.assertLessEqual(len(taken), 4 + 3)
        self.add("other", 2)
        self.assertEqual([self.take(), self.take()], [("other", 0), ("other", 1)])

    def test_deferred_mail_has_its_share_again(self) -> None:
        self.make(places=8)
        for number in range(8):
            self.add(f"old{number}", 1, fresh=False)
        before = self.take_all()
        self.assertEqual((len(before), self.places.running_deferred), (6, 6))
        self.assertTrue(self.places.stall(before[0]))
        self.assertEqual((self.take(), self.places.running_deferred), (("old6", 0), 6))
        self.end(before, DELIVERED)
        self.assertEqual((self.places.running, self.places.running_deferred), (1, 1))

    def test_nothing_is_kept_afterwards(self) -> None:
        self.make(places=4, each=1)
        self.add("a", 1)
        [taken] = self.take_all()
        self.assertTrue(self.places.stall(taken))
        self.end([taken], DELIVERED)
        self.assertEqual((self.places._lines, self.places._stalled), ({}, set()))
        self.add("a", 1)
        self.assertEqual(self.take(), ("a", 0))


class TurnTests(Base):
    def test_destinations_take_turns(self) -> None:
        self.add("a", 3)
        self.add("b", 1)
        self.assertEqual([self.take() for _ in range(5)], [("a", 0), ("b", 0), ("a", 1), ("a", 2), None])

    def test_a_slow_one_holds_up_no_other(self) -> None:
        self.make(each=2)
        self.add("slow", 100)
        self.assertEqual([self.take() for _ in range(2)], [("slow", 0), ("slow", 1)])
        self.assertIsNone(self.take())
        self.add("other", 1)
        self.assertEqual(self.take(), ("other", 0))

    def test_a_place_that_is_free_again_is_given_in_turn(self) -> None:
        self.make(each=2)
        self.add("slow", 100)
        taken = self.take_all()
        self.end(taken[:1], DELIVERED)
        self.assertEqual([self.take(), self.take()], [("slow", 2), None])

    def test_places_in_all(self) -> None:
        self.make(2, 2)
        for number in range(5):
            self.places.add(str(number), number)
        taken = self.take_all()
        self.assertEqual([each.load for each in taken], [0, 1])
        self.end(taken[:1], DELIVERED)
        self.assertEqual(self.take(), ("2", 2))
        self.assertEqual((self.places.running, self.places.waiting), (2, 2))

    def test_nothing_is_kept_of_who_is_done(self) -> None:
        self.make(5, 1)
        for number in range(100):
            self.places.add(str(number), 0, number % 2 == 0)
            self.serve(DELIVERED)
        kept: list[Any] = [self.places._lines, self.places._standings, self.places._asking, *self.places._turns]
        self.assertEqual([each for each in kept if each], [])

    def test_limits_can_change(self) -> None:
        self.add("a", 50)
        self.assertEqual(len(self.take_all()), FIRST_WINDOW)
        self.places.limit(100, Pacing(1), 0.0)
        self.add("b", 10)
        self.assertEqual(len(self.take_all()), 1)


class ShareTests(Base):
    """What does not answer, and what has not been tried, leaves places to others."""

    def answered(self, destination: str) -> None:
        self.add(destination, 1)
        self.assertEqual(self.serve(DELIVERED), 1)

    def test_two_silent_ones_do_not_take_every_place(self) -> None:
        self.make(places=10, each=10)
        for name in ("silent0", "silent1"):
            self.add(name, 50)
        held = Counter(each.destination for each in self.take_all())
        self.assertEqual(held, Counter({"silent0": 3, "silent1": 2}))
        self.add("other", 1)
        self.assertEqual(self.take(), ("other", 0))

    def test_places_are_kept_for_those_that_answer(self) -> None:
        self.make(places=8, each=2)
        self.answered("well")
        for number in range(20):
            self.add(f"silent{number}", 1)
        self.assertEqual(len(self.take_all()), 7)
        self.add("well", 1)
        self.assertEqual(self.take(), ("well", 0))

    def test_those_that_do_not_answer_have_few(self) -> None:
        self.make(places=8, each=1)
        names = [f"dead{number}" for number in range(8)]
        for name in names:
            self.add(name, 3)
        while not all(self.places.rests(name, self.now) for name in names):
            self.end(self.take_all(), REFUSED)
        self.now += 100
        self.places.over(self.now)
        probes = self.take_all()
        self.assertEqual(len(probes), 2)
        self.add("new", 1)
        self.assertEqual(self.take(), ("new", 0))
        self.end(probes, REFUSED)
        self.assertEqual(len(self.take_all()), 2)

    def test_held_back_ones_go_when_there_is_room(self) -> None:
        self.make(places=4, each=4)
        for number in range(10):
            self.add(f"new{number}", 2)
        gone: Counter[str] = Counter()
        for _ in range(50):
            taken = self.take_all()
            gone.update(each.destination for each in taken)
            self.end(taken, DELIVERED)
        self.assertEqual(gone, Counter({f"new{number}": 2 for number in range(10)}))
        self.assertEqual(self.places.waiting, 0)

    def test_operators_own_choice_counts_as_well_until_it_fails(self) -> None:
        self.places = Destinations(4, Pacing(1), named="route".__eq__)
        for number in range(5):
            self.add(f"silent{number}", 1)
        self.take_all()
        self.add("route", 2)
        taken = self.take_all()
        self.assertEqual([each.destination for each in taken], ["route"])
        self.assertFalse(self.places.pressed("route"))
        self.end(taken, REFUSED)
        self.assertTrue(self.places.pressed("route"))

    def test_whatever_happens_nothing_stands_still(self) -> None:
        """With nothing under way, what waits waits for a moment that is known."""
        for seed in range(60):
            self.random = random.Random(seed)
            self.make(places=self.random.choice((1, 2, 3, 4, 5, 8, 20)), each=self.random.choice((1, 2, 20)))
            self.wander()

    def wander(self) -> None:
        under_way: list[Taken[str, int]] = []
        for _ in range(150):
            what = self.random.random()
            if what < 0.4:
                self.add(f"d{self.random.randrange(12)}", self.random.randrange(1, 4), self.random.random() < 0.5)
            elif what < 0.9 and under_way:
                verdict = self.random.choice((DELIVERED, EXPIRED, REFUSED, REFUSED))
                self.end([under_way.pop(self.random.randrange(len(under_way)))], verdict)
            else:
                self.now += self.random.choice((1.0, 40.0))
                self.places.over(self.now)
            if self.random.random() < 0.1:
                self.places.limit(self.random.randrange(1, 10), Pacing(5), 0.0)
            under_way += self.take_all()
            self.check(under_way)
        for _ in range(10_000):
            self.end(under_way, DELIVERED)
            under_way = self.take_all()
            self.check(under_way)
            if not under_way:
                moment = self.places.next_moment()
                if moment is None:
                    break
                self.now = max(moment, self.now)
                self.places.over(self.now)
        self.assertEqual((self.places.waiting, self.places.running), (0, 0))

    def check(self, under_way: list[Taken[str, int]]) -> None:
        self.assertEqual(self.places.running, len(under_way))
        if self.places.waiting and not under_way:
            self.assertIsNotNone(self.places.next_moment())


class PressedTests(Base):
    def test_only_while_others_wait(self) -> None:
        self.make(places=4, each=4)
        self.add("silent", 10)
        self.take_all()
        self.assertFalse(self.places.pressed("silent"))
        self.add("other", 1)
        self.take_all()
        self.assertFalse(self.places.pressed("silent"))
        for name in ("third", "fourth"):
            self.add(name, 1)
        self.take_all()
        self.assertTrue(self.places.pressed("silent"))
        self.assertTrue(self.places.pressed("other"))

    def test_whose_own_mail_alone_waits_is_not(self) -> None:
        self.make(places=1, each=1)
        self.add("silent", 10)
        self.take_all()
        self.assertFalse(self.places.pressed("silent"))
        self.add("other", 1)
        self.assertTrue(self.places.pressed("silent"))

    def test_who_waits_no_more_presses_nobody(self) -> None:
        self.make(places=4, each=4)
        for name in ("silent", "other", "third", "fourth"):
            self.add(name, 1)
        self.take_all()
        self.assertTrue(self.places.pressed("silent"))
        self.places.empty("fourth")
        self.assertFalse(self.places.pressed("silent"))

    def test_only_what_is_unwanted_is_withdrawn(self) -> None:
        self.add("a", 3)
        self.add("b", 2)
        self.assertEqual(self.places.withdraw(lambda load: load == 1), [1, 1])
        self.assertEqual(self.places.waiting, 3)
        self.assertEqual([self.take() for _ in range(4)], [("a", 0), ("b", 0), ("a", 2), None])

    def test_a_woken_one_is_tried_at_once(self) -> None:
        self.make(places=4, each=1)
        self.add("dead", 2)
        self.end(self.take_all(), REFUSED)
        self.assertEqual(self.take_all(), [])
        self.places.wake("dead")
        self.assertEqual(self.take(), ("dead", 1))

    def test_one_that_answered_and_broke_off_last_is(self) -> None:
        self.make(places=1, each=1)
        for verdict, pressed in ((DELIVERED, False), (DROPPED, True)):
            self.add("well", 1)
            self.assertEqual(self.serve(verdict), 1)
            self.add("well", 1)
            taken = self.take_all()
            self.add("other", 1)
            self.assertEqual(self.places.pressed("well"), pressed, verdict)
            self.places.empty("other")
            self.end(taken, verdict)

    def test_one_that_answers_is_not(self) -> None:
        self.make(places=1, each=1)
        self.add("well", 2)
        self.assertEqual(self.serve(DELIVERED), 1)
        self.take_all()
        self.add("other", 1)
        self.assertFalse(self.places.pressed("well"))


class FreshTests(Base):
    def test_fresh_mail_has_places_that_a_full_deferred_queue_cannot_take(self) -> None:
        self.make(places=20, each=5)
        for number in range(100):
            self.add(f"dead{number}", 10, fresh=False)
        self.assertEqual(len(self.take_all()), 15)
        self.add("b", 1)
        self.assertEqual(self.take(), ("b", 0))

    def test_fresh_and_deferred_mail_take_turns(self) -> None:
        self.add("a", 3)
        self.add("b", 3, fresh=False)
        taken = [self.take() for _ in range(6)]
        self.assertEqual([each[0] for each in taken if each], ["a", "b"] * 3)

    def test_a_flood_of_fresh_mail_does_not_keep_the_deferred_from_going(self) -> None:
        self.make(places=2, each=2)
        self.add("a", 1000)
        self.add("b", 10, fresh=False)
        gone = []
        for _ in range(20):
            taken = self.take_all()
            gone += [each.destination for each in taken]
            self.end(taken, DELIVERED)
        self.assertEqual(gone.count("b"), 10)

    def test_one_place_serves_both(self) -> None:
        self.make(1, 1)
        self.add("b", 1, fresh=False)
        self.assertEqual(self.serve(DELIVERED), 1)


class RestTests(Base):
    def test_a_dead_destination_is_rested_and_probed_with_one(self) -> None:
        self.add("dead", 10_000, fresh=False)
        taken = self.take_all()
        self.assertEqual(len(taken), FIRST_WINDOW)
        # Three failures are enough; those that were under way change nothing more.
        turns = [Turn.NONE, Turn.NONE, Turn.RESTS, Turn.NONE, Turn.NONE]
        self.assertEqual(self.end(taken, REFUSED), turns)
        self.assertTrue(self.places.rests("dead", self.now))
        self.assertEqual(self.take_all(), [])
        # Much waits for it, so it is probed soon.
        self.assertEqual(self.places.next_moment(), self.now + SHORTEST_REST)
        self.now += SHORTEST_REST
        self.assertEqual(self.places.over(self.now), ["dead"])
        self.assertEqual(self.places.over(self.now), [])
        self.assertEqual(self.end(self.take_all(), REFUSED), [Turn.RESTS_ON])
        self.assertEqual(self.serve(REFUSED), 0)
        self.assertEqual(self.places.next_moment(), self.now + SHORTEST_REST)
        self.assertEqual(len(self.places.empty("dead")), 10_000 - 6)
        self.places.add("dead", 0)
        self.now += SHORTEST_REST
        self.places.over(self.now)
        self.assertEqual(self.end(self.take_all(), REFUSED), [Turn.RESTS_ON])
        self.assertEqual(self.places.next_moment(), self.now + 120)
        self.places.add("dead", 0)
        self.now += 120
        self.places.over(self.now)
        self.assertEqual(self.end(self.take_all(), DELIVERED), [Turn.ANSWERS])

    def test_C108_a_day_of_a_dead_destination_beside_good_ones(self) -> None:
        """One attempt a minute at most, however many wait, one at a time; and the good ones it costs nothing."""
        self.make(places=20, each=20)
        self.add("dead", 10_000, fresh=False)
        tried = 0
        for minute in range(24 * 60):
            self.places.over(self.now)
            self.add(f"good{minute % 7}", 3)
            self.add(f"well{minute % 5}", 3, fresh=False)
            taken = self.take_all()
            dead = [each for each in taken if each.destination == "dead"]
            self.assertLessEqual(len(dead), 1 if minute else FIRST_WINDOW)
            tried += len(dead)
            self.end(dead, REFUSED)
            good = [each for each in taken if each.destination != "dead"]
            self.end(good, DELIVERED)
            self.assertEqual(len(good), 6)
            self.now += 60
        self.assertGreater(tried, 24 * 60 * 0.8)

    def test_C108_a_day_of_a_dead_destination_with_little_mail(self) -> None:
        self.add("dead", 200, fresh=False)
        tried = 0
        for _ in range(24 * 60):
            self.places.over(self.now)
            dead = self.take_all()
            if len(dead) == 1:
                # What is left of it, as if the others had come to their end.
                self.places.empty("dead")
                self.add("dead", 2, fresh=False)
            tried += len(dead)
            self.end(dead, REFUSED)
            self.now += 60
        self.assertTrue(24 * 3600 / LONGEST_REST * 0.8 < tried < 150, tried)

    def test_one_that_comes_back_ramps_up(self) -> None:
        self.add("back", 100)
        self.serve(REFUSED)
        self.now += 30
        self.places.over(self.now)
        # After the probe it is as one that nothing is known of; then each answer adds one, up to the most.
        self.assertEqual([self.serve(DELIVERED) for _ in range(5)], [1, FIRST_WINDOW, 10, 20, 20])

    def test_one_that_is_known_to_be_back_is_woken(self) -> None:
        self.add("back", 10)
        self.serve(REFUSED)
        self.places.wake("back")
        self.assertIsNone(self.places.next_moment())
        self.assertEqual(self.serve(DELIVERED), FIRST_WINDOW)

    def test_an_answer_to_what_was_under_way_ends_the_rest(self) -> None:
        self.add("b", 10)
        taken = self.take_all()
        self.end(taken[:3], REFUSED)
        self.assertTrue(self.places.rests("b", self.now))
        self.end(taken[3:4], DELIVERED)
        self.assertFalse(self.places.rests("b", self.now))
        self.end(taken[4:], DELIVERED)
        self.assertEqual(self.serve(DELIVERED), 5)

    def test_bad_certificates_rest_nobody(self) -> None:
        self.add("b", 100)
        for _ in range(20):
            self.assertEqual(self.serve(EXPIRED), FIRST_WINDOW)

    def test_loads_of_one_that_rests_can_be_taken_out(self) -> None:
        self.add("dead", 10)
        self.add("dead", 10, fresh=False)
        self.serve(REFUSED)
        self.assertEqual((len(self.places.empty("dead")), self.places.waiting), (15, 0))
        self.assertEqual(self.places.empty("dead"), [])


class LineTests(Base):
    """Ids that wait to come into memory."""

    def line_up(self, destination: str, count: int) -> None:
        for number in range(count):
            self.places.line_up(destination, f"{destination}{number}", self.now)

    def called(self) -> list[str]:
        """All that are called now; they are being read from then on."""
        ids = []
        while (called := self.places.call(self.now)) is not None:
            ids.append(called[1])
            self.places.comes(called[0])
        return ids

    def test_one_that_is_open_is_fed_and_one_that_rests_only_probed(self) -> None:
        self.line_up("b", 100)
        self.assertEqual(len(self.called()), 2 * FIRST_WINDOW)
        for _ in range(2 * FIRST_WINDOW):
            self.places.came("b")
        self.add("b", 4)
        self.assertEqual(len(self.called()), 2 * FIRST_WINDOW - 4)
        for _ in range(2 * FIRST_WINDOW - 4):
            self.places.came("b")
        self.serve(REFUSED)
        for _ in range(2 * FIRST_WINDOW):
            self.places.came("b") if self.places._line("b").coming else None
        self.assertEqual(self.called(), [])
        self.now += 40
        self.assertEqual(self.places.over(self.now), ["b"])
        self.assertEqual(len(self.called()), 1)

    def test_first_come_first_called_and_destinations_take_turns(self) -> None:
        self.line_up("a", 2)
        self.line_up("b", 1)
        self.line_up("a", 1)  # once more, which moves it nowhere
        self.assertEqual(self.called(), ["a0", "b0", "a1"])
        self.assertIsNone(self.places.call(self.now))

    def test_what_was_read_in_vain_makes_room_for_the_next(self) -> None:
        self.line_up("a", 30)
        self.assertEqual(len(self.called()), 10)
        self.places.came("a")
        self.assertEqual(self.called(), ["a10"])

    def test_one_that_rests_whoever_found_it_out_is_called_when_that_is_over(self) -> None:
        standings = ToldStandings(Pacing(20))
        self.places = Destinations(100, Pacing(20), 0, standings)
        standings._standings["a"] = Standing(1, 1, self.now + 50)
        self.line_up("a", 2)
        self.assertEqual((self.called(), self.places.next_moment()), ([], self.now + 50))
        self.now += 50
        self.places.over(self.now)
        self.assertEqual(self.called(), ["a0"])

    def test_one_that_was_tried_in_vain_is_no_probe_but_goes_once_it_answers(self) -> None:
        self.add("a", 20)
        self.serve(REFUSED)
        self.places.empty("a")
        self.places.line_up_behind("a", "tried")
        self.places.line_up("a", "probe", self.now)
        self.now += 40
        self.assertEqual((self.places.over(self.now), self.called()), (["a"], ["probe"]))
        self.places.came("a")
        self.add("a", 1)
        self.assertEqual((self.serve(DELIVERED), self.called()), (1, ["tried"]))

    def test_of_those_that_were_tried_in_vain_only_so_much_is_kept(self) -> None:
        self.add("a", 20)
        self.serve(REFUSED)
        self.places.empty("a")
        for number in range(1500):
            self.places.line_up_behind("a", str(number))
        self.assertEqual((len(self.places._lines["a"].back), "1499" in self.places._lines["a"].back), (1000, True))
        self.now += 40
        self.places.over(self.now)
        self.places.line_up_behind("a", "late")
        self.assertEqual(self.places._lines, {})

    def test_a_share_of_the_room_for_each_once_there_is_a_crowd(self) -> None:
        for number in range(999):
            self.places.add("slow", number)
        self.assertEqual((self.places.crowd, self.places.takes("slow", self.now)), (False, True))
        self.places.add("slow", 999)
        self.assertEqual((self.places.crowd, self.places.takes("slow", self.now)), (True, False))
        self.assertTrue(self.places.takes("other", self.now))
        for number in range(500):
            self.assertTrue(self.places.takes("other", self.now))
            self.places.add("other", number)
        self.assertFalse(self.places.takes("other", self.now))

    def test_what_is_coming_counts_in_a_share(self) -> None:
        self.places.add("much", 0, bulk=CROWD)
        self.places.add("a", 0, bulk=CROWD // 2 - LEAST_BULK)
        self.assertTrue(self.places.takes("a", self.now))
        self.places.comes("a")
        self.assertFalse(self.places.takes("a", self.now))

    def test_where_memory_is_scarce_only_who_has_nothing_there_calls(self) -> None:
        self.add("under way", 1)
        self.take_all()
        self.add("waits", 1)
        self.places.comes("coming")
        for destination in ("under way", "waits", "coming", "nothing"):
            self.line_up(destination, 2)
        called = []
        while (each := self.places.call(self.now, scarce=True)) is not None:
            called.append(each[1])
            self.places.comes(each[0])
        self.assertEqual(called, ["nothing0"])

    def test_all_leave_their_lines(self) -> None:
        self.line_up("a", 2)
        self.line_up("b", 1)
        self.line_up("c", 1)
        self.places.line_up_behind("c", "c1")
        self.assertEqual(self.places.leave_lines(), {"a0", "a1", "b0", "c0", "c1"})
        self.assertEqual((self.called(), self.places._lines), ([], {}))


class ToldStandings(Standings[str]):
    """`changed` is what another process would have called."""

    def serve(self, busy: Callable[[str], int], changed: Callable[[str], None]) -> None:
        self.changed = changed


class RateTests(Base):
    def test_messages_a_minute(self) -> None:
        self.make(rate=6)
        self.add("a", 10)
        self.add("b", 1)
        went = []
        for _ in range(60):
            self.places.over(self.now)
            taken = self.take_all()
            went += [(self.now - 1000, each.destination) for each in taken]
            self.end(taken, DELIVERED)
            self.now += 1
        self.assertEqual(went, [(0, "a"), (0, "b"), *((float(moment), "a") for moment in range(10, 60, 10))])
        self.now += 1000
        self.places.over(self.now)
        self.assertEqual(self.serve(DELIVERED), 1)  # what was not used is not saved up

    def test_what_others_find_out_gives_nobody_more(self) -> None:
        standings = ToldStandings(Pacing(20))
        self.places = Destinations(100, Pacing(20), 6, standings)
        self.add("a", 5)
        self.assertEqual(len(self.take_all()), 1)
        for _ in range(5):
            standings.changed("a")
        self.assertEqual((self.take_all(), self.places.next_moment()), ([], self.now + 10))
        standings.wake("a")
        self.places.wake("a")
        self.assertEqual((self.take_all(), self.places.next_moment()), ([], self.now + 10))
        self.now += 10
        self.assertEqual(self.places.over(self.now), ["a"])
        self.assertEqual(len(self.take_all()), 1)

    def test_nothing_is_kept_of_who_is_done(self) -> None:
        self.make(rate=6)
        for number in range(80):
            self.add(str(number), 1)
        self.serve(DELIVERED)
        self.now += 60
        self.places.over(self.now)
        self.assertEqual((self.places._lines, self.places.next_moment()), ({}, None))
