"""Days of a queue in a simulated world: destinations that are dead, slow, full, or come back."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Delivery, Listener, Node
from fopemta.interfaces import Ended, ICourier
from fopemta.mail.envelope import Envelope
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult
from fopemta.mail.queued import QueuedMessage
from fopemta.queue.dispatcher import Dispatcher
from fopemta.retry.settings import Retry
from fopemta.retry.standing import FIRST_WINDOW, LONGEST_REST, SHORTEST_REST
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Route, Via
from fopemta.routing.values import NextHop
from fopemta.scheduling.stages import Stage
from fopemta.spool.memory import Kept, MemorySpool
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import Result, VerdictRecord

START = 1_000_000.0


@attrs.frozen
class Place:
    """How a destination behaves: after `takes` seconds every recipient has this end."""

    takes: float = 1.0
    result: Result = Result.DELIVERED
    code: int = 250
    diagnosis: Diagnosis | None = None
    session: bool = True


GOOD = Place()
DEAD = Place(30.0, Result.DEFERRED, 451, Diagnosis.CONNECTION_TIMEOUT, session=False)
REFUSING = Place(0.1, Result.DEFERRED, 451, Diagnosis.CONNECTION_REFUSED, session=False)
SLOW = Place(600.0)
# Gives up after five minutes, or after half a minute when others wait.
TARPIT = Place(300.0, Result.DEFERRED, 451, Diagnosis.CONVERSATION_TIMEOUT, session=False)
# Takes the message, and says nothing to its final dot.
AFTER_THE_DOT = Place(600.0, Result.DEFERRED, 451, Diagnosis.CONVERSATION_TIMEOUT)
FULL = Place(1.0, Result.DEFERRED, 452, Diagnosis.DEFERRED_BY_PEER)
EXPIRED = Place(1.0, Result.DEFERRED, 451, Diagnosis.CERT_EXPIRED)


@implementer(ICourier)
class WorldCourier:
    """Every domain is a `Place`, GOOD where nothing else is said."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.places: dict[str, Place] = {}
        self.attempts: list[tuple[float, str, str]] = []
        self.arrivals: dict[str, float] = {}
        self.pressed: Callable[[NextHop], bool] = lambda _: False
        self.stalls: Callable[[Consignment], bool] = lambda _: False
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def close(self) -> None:
        """Nothing is kept."""

    def deliver(self, consignment: Consignment, ended: Ended) -> Deferred[Sequence[VerdictRecord]]:
        domain = consignment.next_hop.domain
        place = self.places.get(domain, GOOD)
        self.attempts.append((self.clock.seconds() - START, domain, consignment.message.id))
        self.running[domain] += 1
        self.most[domain] = max(self.most[domain], self.running[domain])
        done: Deferred[Sequence[VerdictRecord]] = Deferred()
        if place is TARPIT:
            self.clock.callLater(30.0, self._look, done, consignment, place, self.clock.seconds() + place.takes)
        else:
            self.clock.callLater(place.takes, self._end, done, consignment, place)
        if place is AFTER_THE_DOT:
            self.clock.callLater(30.0, self.stalls, consignment)
        return done

    def _look(self, done: Deferred[Any], consignment: Consignment, place: Place, until: float) -> None:
        if self.clock.seconds() >= until or self.pressed(consignment.next_hop):
            self._end(done, consignment, place)
        else:
            self.clock.callLater(5.0, self._look, done, consignment, place, until)

    def _end(self, done: Deferred[Any], consignment: Consignment, place: Place) -> None:
        self.running[consignment.next_hop.domain] -= 1
        now = self.clock.seconds()
        if place.result is Result.DELIVERED:
            self.arrivals[consignment.message.id] = now - START
        done.callback(
            [
                VerdictRecord(
                    time=now, message=consignment.message.id, sender="", recipient=str(each), code=place.code,
                    attempt=consignment.attempt_of(each), result=place.result, enhanced="4.0.0", text="said",
                    host="mx", rung="strong256" if place.session else None,
                    diagnosis=place.diagnosis.value if place.diagnosis else None,
                )
                for each in consignment.recipients
            ]
        )  # fmt: skip

    def tried(self, domain: str) -> list[float]:
        return [moment for moment, where, _ in self.attempts if where == domain]


class World(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.rightNow = START
        self.spool = MemorySpool(self.clock)
        self.courier = WorldCourier(self.clock)
        self.numbers = itertools.count(1)
        self.make()

    def make(self, **changes: Any) -> None:
        self.config = Configuration(
            node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")),
            listeners=(Listener(endpoint="tcp:25"),),
            routes=(Route(domain="us.test", via=Via.MAILDIR, maildir="/m"), *changes.pop("routes", ())),
            **changes,
        )
        couriers = dict.fromkeys(Via, self.courier)
        noise = random.Random(7)
        self.dispatcher = Dispatcher(self.spool, couriers, self.config, self.clock, self.clock.seconds, noise)

    def keep(self, *domains: str) -> QueuedMessage:
        """A message in the spool, to a recipient in each domain."""
        recipients = tuple(Mailbox("bob", domain) for domain in domains)
        message_id = f"BCDFGH{next(self.numbers):06d}"
        message = QueuedMessage.fresh(message_id, self.clock.seconds(), 10, Envelope(None, recipients))
        self.spool.kept[message_id] = Kept(message, b"\r\n")
        return message

    def send(self, *domains: str) -> str:
        message = self.keep(*domains)
        self.dispatcher.accepted(message)
        return message.id

    def start(self, *messages: QueuedMessage) -> None:
        self.dispatcher.start(messages)

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        for _ in range(int(seconds / step)):
            self.clock.advance(step)


class AfterTheDotTests(World):
    """Servers that take the message and say nothing for ten minutes."""

    def test_mail_to_others_goes_with_few_places_too(self) -> None:
        for places in (4, 8):
            self.make(delivery=Delivery(connections=places))
            self.courier.stalls = self.dispatcher.stalls
            self.courier.arrivals.clear()
            self.courier.places = {f"silent{number}.test": AFTER_THE_DOT for number in range(2)}
            for number in range(2):
                for _ in range(places):
                    self.send(f"silent{number}.test")
            self.pass_time(35)
            sent = [self.send(f"good{number}.test") for number in range(20)]
            self.pass_time(60)
            self.assertEqual(set(sent) - set(self.courier.arrivals), set(), places)

    def test_other_mail_of_the_same_destination_goes_too(self) -> None:
        """Its filter has to think about one message, for which it has all the places that there are."""
        self.make(delivery=Delivery(connections=40, connections_per_destination=2))
        self.courier.stalls = self.dispatcher.stalls
        self.courier.places = {"d.test": AFTER_THE_DOT}
        stuck = [self.send("d.test") for _ in range(2)]
        self.pass_time(10)
        self.courier.places = {}
        sent = [self.send("d.test") for _ in range(5)]
        self.pass_time(15)
        self.assertEqual(set(sent) & set(self.courier.arrivals), set())
        self.pass_time(20)
        self.assertEqual(set(sent) - set(self.courier.arrivals), set())
        self.assertEqual(set(stuck) & set(self.courier.arrivals), set())

    def test_the_end_waits_for_their_answers(self) -> None:
        self.courier.stalls = self.dispatcher.stalls
        self.courier.places["d.test"] = AFTER_THE_DOT
        self.send("d.test")
        self.pass_time(40)
        stopped = self.dispatcher.stop(deadline=1000)
        self.assertNoResult(stopped)
        self.pass_time(570)
        self.successResultOf(stopped)


class AllowedTests(World):
    def test_no_more_deliveries_than_the_system_has_descriptors_for(self) -> None:
        """Whatever is configured, also after a reload; the others wait for their turn."""
        self.make(delivery=Delivery(connections=50))
        self.courier.places = {f"d{number}.test": SLOW for number in range(20)}
        self.dispatcher.allow(7)
        self.dispatcher.reconfigure(attrs.evolve(self.config, delivery=Delivery(connections=40)))
        for number in range(20):
            self.send(f"d{number}.test")
        self.pass_time(10)
        # Some are kept for destinations that answer.
        self.assertIn(sum(self.courier.running.values()), (6, 7))
        self.dispatcher.allow(1000)
        self.dispatcher.reconfigure(attrs.evolve(self.config, delivery=Delivery(connections=10)))
        self.pass_time(2500, 5)
        self.assertLessEqual(sum(self.courier.running.values()), 10)
        self.assertEqual(len(self.courier.arrivals), 20)


class DeadTests(World):
    def test_C108_a_dead_destination_with_much_mail_slows_no_other_and_is_tried_with_one(self) -> None:
        self.courier.places["dead.test"] = DEAD
        dead = [self.keep("dead.test") for _ in range(3000)]
        good = [self.keep(f"good{number % 10}.test") for number in range(100)]
        self.start(*dead, *good)
        self.pass_time(90)
        self.assertEqual(sum(message.id in self.courier.arrivals for message in good), 100)
        self.assertLess(max(self.courier.arrivals.values()), 75)  # spread over a minute, and none waited
        self.pass_time(3600)
        # One at a time, half a minute each, and a short rest between them.
        self.assertLess(len(self.courier.tried("dead.test")), 125)
        self.assertLessEqual(self.courier.most["dead.test"], 5)
        self.assertEqual(self.dispatcher.size, 3000)
        # A new message is not kept waiting by them.
        sent = self.send("good1.test")
        self.pass_time(2)
        self.assertIn(sent, self.courier.arrivals)

    def test_one_that_comes_back_gets_all_its_mail_at_a_growing_pace(self) -> None:
        self.courier.places["back.test"] = DEAD
        self.start(*[self.keep("back.test") for _ in range(1000)])
        self.pass_time(1800)
        tried = len(self.courier.tried("back.test"))
        self.courier.places["back.test"] = GOOD
        self.pass_time(LONGEST_REST * 1.2 + 120)
        self.assertEqual(len(self.courier.arrivals), 1000)
        moments = self.courier.tried("back.test")[tried:]
        first = moments[0]
        at_once = Counter(int(moment - first) for moment in moments)
        self.assertEqual([at_once[second] for second in range(6)], [1, 5, 10, 20, 20, 20])
        self.assertLess(moments[-1] - first, 120)

    def test_one_that_much_waits_for_is_noticed_soon_when_it_comes_back(self) -> None:
        self.courier.places["back.test"] = REFUSING
        self.start(*[self.keep("back.test") for _ in range(1000)])
        self.pass_time(1800)
        self.courier.places["back.test"] = GOOD
        self.pass_time(SHORTEST_REST * 1.2 + 1)
        self.assertGreater(len(self.courier.arrivals), 0)
        self.pass_time(60)
        # All but those that were tried before the first rest began.
        self.assertGreaterEqual(len(self.courier.arrivals), 1000 - 8)

    def test_attempts_that_are_not_made_are_not_counted(self) -> None:
        self.courier.places["dead.test"] = DEAD
        self.start(*[self.keep("dead.test") for _ in range(20)])
        self.pass_time(600)
        tried = {message_id for _, _, message_id in self.courier.attempts}
        self.assertLess(len(tried), 20)
        for message_id, kept in self.spool.kept.items():
            made = sum(each == message_id for _, _, each in self.courier.attempts)
            running = self.courier.running["dead.test"] and self.courier.attempts[-1][2] == message_id
            self.assertEqual(kept.message.recipients[0].attempts, made - bool(running))

    def test_who_is_never_tried_says_why(self) -> None:
        self.courier.places["dead.test"] = DEAD
        self.start(*[self.keep("dead.test") for _ in range(20)])
        self.pass_time(100)
        waits = self.send("dead.test")
        last = self.spool.kept[waits].message.recipients[0].last
        assert last is not None
        self.assertEqual((last.attempt, last.result, last.diagnosis), (0, Result.DEFERRED, "connection_timeout"))
        self.assertRegex(
            last.text, "^Not tried, since another message found at 1970-01-12T13:48:[0-9]{2}[.]000Z: said$"
        )
        self.assertTrue(self.spool.kept[waits].deferred)

    def test_recipients_elsewhere_do_not_wait(self) -> None:
        self.courier.places["dead.test"] = DEAD
        self.start(*[self.keep("dead.test") for _ in range(20)])
        self.pass_time(100)
        message_id = self.send("dead.test", "good.test")
        self.pass_time(2)
        self.assertIn(message_id, self.courier.arrivals)
        states = [each.state.value for each in self.spool.kept[message_id].message.recipients]
        self.assertEqual(states, ["queued", "delivered"])
        self.courier.places["dead.test"] = GOOD
        self.pass_time(1200)
        self.assertEqual(self.spool.kept, {})

    def test_a_message_that_is_gone_does_not_keep_the_others_from_being_called(self) -> None:
        self.courier.places["back.test"] = DEAD
        self.start(*[self.keep("back.test") for _ in range(50)])
        self.pass_time(100)
        tried = {message_id for _, _, message_id in self.courier.attempts}
        for message_id in [each for each in self.spool.kept if each not in tried][:20]:
            del self.spool.kept[message_id]
        self.courier.places.clear()
        self.pass_time(120)
        # Those that were tried before the first rest began wait for their own moment.
        self.assertGreaterEqual(len(self.courier.arrivals), 30 - len(tried))

    def test_C101_who_waits_for_a_destination_goes_another_way_once_there_is_one(self) -> None:
        self.courier.places["dead.test"] = DEAD
        self.start(*[self.keep("dead.test") for _ in range(3)])
        # Long enough that its rest does not end by itself in the next minutes.
        self.pass_time(5000, 5)
        waiting = {self.send("dead.test") for _ in range(4)}
        self.pass_time(35)
        ends = min(self.spool.kept[each].message.due or 0.0 for each in waiting)
        self.assertGreater(ends - self.clock.seconds(), 120)
        seen: list[str | None] = []
        deliver = self.courier.deliver
        self.courier.deliver = lambda c, e: (seen.append(c.next_hop.route.host), deliver(c, e))[1]  # type: ignore[method-assign]
        self.courier.places.clear()
        route = Route(domain="dead.test", via=Via.SMTP, host="new.test")
        self.dispatcher.reconfigure(attrs.evolve(self.config, routes=(route,)))
        self.pass_time(65)
        self.assertLessEqual(waiting, set(self.courier.arrivals))
        self.assertEqual(set(seen), {"new.test"})

    def test_life_ends_in_a_rest_with_what_was_found(self) -> None:
        self.make(retry=Retry(lifetime=3600.0))
        self.courier.places["dead.test"] = DEAD
        messages = [self.keep("dead.test") for _ in range(50)]
        self.start(*messages)
        self.pass_time(3600 + 200)
        self.assertEqual(self.spool.kept, {})
        self.assertLess(len(self.courier.tried("dead.test")), 80)
        ends = [each for each in self.spool.verdicts if each.result is Result.FAILED]
        self.assertEqual(
            {(each.diagnosis, each.enhanced, each.next_try) for each in ends}, {("connection_timeout", "5.4.1", None)}
        )
        self.assertEqual(len(ends), 50)

    def test_bad_certificates_keep_nobody_from_trying(self) -> None:
        self.courier.places["expired.test"] = EXPIRED
        self.start(*[self.keep("expired.test") for _ in range(100)])
        self.pass_time(60)
        self.assertEqual(len(self.courier.attempts), 100)


class SilentTests(World):
    """Servers that take a connection and say nothing, for five minutes each time."""

    def silence(self, number: int, messages: int = 10) -> None:
        for index in range(number):
            self.courier.places[f"silent{index}.test"] = TARPIT
        for _ in range(messages):
            for index in range(number):
                self.send(f"silent{index}.test")

    def make(self, **changes: Any) -> None:
        super().make(**changes)
        self.courier.pressed = self.dispatcher.pressed

    def waited(self, *domains: str, most: float) -> float:
        """How long the slowest of a message to each took."""
        before, sent = self.clock.seconds() - START, [self.send(domain) for domain in domains]
        self.pass_time(most)
        self.assertLessEqual(set(sent), set(self.courier.arrivals))
        return max(self.courier.arrivals[each] for each in sent) - before

    def test_25_silent_domains_at_default_limits(self) -> None:
        self.start()
        self.silence(25)
        self.assertLess(self.waited("new0.test", "new1.test", most=10), 5)
        self.pass_time(600)
        self.assertLess(self.waited("new0.test", "new2.test", most=10), 5)

    def test_with_few_places_too(self) -> None:
        for connections in (2, 4, 10):
            self.setUp()
            self.make(delivery=Delivery(connections=connections))
            self.start()
            self.assertLess(self.waited("well.test", most=10), 5)
            self.silence(25)
            self.pass_time(2)
            if connections >= 4:
                self.assertLess(self.waited("well.test", most=10), 5, connections)
            self.assertLess(self.waited("new.test", most=1200), 1000, connections)
            self.pass_time(1800)
            self.assertLess(self.waited("newer.test", "well.test", most=300), 150, connections)

    def test_a_thousand_silent_domains(self) -> None:
        self.start()
        self.assertLess(self.waited("well.test", most=10), 5)
        self.silence(1000, messages=1)
        self.pass_time(2)
        self.assertLess(self.waited("well.test", most=10), 5)
        self.assertLess(self.waited("new.test", most=300), 250)

    def test_where_nobody_else_waits_a_slow_server_has_its_time(self) -> None:
        self.make(delivery=Delivery(connections=1))
        self.start()
        self.courier.places["silent.test"] = TARPIT
        self.send("silent.test")
        self.pass_time(295)
        self.assertEqual(sum(self.courier.running.values()), 1)


class SlowTests(World):
    def test_much_mail_for_slow_destinations_leaves_room_for_others(self) -> None:
        """What they cannot take yet is not in memory, and the rest is not kept waiting behind it."""
        for number in range(8):
            self.courier.places[f"slow{number}.test"] = SLOW
        self.start()
        for number in range(8 * 500):
            self.send(f"slow{number % 8}.test")
        self.assertLess(self.dispatcher._roster.count(Stage.ACTIVE), 1200)
        good = [self.send("good.test") for _ in range(50)]
        self.pass_time(30)
        self.assertLessEqual(set(good), set(self.courier.arrivals))
        self.assertLessEqual(max(self.courier.most.values()), 20)

    def test_a_deferred_queue_for_slow_destinations_does_not_starve_new_mail(self) -> None:
        self.make(delivery=Delivery(connections=20))
        for number in range(40):
            self.courier.places[f"slow{number}.test"] = SLOW
        messages = [self.keep(f"slow{number % 40}.test") for number in range(4000)]
        failed = VerdictRecord(
            time=START, message="", sender="", recipient="", attempt=1, result=Result.DEFERRED, code=451,
            enhanced="4.0.0", text="", next_try=START,
        )  # fmt: skip
        for message in messages:
            recipient = str(message.recipients[0].address)
            self.spool.kept[message.id].message = message.after([attrs.evolve(failed, recipient=recipient)])
        self.start(*[self.spool.kept[message.id].message for message in messages])
        self.pass_time(120)
        self.assertEqual(sum(self.courier.running.values()), 15)
        good = [self.send("good.test") for _ in range(20)]
        self.pass_time(10)
        self.assertLessEqual(set(good), set(self.courier.arrivals))

    def test_all_mail_of_a_slow_destination_goes_in_time(self) -> None:
        self.courier.places["slow.test"] = Place(2.0)
        self.start()
        sent = [self.send("slow.test") for _ in range(2000)]
        self.pass_time(2000 / 20 * 2 + 60)
        self.assertEqual(set(sent), set(self.courier.arrivals))

    def test_new_mail_beyond_the_share_is_known_and_not_in_memory(self) -> None:
        self.courier.places["slow.test"] = Place(600.0)
        self.start()
        sent = [self.send("slow.test") for _ in range(1500)]
        in_memory = self.dispatcher._roster.count(Stage.ACTIVE)
        self.assertEqual((in_memory, self.dispatcher.size), (1000 + FIRST_WINDOW, 1500))
        removed: list[OrderResult] = []
        self.dispatcher.order(sent[-1], Order(kind=OrderKind.REMOVE)).addCallback(removed.append)
        self.assertEqual([each.obeyed for each in removed], [Obeyed.DONE])
        self.assertEqual(self.dispatcher.size, 1499)

    def test_nobody_waits_for_a_call_where_nothing_is_under_way(self) -> None:
        """A thousand destinations fill the room: the share of each is less than one message."""
        self.make(delivery=Delivery(connections=1))
        self.start()
        sent = [self.send(f"a{number}.test") for number in range(1200)]
        sent += [self.send(f"b{number}.test") for number in range(100)]
        self.pass_time(1400)
        self.assertEqual(set(sent), set(self.courier.arrivals))

    def test_a_rate(self) -> None:
        self.make(delivery=Delivery(rate_per_destination=30))
        self.start(*[self.keep("a.test") for _ in range(1500)])
        sent = self.send("b.test")
        self.pass_time(600)
        self.assertIn(sent, self.courier.arrivals)
        self.assertIn(len(self.courier.tried("a.test")), (300, 301))


class FullMailboxTests(World):
    def test_C110_full_mailboxes_choke_nobody_and_follow_the_timetable(self) -> None:
        self.courier.places["full.test"] = FULL
        self.start()
        full = [self.send("full.test") for _ in range(1000)]
        good = [self.send(f"good{number % 5}.test") for number in range(100)]
        self.pass_time(10)
        self.assertLessEqual(set(good), set(self.courier.arrivals))
        self.pass_time(3600, step=5)
        attempts = Counter(message_id for _, _, message_id in self.courier.attempts)
        # 0, 5, 15, 35 minutes, each with its jitter, and the time that their turn takes.
        self.assertEqual({attempts[message_id] for message_id in full}, {4})


class TimerTests(World):
    def test_C116_questions_around_the_moment_do_not_lose_it(self) -> None:
        # In hundredths of a second, from the moment on: when the last question comes.
        for last in (-2, -1, 0, 1, 2):
            self.setUp()
            self.courier.places["b.test"] = FULL
            self.start()
            message_id = self.send("b.test")
            self.clock.advance(1)
            due = self.spool.kept[message_id].message.due
            assert due is not None
            self.pass_time(due - START - 3)
            while (ahead := round((due - self.clock.seconds()) * 100)) >= -last:
                if ahead < 100:
                    self.dispatcher.flush("elsewhere.test")
                    self.dispatcher.order("BCDFGH999999", Order(kind=OrderKind.RETRY))
                self.clock.advance(0.01)
            # Nobody asks any more: what is due now, and later, must be known all the same.
            self.clock.advance(0.1)
            self.assertEqual(len(self.courier.attempts), 2, last)
            self.pass_time(900)
            self.assertEqual(len(self.courier.attempts), 3, last)
