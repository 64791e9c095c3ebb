"""The supervisor's table: what workers wish of it, what they are told, and when."""

from __future__ import annotations

import random
from collections.abc import Sequence

import attrs
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Delivery
from fopemta.retry.leases import News
from fopemta.retry.settings import Retry
from fopemta.retry.standing import FIRST_WINDOW, Experience, Standing
from fopemta.routing.route import Route
from fopemta.routing.values import NextHop
from fopemta.workers.places import Places
from fopemta.workers.values import Met, Wishes
from tests.retry.test_standing import REFUSED
from tests.workers.test_commands import CONFIG

HOP, OTHER = NextHop("bank.test", Route(domain="*")), NextHop("shop.test", Route(domain="*"))


class Middle(random.Random):
    """Every rest is as long as it is meant to be."""

    def random(self) -> float:
        return 0.5


class Base(SynchronousTestCase):
    """Workers 1 and 2, and `window` places at most."""

    window = 4

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.config = attrs.evolve(CONFIG, delivery=Delivery(connections_per_destination=self.window), retry=Retry())
        self.new = Standing(min(self.window, FIRST_WINDOW))
        self.all: list[tuple[int, list[News[NextHop]]]] = []
        self.places = Places(self.config, self.clock, Middle(), self.tell)
        for worker in (1, 2):
            self.assertEqual(self.places.joined(worker), ())
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def tell(self, worker: int, news: Sequence[News[NextHop]]) -> None:
        self.all.append((worker, list(news)))

    def told(self, seconds: float = 0.0) -> list[tuple[int, list[News[NextHop]]]]:
        """What has been told since, once so much time has gone by."""
        self.clock.pump([0.05] * round(seconds / 0.05) or [0])
        told, self.all = self.all, []
        return told

    def want(self, worker: int, number: int, destination: NextHop = HOP) -> None:
        self.places.said(worker, Wishes(wants=((destination, number),)))

    def give_back(self, worker: int, number: int, want: int = 0) -> None:
        wants = ((HOP, want),) if want else ()
        self.places.said(worker, Wishes(wants=wants, returns=((HOP, number),)))

    def met(self, worker: int, met: Experience) -> None:
        cause, now = REFUSED if met is Experience.AWAY else None, self.clock.seconds()
        self.places.said(worker, Wishes(met=(Met(HOP, met, cause, now, now),)))

    def grants(self, seconds: float = 0.0) -> list[tuple[int, int, int]]:
        """(worker, granted, recalled) at the one destination."""
        return [(worker, each.granted, each.recalled) for worker, news in self.told(seconds) for each in news]


class TellingTests(Base):
    def test_answers_are_given_once_per_turn_and_each_worker_has_one(self) -> None:
        self.want(1, 2)
        self.want(1, 1, OTHER)
        self.want(2, 1)
        self.assertEqual(self.all, [])
        self.assertEqual(
            self.told(),
            [(1, [News(HOP, self.new, 2), News(OTHER, self.new, 1)]), (2, [News(HOP, self.new, 1)])],
        )
        self.assertEqual((self.told(10), self.clock.getDelayedCalls()), ([], []))

    def test_what_is_given_back_in_the_same_breath_is_given_first(self) -> None:
        self.want(1, 4)
        self.assertEqual(self.grants(), [(1, 4, 0)])
        self.give_back(1, 4, want=1)
        self.assertEqual(self.grants(), [(1, 1, 0)])
        self.want(2, 3)
        self.assertEqual(self.grants(), [(2, 3, 0)])

    def test_nobody_is_told_when_all_has_stopped(self) -> None:
        self.want(1, 1)
        self.places.stop()
        self.places.stop()
        self.assertEqual((self.told(10), self.clock.getDelayedCalls()), ([], []))

    def test_while_somebody_waits_it_is_looked_at_again_and_afterwards_not(self) -> None:
        self.want(1, 4)
        self.want(2, 4)
        self.assertEqual(self.grants(), [(1, 2, 0), (2, 2, 0)])
        [call] = self.clock.getDelayedCalls()
        self.assertAlmostEqual(call.getTime(), self.clock.seconds() + 0.25)
        self.give_back(1, 2)
        self.assertEqual(self.grants(), [(2, 2, 0)])
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ShareTests(Base):
    def test_who_comes_later_gets_his_share_when_the_first_gives_it_back(self) -> None:
        self.want(1, 4)
        self.assertEqual(self.grants(), [(1, 4, 0)])
        self.want(2, 9)
        self.assertEqual(self.grants(5), [(1, 0, 2)])
        self.give_back(1, 2)
        self.assertEqual(self.grants(5), [(2, 2, 0)])

    def test_a_dead_workers_leases_are_free_at_once(self) -> None:
        self.want(1, 4)
        self.want(2, 4)
        self.assertEqual(self.grants(), [(1, 2, 0), (2, 2, 0)])
        self.places.left(1)
        self.assertEqual(self.grants(), [(2, 2, 0)])

    def test_a_dead_worker_is_told_nothing_and_wishes_nothing(self) -> None:
        self.want(1, 1)
        self.places.left(1)
        self.assertEqual(self.grants(), [])
        self.met(2, Experience.AWAY)
        self.met(2, Experience.AWAY)
        self.met(2, Experience.AWAY)
        self.assertEqual([worker for worker, _ in self.told()], [2])

    def test_other_limits_count_at_once(self) -> None:
        self.want(1, 4)
        self.grants()
        self.places.reconfigure(attrs.evolve(self.config, delivery=Delivery(connections_per_destination=9)))
        self.want(1, 9)
        self.assertEqual(self.grants(), [(1, FIRST_WINDOW - 4, 0)])


class TurnsTests(Base):
    window = 1

    def test_with_fewer_places_than_workers_each_has_it_for_a_second(self) -> None:
        self.want(1, 5)
        self.want(2, 5)
        self.assertEqual(self.grants(), [(1, 1, 0)])
        self.assertEqual(self.grants(0.9), [])
        self.assertEqual(self.grants(0.4), [(1, 0, 1)])
        self.give_back(1, 1, want=5)
        self.assertEqual(self.grants(), [(2, 1, 0)])
        self.assertEqual(self.grants(0.9), [])
        self.assertEqual(self.grants(0.4), [(2, 0, 1)])

    def test_who_holds_it_alone_is_left_in_peace(self) -> None:
        self.want(1, 5)
        self.assertEqual(self.grants(60), [(1, 1, 0)])


class RestTests(Base):
    window = 1

    def rest(self) -> None:
        self.want(1, 1)
        self.met(1, Experience.AWAY)

    def test_a_rest_is_told_to_all_and_logged_once(self) -> None:
        self.rest()
        until = self.clock.seconds() + 30
        resting = Standing(1, 1, until, REFUSED)
        # What it wanted in the same breath is not granted.
        self.assertEqual(self.told(), [(1, [News(HOP, resting)]), (2, [News(HOP, resting)])])
        [event] = self.events
        found = [event[name] for name in ("event", "destination", "seconds", "diagnosis")]
        self.assertEqual(found, ["destination_rests", "bank.test", 30.0, REFUSED.diagnosis])
        self.assertEqual(self.places.joined(3), (News(HOP, resting),))

    def test_at_its_end_one_worker_probes(self) -> None:
        self.rest()
        self.want(2, 5)
        self.told()
        self.assertEqual(self.grants(29.9), [])
        self.assertEqual(self.grants(0.5), [(1, 1, 0)])

    def test_an_answer_to_the_probe_is_told_to_all_and_logged(self) -> None:
        self.rest()
        self.told(31)
        self.events.clear()
        self.met(1, Experience.ANSWERED)
        self.assertEqual([(worker, news[0].standing.until) for worker, news in self.told()], [(1, None), (2, None)])
        self.assertEqual([event["event"] for event in self.events], ["destination_answers"])

    def test_a_probe_in_vain_rests_it_for_longer(self) -> None:
        self.rest()
        self.told(31)
        self.events.clear()
        self.met(1, Experience.AWAY)
        self.assertEqual([news[0].standing.rests for _, news in self.told()], [2, 2])
        [event] = self.events
        self.assertEqual((event["event"], event["seconds"]), ("destination_rests", 60.0))

    def test_what_somebody_knows_to_be_back_is_tried_at_once(self) -> None:
        self.rest()
        self.told()
        self.places.said(2, Wishes(wants=((HOP, 1),), woken=(HOP,)))
        self.assertEqual(
            self.told(),
            [(1, [News(HOP, self.new, 1)]), (2, [News(HOP, self.new)])],
        )
