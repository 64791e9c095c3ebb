"""A worker's leases: asked for, kept between messages, given back in time; and several workers with one table."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Delivery
from fopemta.retry.leases import News
from fopemta.retry.standing import FIRST_WINDOW, Experience, Pacing, Standing
from fopemta.retry.standings import Turn
from fopemta.routing.route import Route, Via
from fopemta.routing.values import NextHop
from fopemta.trust.verdict import VerdictRecord
from fopemta.workers.leased import LINGER, LeasedStandings
from fopemta.workers.places import Places
from fopemta.workers.values import Met, Wishes
from tests.retry.test_standing import DELIVERED, DROPPED, EXPIRED, NO_DNS, REFUSED
from tests.workers.test_commands import CONFIG

HOP, OTHER = NextHop("bank.test", Route(domain="*")), NextHop("shop.test", Route(domain="*"))
MAILDIR = NextHop("us.test", Route(domain="us.test", via=Via.MAILDIR, maildir="/m"))
PACING = Pacing(20)
# As nothing is known of it; and so that an answer there is no news.
NEW, FULL = Standing(FIRST_WINDOW), Standing(20)
# A look is taken every half second: so long it may take beyond what was agreed.
LOOK = 0.5
# Such steps of time add up without a remainder.
STEP = 0.125


class Base(SynchronousTestCase):
    """One worker; the test is its supervisor, its queue and its connections."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.wishes: list[Wishes] = []
        self.busy: Counter[NextHop] = Counter()
        self.connections: Counter[NextHop] = Counter()
        self.ending: Counter[NextHop] = Counter()
        self.left: list[NextHop] = []
        self.changed: list[NextHop] = []
        self.standings = LeasedStandings(
            self.clock,
            PACING,
            self.wishes.append,
            lambda hop: self.connections[hop],
            lambda hop: self.ending[hop],
            self.leave,
        )
        self.standings.serve(lambda hop: self.busy[hop], self.changed.append)

    def leave(self, hop: NextHop) -> None:
        """Sessions that wait for more are said goodbye to; they stand until the server has answered."""
        self.left.append(hop)
        self.ending[hop] = self.connections[hop] - self.busy[hop]

    def close(self) -> None:
        """The server has answered in one of them."""
        self.connections[HOP] -= 1
        self.ending[HOP] -= 1
        self.standings.closed(HOP)

    def said(self, seconds: float = 0.0) -> list[Wishes]:
        """Since it was asked last, once so much time has gone by."""
        self.clock.pump([STEP] * round(seconds / STEP) or [0])
        said = list(self.wishes)
        self.wishes.clear()
        return said

    def told(self, granted: int = 0, recalled: int = 0, standing: Standing = FULL) -> None:
        self.standings.told([News(HOP, standing, granted, recalled)])

    def places(self, hop: NextHop = HOP) -> int:
        return self.standings.places(hop, self.clock.seconds())

    def deliver(self, number: int) -> None:
        """So many deliveries begin, each on a connection of its own."""
        self.busy[HOP] += number
        self.connections[HOP] = max(self.connections[HOP], self.busy[HOP])

    def end(self, *verdicts: VerdictRecord, more: bool = False) -> Turn:
        """One of them ends, and its session waits for more; `more`: something is left to do."""
        self.busy[HOP] -= 1
        now = self.clock.seconds()
        turn = self.standings.ended(HOP, verdicts or (DELIVERED,), now, now, 0.5)
        self.standings.used(HOP, more or self.busy[HOP] > 0)
        return turn

    def holds(self, leases: int) -> None:
        """From the start of a test: so many are held, and nothing was said before."""
        self.standings.lacks(HOP, leases)
        self.said()
        self.told(granted=leases)
        self.changed.clear()


class AskingTests(Base):
    def test_nothing_is_delivered_without_an_answer(self) -> None:
        self.assertEqual(self.places(), 0)
        self.standings.lacks(HOP, 3)
        self.assertEqual((self.places(), self.said()), (0, [Wishes(wants=((HOP, 3),))]))
        self.assertEqual((self.said(60), self.places(), self.changed), ([], 0, []))

    def test_it_has_as_many_places_as_it_is_granted(self) -> None:
        self.standings.lacks(HOP, 3)
        self.told(granted=2)
        self.assertEqual((self.places(), self.places(OTHER), self.changed), (2, 0, [HOP]))
        self.told(granted=1)
        self.assertEqual(self.places(), 3)

    def test_it_asks_once_per_turn_and_for_more_than_before_only(self) -> None:
        for waiting in (1, 2, 3, 2):
            self.standings.lacks(HOP, waiting)
        self.standings.lacks(OTHER, 1)
        self.assertEqual(self.said(), [Wishes(wants=((HOP, 3), (OTHER, 1)))])
        self.standings.lacks(HOP, 3)
        self.assertEqual(self.said(), [])
        self.standings.lacks(HOP, 4)
        self.assertEqual(self.said(), [Wishes(wants=((HOP, 4),))])

    def test_it_asks_for_what_it_holds_and_what_waits_and_never_for_more_than_the_window(self) -> None:
        self.holds(3)
        self.deliver(3)
        self.standings.lacks(HOP, 2)
        self.assertEqual(self.said(), [Wishes(wants=((HOP, 5),))])
        self.standings.lacks(HOP, 1000)
        self.assertEqual(self.said(), [Wishes(wants=((HOP, 20),))])
        self.standings.limit(Pacing(30))
        self.standings.lacks(HOP, 1000)
        self.assertEqual(self.said(), [Wishes(wants=((HOP, 30),))])

    def test_maildirs_are_its_own_business(self) -> None:
        self.assertEqual(self.places(MAILDIR), FIRST_WINDOW)
        self.standings.lacks(MAILDIR, 9)
        now = self.clock.seconds()
        self.assertEqual(self.standings.ended(MAILDIR, (DELIVERED,), now, now, 0.5), Turn.NONE)
        self.standings.used(MAILDIR, True)
        self.assertEqual((self.places(MAILDIR), self.said(60)), (FIRST_WINDOW + 1, []))
        self.standings.wake(MAILDIR)
        self.assertEqual((self.places(MAILDIR), self.said(60)), (FIRST_WINDOW, []))
        self.standings.limit(Pacing(2))
        self.assertEqual(self.places(MAILDIR), 2)


class KeepingTests(Base):
    def test_leases_are_kept_from_message_to_message(self) -> None:
        self.holds(2)
        for _ in range(20):
            self.deliver(1)
            self.assertEqual(self.said(1), [])
            self.end()
            self.assertEqual(self.said(2), [])
        self.assertEqual((self.places(), self.left), (2, []))

    def test_three_seconds_after_its_last_use_all_go_back_when_their_sessions_are_closed(self) -> None:
        self.holds(3)
        self.deliver(2)
        self.end()
        self.end()
        self.assertEqual((self.said(LINGER - STEP), self.left), ([], []))
        # The third has no session: it goes at once.
        self.assertEqual((self.said(STEP + LOOK), self.left), ([Wishes(returns=((HOP, 1),))], [HOP]))
        self.assertEqual((self.said(60), self.places()), ([], 0))
        self.close()
        self.close()
        self.assertEqual(self.said(), [Wishes(returns=((HOP, 2),))])
        self.assertEqual((self.places(), self.clock.getDelayedCalls()), (0, []))

    def test_those_that_were_never_used_go_back_after_the_same_time(self) -> None:
        self.holds(3)
        self.assertEqual(self.said(LINGER - STEP), [])
        self.assertEqual(self.said(STEP + LOOK), [Wishes(returns=((HOP, 3),))])
        self.assertEqual((self.left, self.places(), self.clock.getDelayedCalls()), ([], 0, []))

    def test_none_goes_back_while_a_delivery_is_under_way(self) -> None:
        self.holds(3)
        self.deliver(1)
        self.assertEqual((self.said(60), self.left), ([], []))
        self.end()
        self.assertEqual(self.said(LINGER - STEP), [])

    def test_what_was_left_to_do_and_has_been_withdrawn_keeps_none_for_longer(self) -> None:
        self.holds(1)
        self.deliver(1)
        self.end(more=True)
        self.assertEqual((self.said(LINGER - STEP), self.places()), ([], 1))
        self.assertEqual((self.said(STEP + LOOK), self.left), ([], [HOP]))
        self.close()
        self.assertEqual((self.said(), self.places()), ([Wishes(returns=((HOP, 1),))], 0))

    def test_a_session_that_is_used_again_in_time_keeps_its_lease(self) -> None:
        self.holds(1)
        self.deliver(1)
        self.end()
        self.said(LINGER - STEP)
        self.deliver(1)
        self.assertEqual((self.said(60), self.left), ([], []))
        self.end()
        self.assertEqual(self.said(LINGER - STEP), [])
        self.assertEqual((self.said(STEP + LOOK), self.left), ([], [HOP]))
        self.close()
        self.assertEqual(self.said(), [Wishes(returns=((HOP, 1),))])

    def test_what_has_gone_back_is_asked_for_again(self) -> None:
        self.holds(1)
        self.said(10)
        self.assertEqual(self.changed, [HOP])
        self.standings.lacks(HOP, 1)
        self.assertEqual(self.said(), [Wishes(wants=((HOP, 1),))])
        self.told(granted=1)
        self.assertEqual(self.places(), 1)

    def test_a_session_that_is_about_to_be_closed_takes_the_place_of_a_delivery(self) -> None:
        self.holds(2)
        self.deliver(2)
        self.end()
        self.leave(HOP)
        self.assertEqual(self.places(), 1)
        self.changed.clear()
        self.close()
        self.assertEqual((self.places(), self.changed), (2, [HOP]))

    def test_connections_elsewhere_are_nobodys_business(self) -> None:
        self.standings.closed(OTHER)
        self.assertEqual((self.changed, self.said()), ([], []))


class RecallTests(Base):
    def test_what_another_lacks_goes_back_at_once(self) -> None:
        self.holds(3)
        self.told(recalled=2)
        self.assertEqual((self.said(), self.places()), ([Wishes(returns=((HOP, 2),))], 1))

    def test_what_is_in_use_goes_back_as_deliveries_end(self) -> None:
        self.holds(3)
        self.deliver(3)
        self.told(recalled=2)
        self.assertEqual((self.said(60), self.places()), ([], 1))
        self.end()
        self.assertEqual((self.said(), self.left), ([], [HOP]))
        self.close()
        self.assertEqual(self.said(), [Wishes(returns=((HOP, 1),))])
        self.end()
        self.close()
        self.assertEqual((self.said(), self.places()), ([Wishes(returns=((HOP, 1),))], 1))

    def test_an_idle_session_is_left_for_it_and_a_free_lease_needs_none(self) -> None:
        self.holds(3)
        self.deliver(1)
        self.end()
        self.told(recalled=1)
        self.assertEqual((self.said(), self.left), ([Wishes(returns=((HOP, 1),))], []))
        self.told(recalled=2)
        self.assertEqual((self.said(), self.left), ([Wishes(returns=((HOP, 1),))], [HOP]))
        self.close()
        self.assertEqual(self.said(), [Wishes(returns=((HOP, 1),))])

    def test_who_has_given_back_and_has_more_to_do_asks_again(self) -> None:
        self.holds(1)
        self.deliver(1)
        self.told(recalled=1)
        self.standings.lacks(HOP, 5)
        self.said()
        self.end(more=True)
        self.changed.clear()
        self.close()
        self.assertIn(HOP, self.changed)
        self.standings.lacks(HOP, 5)
        self.assertEqual(self.said(), [Wishes(wants=((HOP, 5),), returns=((HOP, 1),))])

    def test_what_is_owed_is_not_counted_among_what_it_holds(self) -> None:
        self.holds(3)
        self.deliver(3)
        self.told(recalled=2)
        self.standings.lacks(HOP, 4)
        self.assertEqual(self.said(), [Wishes(wants=((HOP, 5),))])

    def test_a_wish_from_before_it_gave_back_counts_no_more(self) -> None:
        self.holds(1)
        self.standings.lacks(HOP, 5)
        self.told(recalled=1)
        # Who has something to do is told that it is gone, and wishes anew.
        self.assertEqual((self.said(), self.changed), ([Wishes(returns=((HOP, 1),))], [HOP, HOP]))

    def test_a_recall_of_what_has_gone_back_already_is_harmless(self) -> None:
        """The two have crossed."""
        self.holds(2)
        self.said(10)
        self.told(recalled=1)
        self.assertEqual((self.said(60), self.places()), ([], 0))
        self.told(granted=2)
        self.assertEqual(self.places(), 2)


class StandingTests(Base):
    def test_it_knows_what_it_was_told(self) -> None:
        resting = Standing(1, 2, self.clock.seconds() + 30, REFUSED)
        self.assertEqual(self.standings.of(HOP), NEW)
        self.told(standing=resting)
        self.assertEqual((self.standings.of(HOP), self.changed), (resting, [HOP]))

    def test_who_rests_has_no_places_and_a_lease_then_is_the_probes(self) -> None:
        resting = Standing(1, 1, self.clock.seconds() + 30, REFUSED)
        self.told(granted=1, standing=resting)
        self.deliver(1)
        self.assertEqual(self.places(), 0)
        self.clock.advance(30)
        self.assertEqual(self.places(), 1)

    def test_only_what_changes_the_standing_is_told_and_its_cause_only_for_a_failure(self) -> None:
        now = self.clock.seconds()
        resting, probing = Standing(1, 1, now + 9, REFUSED), Standing(1, 1, now - 9, REFUSED)
        table: dict[tuple[Standing, VerdictRecord], Met | None] = {
            (FULL, DELIVERED): None,
            (FULL, EXPIRED): None,
            (FULL, NO_DNS): None,
            (FULL, DROPPED): Met(HOP, Experience.BROKEN, DROPPED, now, now),
            (FULL, REFUSED): Met(HOP, Experience.AWAY, REFUSED, now, now),
            (NEW, DELIVERED): Met(HOP, Experience.ANSWERED, None, now, now),
            (resting, REFUSED): None,
            (resting, NO_DNS): None,
            (resting, DELIVERED): Met(HOP, Experience.ANSWERED, None, now, now),
            (probing, NO_DNS): Met(HOP, Experience.NOTHING, None, now, now),
            (probing, EXPIRED): Met(HOP, Experience.THERE, None, now, now),
            (probing, DROPPED): Met(HOP, Experience.BROKEN, DROPPED, now, now),
            (probing, REFUSED): Met(HOP, Experience.AWAY, REFUSED, now, now),
        }
        self.holds(1)
        for (standing, verdict), met in table.items():
            self.told(standing=standing)
            turn = self.standings.ended(HOP, (verdict,), now, now, 0.5)
            said = [each for wishes in self.said() for each in wishes.met]
            # What becomes of it is known when the supervisor has said so; but what rests then is not tried before.
            wanted = [] if met is None else [met]
            self.assertEqual((turn, said), (Turn.NONE, wanted), (standing, verdict))
            rests = standing is probing and verdict is not EXPIRED
            after = self.standings.of(HOP)
            self.assertEqual((after != standing, self.places() == 0), (rests, rests or standing is resting))

    def test_a_probe_in_vain_is_the_only_one(self) -> None:
        self.told(granted=1, standing=Standing(1, 1, self.clock.seconds() - 1, REFUSED))
        self.deliver(1)
        self.end(REFUSED, more=True)
        self.assertEqual(self.places(), 0)
        [wishes] = self.said()
        self.assertEqual([each.met for each in wishes.met], [Experience.AWAY])
        # The supervisor knows better: meanwhile another worker's mail was taken there.
        self.told(standing=Standing(1, 1))
        self.assertEqual(self.places(), 1)

    def test_what_was_met_together_is_told_together_and_in_order(self) -> None:
        self.holds(2)
        self.deliver(2)
        self.end(REFUSED)
        self.end(DROPPED)
        [wishes] = self.said()
        self.assertEqual([each.met for each in wishes.met], [Experience.AWAY, Experience.BROKEN])

    def test_a_delivery_without_a_verdict_has_met_nothing(self) -> None:
        self.holds(1)
        now = self.clock.seconds()
        self.assertEqual((self.standings.ended(HOP, (), now, now, 0.5), self.said()), (Turn.NONE, []))

    def test_who_is_woken_is_as_new_and_the_others_are_told(self) -> None:
        self.standings.wake(HOP)
        self.assertEqual(self.said(), [])
        self.told(standing=Standing(1, 1, self.clock.seconds() + 30, REFUSED))
        self.standings.wake(HOP)
        self.assertEqual((self.standings.of(HOP), self.said()), (NEW, [Wishes(woken=(HOP,))]))

    def test_of_a_sound_one_nothing_is_kept_when_its_leases_are_gone(self) -> None:
        grown, shrunk = Standing(9.0), Standing(2.0)
        for standing, kept in ((grown, NEW), (shrunk, shrunk)):
            self.told(granted=1, standing=standing)
            self.assertEqual(self.standings.of(HOP), standing)
            self.said(10)
            self.assertEqual(self.standings.of(HOP), kept)

    def test_the_oldest_are_forgotten_beyond_a_bound(self) -> None:
        resting = Standing(1, 1, self.clock.seconds() + 30, REFUSED)
        hops = [NextHop(f"d{number}.test", HOP.route) for number in range(10_001)]
        self.standings.told([News(each, resting) for each in hops])
        self.assertEqual([self.standings.of(each) for each in (hops[0], hops[1], hops[-1])], [NEW, resting, resting])


@attrs.define(eq=False)
class Worker:
    """One of several, with a queue for one destination: each delivery takes a moment, each session lingers."""

    number: int
    clock: Clock
    noise: random.Random
    waiting: int = 0
    busy: int = 0
    idle: int = 0
    closing: int = 0
    done: int = 0
    dead: bool = False
    # On its way to the supervisor, and from there.
    mail: deque[Callable[[], None]] = attrs.Factory(deque)
    standings: LeasedStandings = attrs.field(init=False)

    def begin(self, say: Callable[[Wishes], None], pacing: Pacing) -> None:
        self.standings = LeasedStandings(
            self.clock, pacing, say, lambda _: self.busy + self.idle + self.closing, lambda _: self.closing,
            lambda _: self.leave(),
        )  # fmt: skip
        self.standings.serve(lambda _: self.busy, lambda _: self.take())

    @property
    def connections(self) -> int:
        return self.busy + self.idle + self.closing

    def add(self, number: int) -> None:
        self.waiting += number
        self.take()

    def take(self) -> None:
        if self.dead:
            return
        while self.waiting and self.busy < self.standings.places(HOP, self.clock.seconds()):
            self.waiting -= 1
            self.busy += 1
            self.idle = max(self.idle - 1, 0)
            self.clock.callLater(self.noise.uniform(0.01, 0.3), self.delivered)
        if self.waiting:
            self.standings.lacks(HOP, self.waiting)

    def delivered(self) -> None:
        if self.dead:
            return
        self.busy -= 1
        self.idle += 1
        self.done += 1
        now = self.clock.seconds()
        self.standings.ended(HOP, (DELIVERED,), now, now, 0.5)
        self.standings.used(HOP, bool(self.busy or self.waiting))
        self.take()

    def leave(self) -> None:
        for _ in range(self.idle):
            self.idle -= 1
            self.closing += 1
            self.clock.callLater(self.noise.uniform(0.01, 0.2), self.closed)

    def closed(self) -> None:
        if self.dead:
            return
        self.closing -= 1
        self.standings.closed(HOP)


class TogetherTests(SynchronousTestCase):
    """Workers and the table, with everything under way between them for a moment."""

    def setUp(self) -> None:
        self.clock, self.noise = Clock(), random.Random(11)
        self.workers: dict[int, Worker] = {}

    def begin(self, window: int, count: int) -> None:
        config = attrs.evolve(CONFIG, delivery=Delivery(connections_per_destination=window))
        self.window = window
        self.places = Places(config, self.clock, self.noise, self.tell)
        self.pacing = Pacing.of(config.delivery.connections_per_destination, config.retry)
        for number in range(1, count + 1):
            self.join(number)

    def join(self, number: int) -> None:
        worker = self.workers[number] = Worker(number, self.clock, self.noise)
        worker.begin(partial(self.say, worker), self.pacing)
        worker.standings.told(self.places.joined(number))

    def say(self, worker: Worker, wishes: Wishes) -> None:
        self.later(worker, partial(self.places.said, worker.number, wishes))

    def tell(self, number: int, news: Sequence[News[NextHop]]) -> None:
        worker = self.workers[number]
        self.later(worker, partial(worker.standings.told, news))

    def later(self, worker: Worker, call: Callable[[], None]) -> None:
        """In order, and not at once; nothing comes from or to the dead."""

        def arrive() -> None:
            if not worker.dead:
                worker.mail.popleft()()

        worker.mail.append(call)
        self.clock.callLater(0.02, arrive)

    def die(self, number: int) -> None:
        worker = self.workers[number]
        worker.dead = True
        worker.busy = worker.idle = worker.closing = 0
        self.places.left(number)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.clock.advance(0.01)
            self.assertLessEqual(sum(each.connections for each in self.workers.values()), self.window)

    def done(self, numbers: Iterable[int]) -> list[int]:
        return [self.workers[number].done for number in numbers]

    def test_there_are_never_more_connections_than_places_and_all_get_some(self) -> None:
        for window, count in ((1, 3), (2, 2), (3, 4), (8, 2)):
            self.setUp()
            self.begin(window, count)
            for worker in self.workers.values():
                worker.add(1000)
            self.pass_time(30)
            done = self.done(range(1, count + 1))
            self.assertGreater(min(done), max(done) / 3, (window, done))

    def test_all_is_delivered_and_every_lease_goes_back(self) -> None:
        self.begin(3, 3)
        for _ in range(60):
            self.workers[self.noise.randrange(1, 4)].add(self.noise.randrange(4))
            self.pass_time(self.noise.choice((0.05, 0.5, 4.0)))
        self.pass_time(60)
        added = [(each.waiting, each.connections) for each in self.workers.values()]
        self.assertEqual(added, [(0, 0)] * 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_leases_of_a_dead_worker_serve_the_others_and_its_successor_has_none(self) -> None:
        self.begin(2, 2)
        for number in (1, 2):
            self.workers[number].add(1000)
        self.pass_time(5)
        self.die(1)
        before = self.workers[2].done
        self.pass_time(5)
        self.assertGreater(self.workers[2].done, before)
        self.join(1)
        self.workers[1].add(1000)
        self.pass_time(5)
        self.assertGreater(self.workers[1].done, 0)

    def test_without_a_supervisor_nothing_is_begun(self) -> None:
        """A lost pair: nothing that is said is heard, and a lease that was asked for never comes."""
        self.begin(2, 1)
        worker = self.workers[1]
        worker.begin(lambda _: None, self.pacing)
        worker.add(5)
        self.pass_time(60)
        self.assertEqual((worker.done, worker.waiting, worker.connections), (0, 5, 0))
