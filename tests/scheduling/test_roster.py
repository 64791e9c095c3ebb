"""Every message, and where it stands; a wall clock that is set, forward or back, moves nothing."""

from __future__ import annotations

import math

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.scheduling.roster import LEAST_BULK, NOTHING_PRESSES, Entry, Pressing, Roster
from fopemta.scheduling.stages import Act, Event, Stage

DAY, YEAR = 86400.0, 365 * 86400.0
BOB, BELOW, CAROL = Mailbox("bob", "b.test"), Mailbox("bob", "sub.b.test"), Mailbox("carol", "c.test")


class PressingTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        domain, deep = Pressing(frozenset({"b.test"})), Pressing(frozenset({"@b.test"}))
        carol = Pressing(recipients=frozenset({"carol@c.test"}))
        for pressing, named in (
            (NOTHING_PRESSES, []),
            (domain, [BOB]),
            (deep, [BOB, BELOW]),
            (carol, [CAROL]),
            (domain | carol, [BOB, CAROL]),
        ):
            self.assertEqual([each for each in (BOB, BELOW, CAROL) if pressing.names(each)], named, pressing)
            self.assertEqual(bool(pressing), bool(named))


class Base(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.shift = 1_700_000_000.0
        self.roster = Roster(self.clock.seconds, self.now)

    def now(self) -> float:
        return self.clock.seconds() + self.shift

    def entry(self, message_id: str = "a", *events: Event, age: float = 0.0) -> Entry:
        """A message to which these have happened."""
        entry = self.roster.enter(message_id, self.now() - age, ("b.test",))
        for event in events:
            self.roster.happens(entry, event)
        return entry

    def reading(self, message_id: str) -> Entry:
        entry = self.entry(message_id, Event.RECOVERED)
        self.roster.set_moment(entry, self.now())
        self.roster.happens(entry, Event.DUE)
        return entry


class ClockTests(Base):
    def test_what_waits_is_not_moved(self) -> None:
        entry = self.entry("a", Event.RECOVERED)
        self.roster.set_moment(entry, self.now() + 60)
        for jump in (YEAR, -2 * YEAR, 5.0):
            self.shift += jump
            self.assertEqual(self.roster.wait(), 60)
            self.assertIsNone(self.roster.next_due())
        self.clock.advance(60)
        self.assertEqual((self.roster.wait(), self.roster.next_due()), (0, entry))
        self.assertIsNone(self.roster.wait())

    def test_what_does_not_wait_is_never_due(self) -> None:
        self.reading("a")
        self.assertIsNone(self.roster.next_due())

    def test_nobody_grows_old_or_young_at_once(self) -> None:
        entry, ahead = self.entry("a", Event.RECOVERED, age=100), self.entry("ahead", Event.RECOVERED, age=-DAY)
        for jump in (YEAR, -2 * YEAR):
            self.shift += jump
            self.assertEqual(self.now() - self.roster.born(entry), 100)
            self.assertEqual(self.now() - self.roster.born(ahead), 0)
        self.clock.advance(50)
        self.assertEqual(self.now() - self.roster.arrived("a", 0.0), 150)
        self.assertEqual(self.roster.arrived("other", 7.0), 7.0)

    def test_when_it_was_looked_at_last(self) -> None:
        entry = self.entry("a", Event.RECOVERED)
        self.assertEqual(self.roster.looked(entry), -math.inf)
        self.roster.put_off(entry, ("b.test",), False, True)
        self.clock.advance(50)
        self.shift += YEAR
        self.assertEqual(self.now() - self.roster.looked(entry), 50)

    def test_when_it_began_by_the_clock_as_it_is_now(self) -> None:
        self.assertEqual(self.roster.began, -math.inf)
        self.clock.advance(7)
        self.roster.begin()
        self.clock.advance(50)
        for jump in (0.0, YEAR, -2 * YEAR):
            self.shift += jump
            self.assertEqual(self.now() - self.roster.began, 50)


class StageTests(Base):
    def counts(self) -> dict[Stage, int]:
        return {stage: count for stage in Stage if (count := self.roster.count(stage))}

    def test_each_stands_at_one_stage_and_what_is_finished_is_forgotten(self) -> None:
        entry = self.entry("a", Event.ACCEPTED)
        self.entry("b", Event.NO_ROOM)
        self.entry("c", Event.RECOVERED_HELD)
        self.assertEqual(self.counts(), {Stage.BACKLOG: 1, Stage.HELD: 1, Stage.ACTIVE: 1})
        self.assertEqual((len(self.roster), self.roster.moving), (3, 2))
        self.assertIs(self.roster.happens(entry, Event.FINISHED), Act.FORGET)
        self.assertEqual((self.roster.get("a"), self.roster.moving), (None, 1))

    def test_only_one_that_may_is_given_to_be_tried(self) -> None:
        entry = self.reading("a")
        for event in (Event.DUE, Event.CALLED, Event.ORDERED, Event.ACCEPTED):
            self.assertIs(self.roster.happens(entry, event), Act.NOTHING, event)

    def test_the_backlog_goes_first_come_first_without_those_that_were_fetched(self) -> None:
        first, second, third = [self.entry(each, Event.NO_ROOM) for each in "abc"]
        self.roster.happens(second, Event.ORDERED)
        self.assertEqual([self.roster.next_in_backlog() for _ in range(3)], [first, third, None])

    def test_room_in_memory(self) -> None:
        small, large = self.reading("a"), self.reading("b")
        self.assertEqual(self.roster.bulk, 2 * LEAST_BULK)
        self.roster.weigh(small, 1)
        self.roster.weigh(large, 300)
        self.assertEqual(self.roster.bulk, 300 + LEAST_BULK)
        self.roster.happens(large, Event.READ)
        self.assertEqual(self.roster.bulk, 300 + LEAST_BULK)
        self.roster.happens(large, Event.LEFT)
        self.roster.happens(small, Event.VANISHED)
        self.assertEqual(self.roster.bulk, 0)

    def test_for_a_domain(self) -> None:
        entry, both = self.entry("a", Event.RECOVERED), self.entry("b", Event.RECOVERED)
        both.domains = ("b.test", "sub.b.test", "c.test")
        self.assertEqual(list(self.roster.of_domain("b.test")), [(entry, "b.test"), (both, "b.test")])
        self.assertEqual(list(self.roster.of_domain("*.b.test")), [(both, "sub.b.test")])

    def test_bound_once_is_bound(self) -> None:
        entry = self.entry("a", Event.ACCEPTED)
        for bound, wanted in ((False, False), (True, True), (False, True)):
            self.roster.put_off(entry, (), bound, True)
            self.assertIs(entry.bound, wanted)


class OwnerTests(Base):
    """Each stage has somebody who moves the message on; whom nobody moves on is found."""

    def lost(self, *queued: str) -> list[str]:
        return [entry.id for entry in self.roster.ownerless(queued)]

    def test_one_that_waits_has_a_moment(self) -> None:
        entry = self.entry("a", Event.RECOVERED)
        self.assertEqual(self.lost("a"), ["a"])
        self.roster.set_moment(entry, self.now() + 60)
        self.assertEqual(self.lost(), [])

    def test_the_backlog_has_its_line_and_what_is_held_needs_nobody(self) -> None:
        self.entry("a", Event.NO_ROOM)
        self.entry("b", Event.RECOVERED_HELD)
        self.assertEqual(self.lost(), [])
        self.roster._backlog.clear()
        self.assertEqual(self.lost(), ["a"])

    def test_what_is_in_memory_is_worked_on_or_waits_for_a_place(self) -> None:
        for events, has_place in (
            ((), False),
            ((Event.READ,), True),
            ((Event.READ_TO_OBEY,), False),
        ):
            self.setUp()
            entry = self.reading("a")
            for event in events:
                self.roster.happens(entry, event)
            self.assertEqual((self.lost(), self.lost("a")), (["a"], [] if has_place else ["a"]), events)
            entry.at_work = 1
            self.assertEqual(self.lost(), [])
