"""The queues of all workers as one list."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from fopemta.interfaces import Portions, Unanswered
from fopemta.workers.fleet import PATIENCE
from fopemta.workers.listings import Listings
from fopemta.workers.one_listing import OneListing
from tests.workers.test_fleet import Base


class OneListingTests(Base):
    def setUp(self) -> None:
        super().setUp()
        self.one = OneListing(self.fleet)
        self.begin()

    def waits(self, number: int, places: Sequence[int]) -> None:
        """With that worker."""
        lines = [b"%05d" % place for place in places]
        self.process(number).duty.listings = Listings(self.reactor, lambda: iter(lines), lambda line: line.decode())

    def portion(self, portions: Portions, seconds: float = 0.0) -> list[int]:
        asked = portions()
        self.reactor.pass_time(seconds)
        return [int(line) for line in self.successResultOf(asked)]

    def whole(self, portions: Portions) -> list[list[int]]:
        found = []
        while portion := self.portion(portions):
            found.append(portion)
        return found

    def test_the_oldest_first_wherever_they_lie(self) -> None:
        tables: list[list[Sequence[int]]] = [
            [(), (), ()],
            [(1,), (), ()],
            [(3, 5), (1, 4), (2,)],
            [range(0, 3000, 3), range(1, 3000, 3), range(2, 3000, 3)],
            # One has all the old ones.
            [range(700), range(700, 1100), (350, 1200)],
            [range(200), range(200, 400), range(400, 401)],
        ]
        for table in tables:
            for number, places in enumerate(table, 1):
                self.waits(number, places)
            found = self.whole(self.one.portions())
            self.assertEqual(list(chain(*found)), sorted(chain(*table)))
            self.assertTrue(all(len(portion) == 200 for portion in found[:-1]))

    def test_lists_do_not_disturb_each_other(self) -> None:
        for number in (1, 2, 3):
            self.waits(number, range(number, 900, 3))
        one, other = self.one.portions(), self.one.portions()
        self.assertEqual([self.portion(each) for each in (one, other, one)], [
            list(range(1, 201)), list(range(1, 201)), list(range(201, 401)),
        ])  # fmt: skip

    def test_who_is_just_beginning_is_waited_for(self) -> None:
        for number in (1, 2):
            self.waits(number, [number])
        self.die(3)
        asked = self.one.portions()()
        self.reactor.pass_time(2)
        self.assertNoResult(asked)
        self.waits(3, [0])
        self.ready(3)
        self.reactor.pass_time(0.2)
        self.assertEqual(self.successResultOf(asked), [b"00000", b"00001", b"00002"])

    def test_who_begins_for_long_is_named(self) -> None:
        for number in (1, 2):
            self.waits(number, [number])
        self.die(3)
        asked = self.one.portions()()
        self.reactor.pass_time(16)
        words = "worker 3 is still beginning: its messages cannot be listed now"
        self.assertEqual(str(self.failureResultOf(asked, Unanswered).value), words)

    def test_a_list_without_the_messages_of_one_is_none(self) -> None:
        for number in (1, 2, 3):
            self.waits(number, range(number, 3000, 3))
        silent, dead = self.one.portions(), self.one.portions()
        for portions in (silent, dead):
            # Less than all have told at first.
            self.assertEqual([len(self.portion(portions)) for _ in range(2)], [200, 200])
        self.process(2).hangs = True
        asked = silent()
        self.reactor.pass_time(PATIENCE)
        words = "worker 2 does not answer: its messages cannot be listed now"
        self.assertEqual(str(self.failureResultOf(asked, Unanswered).value), words)
        # Another in its place does not know how far the list is.
        self.die(2)
        self.reactor.pass_time(1)
        self.waits(2, range(2, 900, 3))
        self.ready(2)
        asked = dead()
        self.reactor.settle()
        self.assertEqual(str(self.failureResultOf(asked, Unanswered).value), words)
