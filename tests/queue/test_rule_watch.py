"""Exceptions that end soon are told of every day."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta import maillog
from fopemta.config.load import load
from fopemta.config.rules import load_rules
from fopemta.queue.rule_watch import INTERVAL, RuleWatch
from tests.config.test_load import SMALLEST

RULES = """
[[rule]]
name = "old server"
when = { recipients = ["d.test"] }
expires = 2027-01-01
owner = "ops"
reason = "replaced in December"
then = { action = "allow_weaker", level = "opportunistic" }
"""
DAY = 86_400.0
ENDS = 1_798_761_600.0  # 2027-01-01


class RuleWatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.config = attrs.evolve(load(SMALLEST, "/etc"), rulebook=load_rules(RULES, "/etc"))
        self.told: list[str] = []
        self.patch(maillog, "caution", lambda key, words: self.told.append(f"{key}: {words}"))

    def days(self, count: int, before: float) -> list[str]:
        self.clock.rightNow = ENDS - before
        watch = RuleWatch(self.clock, self.clock.seconds, lambda: self.config)
        watch.start()
        self.clock.pump([INTERVAL] * count)
        watch.stop()
        self.clock.advance(INTERVAL)
        return self.told

    def test_told_each_day_of_the_last_two_weeks_and_after(self) -> None:
        told: Any = self.days(18, 16 * DAY)
        self.assertEqual(len(told), 17)
        self.assertIn("(old server): ends at 2027-01-01 00:00 UTC", told[0])
        self.assertIn("has expired", told[-1])

    def test_nothing_is_told_where_nothing_ends(self) -> None:
        self.assertEqual(self.days(3, 60 * DAY), [])
        self.config = load(SMALLEST, "/etc")
        self.assertEqual(self.days(3, DAY), [])

    def test_what_is_in_force_counts(self) -> None:
        self.config = load(SMALLEST, "/etc")
        self.clock.rightNow = ENDS - 2 * DAY
        watch = RuleWatch(self.clock, self.clock.seconds, lambda: self.config)
        watch.start()
        self.config = attrs.evolve(self.config, rulebook=load_rules(RULES, "/etc"))
        self.clock.advance(INTERVAL)
        watch.stop()
        self.assertEqual(len(self.told), 1)
