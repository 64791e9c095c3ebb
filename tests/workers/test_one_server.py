"""All workers as one server: what an operator asks is asked of all, and a configuration is gone by by all or none."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from fopemta.config.model import Configuration, Delivery
from fopemta.interfaces import IQueue
from fopemta.mail.envelope import Envelope
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult
from fopemta.mail.queued import QueuedMessage
from fopemta.retry.leases import News
from fopemta.retry.standing import FIRST_WINDOW, Standing
from fopemta.workers import commands
from fopemta.workers.fleet import PATIENCE
from fopemta.workers.one_server import OneFollowing, OneQueue
from fopemta.workers.seat import SeatStage
from fopemta.workers.values import Wishes
from tests.workers.test_commands import BOB, CONFIG, HOP
from tests.workers.test_fleet import NEWER, Base

ID = "0vyKfVczdK5G1f"
HOLD = Order(kind=OrderKind.HOLD)
DONE = OrderResult(Obeyed.DONE, ("bob@bank.test",))


class QueueTests(Base):
    def setUp(self) -> None:
        super().setUp()
        self.queue = OneQueue(self.fleet)
        self.begin()

    def answer(self, asked: Deferred[Any], seconds: float = 0.0) -> Any:
        self.reactor.pass_time(seconds)
        return self.successResultOf(asked)

    def order(self, seconds: float = 0.0) -> OrderResult:
        result: OrderResult = self.answer(self.queue.order(ID, HOLD), seconds)
        return result

    def knows(self, number: int, result: OrderResult) -> None:
        """The message lies with that worker, and that is what comes of an order for it."""
        self.process(number).duty.queue.results = {ID: result}

    def test_interface(self) -> None:
        verifyObject(IQueue, self.queue)

    def test_a_flush_counts_what_waits_anywhere(self) -> None:
        for number in (1, 2, 3):
            self.process(number).duty.queue.waiting = number
        self.assertEqual(self.answer(self.queue.flush("bank.test")), 6)
        self.assertEqual(self.done(), {number: [("flush", "bank.test")] for number in (1, 2, 3)})

    def test_a_flush_counts_what_those_can_do_that_answer(self) -> None:
        for number in (1, 2, 3):
            self.process(number).duty.queue.waiting = number
        self.process(2).hangs = True
        self.die(3)
        self.assertEqual(self.answer(self.queue.flush("bank.test"), PATIENCE), 1)

    def test_the_size_is_that_of_all(self) -> None:
        self.say(1, commands.Learned, hosts={}, counts={}, size=3)
        self.say(3, commands.Learned, hosts={}, counts={}, size=4)
        self.assertEqual(self.queue.size, 7)

    def test_an_order_is_obeyed_by_who_has_the_message(self) -> None:
        for result in (DONE, OrderResult(Obeyed.AFTERWARDS), OrderResult(Obeyed.NOTHING)):
            self.knows(2, result)
            self.assertEqual(self.order(), result)
            self.assertEqual(self.done(), {number: [("order", ID, HOLD)] for number in (1, 2, 3)})

    def test_what_nobody_knows_is_unknown(self) -> None:
        self.assertEqual(self.order(), OrderResult(Obeyed.UNKNOWN))

    def test_what_cannot_be_asked_of_all_is_not_known_to_be_unknown(self) -> None:
        self.die(3)
        self.assertEqual(self.order(), OrderResult(Obeyed.UNREADABLE))
        self.knows(1, DONE)
        self.assertEqual(self.order(), DONE)

    def test_one_that_does_not_answer_may_have_the_message(self) -> None:
        self.process(3).hangs = True
        asked = self.queue.order(ID, HOLD)
        self.reactor.pass_time(PATIENCE - 1)
        self.assertNoResult(asked)
        self.reactor.pass_time(1)
        self.assertEqual(self.successResultOf(asked), OrderResult(Obeyed.UNREADABLE))

    def test_recipients_freed_are_those_of_all(self) -> None:
        for number in (1, 2, 3):
            self.process(number).duty.queue.freed = number
        self.assertEqual(self.answer(self.queue.freed_by(NEWER)), 6)
        self.assertEqual(self.done(), {number: [("freed_by", NEWER)] for number in (1, 2, 3)})

    def test_who_is_just_beginning_is_waited_for_before_it_is_said_what_is_freed(self) -> None:
        self.die(3)
        asked = self.queue.freed_by(NEWER)
        self.reactor.pass_time(5)
        self.assertNoResult(asked)
        self.process(3).duty.queue.freed = 9
        self.ready(3)
        self.assertEqual(self.answer(asked, 0.25), 9)

    def test_what_one_does_not_say_is_not_nothing(self) -> None:
        self.process(1).duty.queue.freed = 4
        self.die(3)
        asked = self.queue.freed_by(NEWER)
        self.reactor.pass_time(0.2)
        self.process(3).die(status=1)
        self.reactor.pass_time(20)
        self.assertIsNone(self.successResultOf(asked))

    def test_no_mail_comes_in_here(self) -> None:
        with self.assertRaises(AssertionError):
            self.queue.accepted(QueuedMessage.fresh(ID, 1.0, 10, Envelope(None, (BOB,))))
        self.queue.let_demands_fall("alice")
        self.reactor.settle()
        self.assertEqual(self.done(), {})


class FollowingTests(Base):
    def setUp(self) -> None:
        super().setUp()
        self.files: list[Configuration] = []
        self.wrong_files: tuple[str, ...] = ()
        self.following = OneFollowing(self.fleet, OneQueue(self.fleet), self.try_files)
        self.begin()

    def try_files(self, config: Configuration) -> Sequence[str]:
        self.files.append(config)
        asked = [each for process in self.reactor.processes for each in process.duty.done]
        self.assertNotIn(("prepare", config), asked)
        return self.wrong_files

    def prepare(self, config: Configuration = NEWER, seconds: float = 0.0) -> Sequence[str]:
        prepared = self.following.prepare(config)
        self.reactor.pass_time(seconds)
        errors: Sequence[str] = self.successResultOf(prepared)
        return errors

    def take(self, config: Configuration = NEWER, lowered_by: str | None = None) -> None:
        self.following.take(config, lowered_by)
        self.reactor.settle()

    def test_all_are_asked_then_all_take_it(self) -> None:
        self.assertEqual(self.prepare(), [])
        self.assertEqual(self.done(), {number: [("prepare", NEWER)] for number in (1, 2, 3)})
        self.assertIs(self.following.current, CONFIG)
        self.take(lowered_by="alice")
        self.assertEqual(self.done(), {number: [("take", NEWER, "alice")] for number in (1, 2, 3)})
        self.assertIs(self.following.current, NEWER)
        self.assertEqual(self.events(), ["worker_started"] * 3)

    def test_files_are_tried_once_before_all_read_them(self) -> None:
        self.prepare()
        self.assertEqual((self.files, len(self.done())), ([NEWER], 3))
        self.wrong_files = ("tls.server.certificates: gone",)
        self.assertEqual(self.prepare(), self.wrong_files)
        self.assertEqual(self.done(), {})

    def test_where_one_cannot_go_by_it_none_does(self) -> None:
        self.process(2).duty.errors = ("tls.server.certificates: gone",)
        self.assertEqual(self.prepare(), ["tls.server.certificates: gone"])
        self.assertIs(self.following.current, CONFIG)
        self.assertEqual(self.done(), {number: [("prepare", NEWER)] for number in (1, 2, 3)})

    def test_what_all_say_is_said_once(self) -> None:
        errors = {1: ("a: gone", "b: odd"), 2: ("b: odd", "c: gone"), 3: ("a: gone",)}
        for number, its in errors.items():
            self.process(number).duty.errors = its
        self.assertEqual(self.prepare(), ["a: gone", "b: odd", "c: gone"])

    def test_one_that_does_not_run_has_no_say(self) -> None:
        self.die(1)
        self.process(2).hangs = True
        self.assertEqual(self.prepare(seconds=PATIENCE), [])

    def test_one_that_dies_between_the_two_steps_begins_with_what_is_in_force(self) -> None:
        self.prepare()
        self.die(2)
        self.take()
        self.events(), self.done()
        self.reactor.pass_time(0.25)
        [(name, charge)] = self.done()[2]
        self.assertEqual((name, charge.configuration, self.events()), ("begin", NEWER, []))

    def test_one_that_dies_before_it_was_asked_for_the_second_step_begins_with_the_old_where_none_took_it(self) -> None:
        self.process(1).duty.errors = ("a: gone",)
        self.prepare()
        self.die(2)
        self.done()
        self.reactor.pass_time(0.25)
        [(_, charge)] = self.done()[2]
        self.assertEqual(charge.configuration, CONFIG)

    def test_one_that_is_just_beginning_takes_it_after_what_it_began_with(self) -> None:
        self.die(2)
        self.reactor.pass_time(0.25)
        self.assertEqual(self.prepare(), [])
        self.take()
        self.assertEqual([name for name, *_ in self.done()[2]], ["begin", "take"])

    def test_one_that_dies_while_it_takes_it_up_is_told_of_and_the_next_begins_with_it(self) -> None:
        self.prepare()
        self.process(2).hangs = True
        self.take()
        self.events()
        self.die(2)
        self.assertEqual(self.events(), ["worker_ended", "worker_behind"])
        self.reactor.pass_time(0.25)
        self.assertEqual(self.done()[2][-1][1].configuration, NEWER)

    def test_one_that_cannot_take_it_after_all_is_told_of_and_ends(self) -> None:
        self.prepare()
        self.done(), self.events()
        self.process(3).duty.breaks = {"take"}
        self.take()
        self.assertEqual(self.done()[3], [("take", NEWER, None), "end"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        behind = [(each["event"], each["worker"]) for each in self.log if each.get("event") == "worker_behind"]
        self.assertEqual(behind, [("worker_behind", 3)])
        self.assertEqual([each.stage for each in self.fleet.seats], [SeatStage.READY] * 3)
        self.process(3).signalProcess(signal.SIGKILL)
        self.reactor.pass_time(0.25)
        self.assertEqual(self.done()[3][-1][1].configuration, NEWER)

    def test_limits_of_destinations_count_here_at_once(self) -> None:
        wider = attrs.evolve(CONFIG, delivery=Delivery(connections_per_destination=9))
        self.take(wider)
        self.done()
        self.say(1, commands.Say, wishes=Wishes(wants=((HOP, 9),)))
        self.assertEqual(self.done(), {1: [("told", [News(HOP, Standing(FIRST_WINDOW), FIRST_WINDOW)])]})

    def test_it_says_what_would_be_freed(self) -> None:
        self.process(2).duty.queue.freed = 4
        freed = self.following.freed_by(NEWER)
        self.reactor.settle()
        self.assertEqual(self.successResultOf(freed), 4)
