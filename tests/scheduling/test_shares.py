"""How places are shared out by what is known of destinations."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.scheduling.shares import Answering, Health, HeldBack, Shares

WELL, UNTRIED, ILL = Health.WELL, Health.UNTRIED, Health.ILL


def filled(places: int, health: Health, busy: int = 0) -> int:
    """How many places destinations of one health get, each with `busy` already."""
    shares, taken = Shares(places), 0
    while shares.allow(health, busy):
        shares.take(health)
        taken += 1
    return taken


class SharesTests(SynchronousTestCase):
    def test_how_many_each_kind_gets(self) -> None:
        wanted = {
            # places: well, untried, ill; untried and ill where each has one already
            1: (1, 1, 1, 0, 0),
            2: (2, 2, 1, 1, 1),
            3: (3, 3, 1, 1, 1),
            4: (4, 3, 1, 2, 1),
            10: (10, 9, 2, 5, 2),
            16: (16, 14, 4, 8, 4),
            200: (200, 175, 50, 100, 50),
        }
        found = {
            places: (
                filled(places, WELL, 3), filled(places, UNTRIED), filled(places, ILL),
                filled(places, UNTRIED, 1), filled(places, ILL, 1),
            )
            for places in wanted
        }  # fmt: skip
        self.assertEqual(found, wanted)

    def test_ill_and_untried_together_leave_some_to_the_well(self) -> None:
        shares = Shares(16)
        for health in [ILL] * 4 + [UNTRIED] * 10:
            self.assertTrue(shares.allow(health, 0))
            shares.take(health)
        self.assertEqual([shares.allow(each, 0) for each in (ILL, UNTRIED, WELL)], [False, False, True])
        self.assertFalse(shares.full)
        for _ in range(2):
            shares.take(WELL)
        self.assertTrue(shares.full)
        self.assertFalse(shares.allow(WELL, 0))

    def test_place_given_back(self) -> None:
        shares = Shares(4)
        shares.take(ILL)
        self.assertFalse(shares.allow(ILL, 0))
        shares.give_back(ILL)
        self.assertTrue(shares.allow(ILL, 0))

    def test_other_limits(self) -> None:
        shares = Shares(4)
        for _ in range(3):
            shares.take(UNTRIED)
        self.assertFalse(shares.allow(UNTRIED, 0))
        shares.limit(8)
        self.assertTrue(shares.allow(UNTRIED, 0))
        shares.limit(2)
        self.assertTrue(shares.full)


class AnsweringTests(SynchronousTestCase):
    def test_last_try_counts(self) -> None:
        answering: Answering[str] = Answering()
        answering.note("a", True)
        answering.note("b", False)
        self.assertEqual([each in answering for each in "abc"], [True, False, False])
        answering.note("a", False)
        self.assertNotIn("a", answering)

    def test_memory_is_bounded_and_the_oldest_goes(self) -> None:
        answering: Answering[int] = Answering()
        for number in range(10_000):
            answering.note(number, True)
        answering.note(0, True)
        answering.note(10_000, True)
        self.assertEqual([each in answering for each in (0, 1, 2, 10_000)], [True, False, True, True])


class HeldBackTests(SynchronousTestCase):
    def test_only_who_may_go_in_turn(self) -> None:
        shares, held = Shares(4), HeldBack[str]()
        held.add("ill", ILL, 0)
        held.add("one", UNTRIED, 0)
        held.add("two", UNTRIED, 0)
        held.add("more", UNTRIED, 2)
        shares.take(ILL)
        shares.take(UNTRIED)
        self.assertEqual([held.next(shares) for _ in range(3)], ["one", "two", None])
        self.assertTrue(held)
        shares.give_back(ILL)
        self.assertEqual([held.next(shares) for _ in range(3)], ["ill", "more", None])
        self.assertFalse(held)

    def test_kinds_take_turns(self) -> None:
        shares, held = Shares(100), HeldBack[str]()
        for number in range(2):
            held.add(f"new{number}", UNTRIED, 0)
            held.add(f"ill{number}", ILL, 0)
        self.assertEqual([held.next(shares) for _ in range(4)], ["new0", "ill0", "new1", "ill1"])

    def test_who_waits_no_more_is_forgotten(self) -> None:
        held: HeldBack[str] = HeldBack()
        held.add("a", ILL, 0)
        held.add("a", UNTRIED, 1)
        held.drop("a")
        held.drop("b")
        self.assertFalse(held)

    def test_others(self) -> None:
        held: HeldBack[str] = HeldBack()
        self.assertFalse(held.others("a"))
        held.add("a", ILL, 0)
        held.add("a", ILL, 0)
        self.assertEqual([held.others(each) for each in "ab"], [False, True])
        held.add("b", UNTRIED, 0)
        self.assertTrue(held.others("a"))
