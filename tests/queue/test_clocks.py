"""C114: a wall clock that is set, forward or back, neither expires the queue nor stalls it."""

from __future__ import annotations

import random
from typing import Any

from fopemta.config.model import Delivery
from fopemta.queue.dispatcher import Dispatcher
from fopemta.retry.settings import Retry
from fopemta.routing.route import Via
from fopemta.trust.verdict import Result
from tests.queue.test_dispatcher import BOB, IDS, Base

HOUR, DAY, YEAR = 3600.0, 86400.0, 365 * 86400.0


class BusyTests(Base):
    def test_a_destination_that_keeps_mail_waiting_does_not_make_it_live_for_ever(self) -> None:
        """One connection, a second for each answer, and each message's turn comes later than any wait explains."""
        retry = Retry(first=5.0, longest=10.0, lifetime=30.0, warn_after=None)
        self.make(retry=retry, delivery=Delivery(connections_per_destination=1))
        self.courier.script["bob@b.test"] = [Result.DEFERRED]
        self.courier.slow.add("b.test")
        sent = [self.send(BOB, sender=None) for _ in range(len(IDS))]
        for _ in range(200):
            self.clock.advance(4)
            if self.courier.waiting:
                waiting, consignment = self.courier.waiting.pop(0)
                waiting.callback(self.courier.verdicts(consignment))
        self.assertEqual([self.results(each)[-1:] for each in sent], [[("bob@b.test", "failed")]] * len(sent))
        attempts = [each for each in self.spool.verdicts if each.message == sent[-1]]
        self.assertLess(attempts[-1].time - attempts[0].time, 200)

    def test_whoever_was_off_has_one_attempt_more_however_late_its_turn_comes(self) -> None:
        retry = Retry(first=5.0, longest=10.0, lifetime=30.0, warn_after=None)
        self.make(retry=retry)
        self.courier.script["bob@b.test"] = [Result.DEFERRED]
        message_id = self.send(BOB, sender=None)
        self.dispatcher.stop()
        self.clock.rightNow += DAY
        self.courier.slow.add("b.test")
        couriers = dict.fromkeys(Via, self.courier)
        self.dispatcher = Dispatcher(
            self.spool, couriers, self.config, self.clock, self.clock.seconds, random.Random(7)
        )
        self.dispatcher.start([kept.message for kept in self.spool.kept.values()])
        for wanted in ("deferred", "failed"):
            self.wait(60, 5)
            waiting, consignment = self.courier.waiting.pop(0)
            waiting.callback(self.courier.verdicts(consignment))
            self.assertEqual(self.results(message_id)[-1], ("bob@b.test", wanted))


class JumpTests(Base):
    """The queue itself; `shift` is what the wall clock is ahead of the steady one."""

    def make(self, **changes: Any) -> None:
        super().make(**changes)
        self.carried: list[tuple[float, str]] = []
        self.courier.carried = self  # type: ignore[assignment]  # it appends to it
        self.dispatcher.stop()
        self.shift = 0.0
        self.restart()

    def restart(self) -> None:
        """A new process on the same spool."""
        couriers = dict.fromkeys(Via, self.courier)
        self.courier.clock = self
        self.dispatcher = Dispatcher(self.spool, couriers, self.config, self.clock, self.seconds, random.Random(7))
        self.dispatcher.start([kept.message for kept in self.spool.kept.values()])

    def seconds(self) -> float:
        """Wall time."""
        return self.clock.seconds() + self.shift

    def append(self, carried: tuple[float, str]) -> None:
        """An attempt."""
        self.carried.append((round((self.clock.seconds() - 1_000_000) / HOUR, 1), carried[1]))

    def moments(self) -> list[float]:
        """Hours of the attempts for Bob, by the steady clock."""
        return [moment for moment, who in self.carried if who == "bob@b.test"]

    def life(self, jump: float) -> list[float]:
        """Hours of the attempts of a message that is always deferred, with a jump after three hours."""
        self.setUp()
        self.courier.script["bob@b.test"] = [Result.DEFERRED]
        self.make(retry=Retry(lifetime=DAY))
        self.send(BOB)
        self.wait(3 * HOUR)
        self.shift = jump
        self.wait(2 * DAY)
        self.assertEqual([message_id for message_id in self.spool.kept if message_id.startswith("BCD")], [])
        return self.moments()

    def test_C114_a_jump_while_it_runs_changes_no_attempt_and_no_life(self) -> None:
        plain = self.life(0.0)
        self.assertEqual((plain[0], plain[-1]), (0.0, 24.0))
        for jump in (HOUR, -HOUR, 3 * DAY, -3 * DAY, YEAR, -YEAR):
            self.assertEqual(self.life(jump), plain, jump)

    def test_C114_a_clock_that_is_behind_after_a_restart_stalls_nothing(self) -> None:
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(BOB)
        self.dispatcher.stop()
        self.shift = -30 * DAY
        self.restart()
        self.wait(4 * HOUR * 1.1 + 60)
        self.assertEqual(self.spool.finished, [message_id])

    def test_C114_a_clock_that_is_ahead_after_a_restart_bounces_nothing_at_once(self) -> None:
        """There is an attempt, and another one hours later; by then the clock has been put right."""
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(BOB)
        self.dispatcher.stop()
        self.shift = YEAR
        self.restart()
        self.wait(HOUR)
        self.assertEqual(self.state(message_id), ["queued"])
        self.assertEqual(self.moments(), [0.0, 0.0])
        self.dispatcher.stop()
        self.shift = 0.0
        self.restart()
        self.wait(5 * HOUR)
        self.assertIn(message_id, self.spool.finished)

    def test_C114_who_was_off_for_longer_than_a_life_tries_twice_before_giving_up(self) -> None:
        self.courier.script["bob@b.test"] = [Result.DEFERRED]
        message_id = self.send(BOB)
        self.dispatcher.stop()
        self.clock.rightNow += 10 * DAY
        self.restart()
        self.wait(HOUR)
        self.assertEqual(self.state(message_id), ["queued"])
        self.wait(4 * HOUR)
        self.assertEqual(self.results(message_id)[-1], ("bob@b.test", "failed"))
        self.assertEqual(self.moments(), [0.0, 240.0, 244.0])
