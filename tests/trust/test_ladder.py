"""Plans: level × lowest rung → rungs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Fallback
from fopemta.trust.ladder import Demand, plan_for, strictest
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung


class PlanTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        tls = ["strong256", "strong128", "compatible"]
        wanted = {}
        for lowest, count in (("strong256", 1), ("strong128", 2), ("compatible", 3), ("plain", 3)):
            wanted[Level.PLAIN, lowest] = ["plain"]
            wanted[Level.OPPORTUNISTIC, lowest] = [*tls[:count], "plain"]
            wanted[Level.ENCRYPT, lowest] = tls[:count]
            wanted[Level.AUTHENTICATED, lowest] = tls[:count]
        found = {
            (level, rung.value): [each.value for each in plan_for(level, Fallback.IMMEDIATE, rung, ("default",)).rungs]
            for level in Level
            for rung in Rung
        }
        self.assertEqual(found, wanted)

    def test_fallback_rides_along_and_changes_no_rung(self) -> None:
        # RULINGS 9: without STARTTLS plain text goes on at once; `fallback` is for failed handshakes alone.
        for fallback in Fallback:
            for level in Level:
                plan = plan_for(level, fallback, Rung.COMPATIBLE, ("default",))
                self.assertEqual(plan.rungs, plan_for(level, Fallback.IMMEDIATE, Rung.COMPATIBLE, ("x",)).rungs)
                self.assertIs(plan.fallback, fallback)
                self.assertEqual(plan.plain_allowed, level <= Level.OPPORTUNISTIC)

    def test_no_demand_at_all_is_a_bug(self) -> None:
        self.assertRaises(ValueError, strictest, [])

    def test_strictest_demand_wins_and_names_who_asked(self) -> None:
        demands = [Demand(Level.OPPORTUNISTIC, "default"), Demand(Level.AUTHENTICATED, "route")]
        self.assertEqual(strictest(demands), (Level.AUTHENTICATED, ("route",)))
        both = [Demand(Level.ENCRYPT, "route"), Demand(Level.ENCRYPT, "rule")]
        self.assertEqual(strictest(both), (Level.ENCRYPT, ("route", "rule")))

    def test_levels_are_ordered(self) -> None:
        self.assertEqual(
            [level.word for level in sorted(Level)], ["plain", "opportunistic", "encrypt", "authenticated"]
        )
        self.assertIs(Level.from_word("encrypt"), Level.ENCRYPT)
        self.assertRaises(KeyError, Level.from_word, "ENCRYPT")
