"""What waits as an id: for room, for its destination, until there is something to be told of it."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Delivery
from fopemta.config.rules import load_rules
from fopemta.mail.envelope import Envelope
from fopemta.mail.orders import Order, OrderKind
from fopemta.mail.queued import QueuedMessage, Unfinished
from fopemta.retry.settings import Retry
from fopemta.retry.standing import FIRST_WINDOW
from fopemta.routing.route import Route, Via
from fopemta.routing.routes import next_hop
from fopemta.scheduling.stages import Stage
from fopemta.spool.memory import Kept
from fopemta.trust.verdict import Result, VerdictRecord
from tests.queue.test_traffic import DEAD, FULL, GOOD, SLOW, START, Place, World

ALICE = Mailbox("alice", "us.test")
WAY = """
[[rule]]
name = "way"
when = { recipients = ["dead.test"] }
then = { action = "route", via = "smtp:other.test" }
"""


class WaitingWorld(World):
    def setUp(self) -> None:
        super().setUp()
        self.loads: list[str] = []
        load = self.spool.load

        def counted(message_id: str) -> Any:
            self.loads.append(message_id)
            return load(message_id)

        self.spool.load = counted  # type: ignore[method-assign]

    def tried_before(self, *domains: str) -> QueuedMessage:
        """A message that waits for its second attempt, which is due."""
        message = self.keep(*domains)
        verdicts = [
            VerdictRecord(
                time=START, message=message.id, sender="", recipient=str(each.address), attempt=1,
                result=Result.DEFERRED, code=451, enhanced="4.0.0", text="", next_try=START,
            )
            for each in message.recipients
        ]  # fmt: skip
        kept = self.spool.kept[message.id]
        kept.message = message.after(verdicts)
        return kept.message

    def from_alice(self, domain: str) -> str:
        message = self.keep(domain)
        message = attrs.evolve(message, envelope=Envelope(ALICE, message.envelope.recipients))
        self.spool.kept[message.id] = Kept(message, b"\r\n")
        self.dispatcher.accepted(message)
        return message.id

    def stage(self, message_id: str) -> Stage:
        entry = self.dispatcher._roster.get(message_id)
        return Stage.GONE if entry is None else entry.stage

    def last(self, message_id: str) -> VerdictRecord | None:
        return self.spool.kept[message_id].message.recipients[0].last

    def rest(self, domain: str) -> None:
        """Its destination rests from now on."""
        self.courier.places[domain] = DEAD
        for _ in range(30):
            self.send(domain)
        self.pass_time(100)
        hop = next_hop(domain, self.config.routes)
        self.assertTrue(self.dispatcher._destinations.rests(hop, self.clock.seconds()))


class UnreadTests(WaitingWorld):
    """Ids of a known destination go to its line unread."""

    def test_what_is_due_for_a_destination_that_rests_is_not_read(self) -> None:
        messages = [self.tried_before("dead.test") for _ in range(100)]
        self.courier.places["dead.test"] = DEAD
        self.start(*messages)
        self.pass_time(600)
        self.assertLess(len(self.loads), 60)
        self.assertEqual(self.dispatcher.size, 100)
        self.courier.places.clear()
        self.pass_time(900)
        self.assertEqual(self.dispatcher.size, 0)

    def test_a_flush_reads_no_more_than_can_go(self) -> None:
        self.courier.places["slow.test"] = SLOW
        self.start(*[self.tried_before("slow.test") for _ in range(300)])
        self.pass_time(1)
        before = len(self.loads)
        self.assertEqual(self.successResultOf(self.dispatcher.flush("slow.test")), 300)
        self.pass_time(120)
        self.assertLess(len(self.loads) - before, 60)

    def test_who_was_never_tried_is_read_to_be_told_why(self) -> None:
        self.rest("dead.test")
        waits = self.send("dead.test")
        last = self.last(waits)
        assert last is not None
        self.assertEqual((last.attempt, last.diagnosis), (0, "connection_timeout"))

    def test_a_rule_may_have_another_way_so_it_is_read(self) -> None:
        self.rest("dead.test")
        self.dispatcher.reconfigure(attrs.evolve(self.config, rulebook=load_rules(WAY, "/etc")))
        message = self.tried_before("dead.test")
        self.dispatcher.start([Unfinished.of(message)])
        self.pass_time(5)
        self.assertIn(message.id, self.courier.arrivals)

    def test_one_of_several_destinations_is_enough_to_be_read(self) -> None:
        self.rest("dead.test")
        message = self.tried_before("dead.test", "good.test")
        self.dispatcher.start([Unfinished.of(message)])
        self.pass_time(5)
        self.assertIn(message.id, self.courier.arrivals)

    def test_the_sender_is_warned_on_time_though_the_destination_rests(self) -> None:
        for before in (0.0, 3000.0):
            self.setUp()
            self.make(retry=Retry(warn_after=3600.0, longest=3600.0))
            self.start()
            self.rest("dead.test")
            sent = self.from_alice("dead.test")
            self.pass_time(before, 5)
            if before:
                # In the line again, unread, before its hour is over.
                self.assertEqual(self.stage(sent), Stage.WAITING)
            self.pass_time(3700 - before, 5)
            last = self.last(sent)
            assert last is not None
            self.assertTrue(last.warned)
            self.assertLess(last.time - START, 3850)

    def test_warned_after_a_restart_too(self) -> None:
        self.make(retry=Retry(warn_after=3600.0, longest=600.0))
        self.start()
        self.rest("dead.test")
        sent = self.from_alice("dead.test")
        self.dispatcher.stop()
        self.clock.rightNow += 7200.0
        self.make(retry=self.config.retry)
        self.start(*[each.message for each in self.spool.kept.values()])
        self.pass_time(900, 5)
        last = self.last(sent)
        assert last is not None
        self.assertTrue(last.warned)


class CrowdTests(WaitingWorld):
    """Once a thousand messages wait in memory, nobody has more than a share of it."""

    def crowd(self) -> None:
        self.courier.places["slow.test"] = SLOW
        self.start()
        for _ in range(1000 + FIRST_WINDOW):
            self.send("slow.test")

    def test_new_mail_for_a_crowded_destination_waits_as_an_id(self) -> None:
        self.crowd()
        sent = self.send("slow.test")
        self.assertEqual((self.stage(sent), self.last(sent)), (Stage.WAITING, None))

    def test_but_not_for_one_that_rests_which_is_told_why(self) -> None:
        self.crowd()
        self.rest("dead.test")
        sent = self.send("dead.test")
        self.assertIsNotNone(self.last(sent))

    def test_nor_what_is_held_or_waits_to_be_asked_for(self) -> None:
        self.make(routes=(Route(domain="called.test", via=Via.SMTP, host="slow.test", on_demand=True),))
        self.crowd()
        held = self.keep("slow.test")
        held = QueuedMessage.fresh(held.id, START, 10, attrs.evolve(held.envelope, held=True))
        self.dispatcher.accepted(held)
        asked = self.send("called.test")
        self.assertIs(self.stage(held.id), Stage.HELD)
        last = self.last(asked)
        assert last is not None
        self.assertEqual(last.diagnosis, "not_asked_for")


class RoomTests(WaitingWorld):
    """Memory has room for 2,000 messages, a quarter of it for new mail alone."""

    def fill(self, count: int) -> None:
        """A message to so many recipients, which takes its time."""
        self.courier.places["slow.test"] = SLOW
        self.start()
        recipients = tuple(Mailbox(f"u{number}", "slow.test") for number in range(count))
        message = QueuedMessage.fresh("BCDFGHJKMN", START, 10, Envelope(None, recipients))
        self.spool.kept[message.id] = Kept(message, b"\r\n")
        self.dispatcher.accepted(message)

    def test_deferred_mail_leaves_room_for_new_mail(self) -> None:
        self.fill(15_000)
        deferred = self.tried_before("good.test")
        self.dispatcher.start([Unfinished.of(deferred)])
        self.pass_time(20)
        self.assertNotIn(deferred.id, self.courier.arrivals)
        sent = self.send("good.test")
        self.pass_time(2)
        self.assertIn(sent, self.courier.arrivals)
        self.pass_time(600)
        self.assertIn(deferred.id, self.courier.arrivals)

    def test_new_mail_waits_for_room_and_goes_when_there_is_some(self) -> None:
        self.fill(20_000)
        sent = self.send("good.test")
        self.assertIs(self.stage(sent), Stage.BACKLOG)
        self.pass_time(30)
        self.assertIs(self.stage(sent), Stage.BACKLOG)
        self.pass_time(600)
        self.assertIn(sent, self.courier.arrivals)

    def test_what_is_to_be_moved_takes_room(self) -> None:
        """Else the spool would be handed more than it can move."""
        moves: list[Deferred[None]] = []
        most = 0

        def slow(message_id: str) -> Deferred[None]:
            nonlocal most
            moves.append(Deferred())
            most = max(most, len(moves))
            return moves[-1]

        self.spool.defer = slow  # type: ignore[method-assign]
        self.courier.places["full.test"] = FULL
        self.make(delivery=Delivery(connections_per_destination=200))
        self.start()
        sent = []
        for _ in range(60):
            sent += [self.send("full.test") for _ in range(50)]
            self.pass_time(2)
        self.assertEqual(most, 512)
        self.assertIs(self.stage(sent[-1]), Stage.BACKLOG)
        self.assertEqual(len(self.dispatcher._moves), 2000)
        while moves:
            moves.pop().callback(None)
        self.pass_time(20)
        while moves:
            moves.pop().callback(None)
        self.assertIsNot(self.stage(sent[-1]), Stage.BACKLOG)
        self.assertEqual(len(self.dispatcher._moves), 0)


class WrittenDownTests(WaitingWorld):
    """Of what is not tried it is written down once why."""

    def verdicts(self, message_id: str) -> list[VerdictRecord]:
        return [each for each in self.spool.verdicts if each.message == message_id]

    def test_once_and_not_each_time_that_it_is_looked_at(self) -> None:
        self.make(retry=Retry(longest=300.0, warn_after=None))
        self.start()
        self.rest("dead.test")
        sent = [self.send("dead.test") for _ in range(50)]
        self.pass_time(3600, 5)
        told = [self.verdicts(each) for each in sent]
        self.assertEqual({len([each for each in verdicts if each.attempt == 0]) for verdicts in told}, {1})

    def test_again_when_it_was_released(self) -> None:
        self.start()
        self.rest("dead.test")
        sent = self.send("dead.test")
        self.dispatcher.order(sent, Order(kind=OrderKind.HOLD))
        # Released for a destination that rests again at once.
        self.dispatcher.order(sent, Order(kind=OrderKind.RELEASE))
        self.pass_time(300)
        self.assertEqual([each.diagnosis for each in self.verdicts(sent)][:3],
                         ["connection_timeout", "connection_timeout", "released"])  # fmt: skip
        self.assertEqual(self.verdicts(sent)[-1].diagnosis, "connection_timeout")


class OrderTests(WaitingWorld):
    def waiting_for_its_moment(self) -> str:
        message = self.tried_before("good.test")
        last = message.recipients[0].last
        assert last is not None
        message = message.after([attrs.evolve(last, next_try=START + 600)])
        self.spool.kept[message.id].message = message
        self.start(message)
        return message.id

    def test_a_message_that_is_to_be_tried_now_is_read_once(self) -> None:
        waiting = self.waiting_for_its_moment()
        self.dispatcher.order(waiting, Order(kind=OrderKind.RETRY))
        self.pass_time(2)
        self.assertEqual((self.loads, list(self.courier.arrivals)), ([waiting], [waiting]))

    def test_one_whose_demands_have_been_lifted_is_read_again(self) -> None:
        """What was demanded of it when it was read is not demanded any more."""
        waiting = self.waiting_for_its_moment()
        self.dispatcher.order(waiting, Order(kind=OrderKind.RELEASE, override_tls=True, reason="x"))
        self.pass_time(2)
        self.assertEqual((self.loads, list(self.courier.arrivals)), ([waiting] * 2, [waiting]))

    def test_what_waits_for_another_destination_is_not_begun_under_an_order(self) -> None:
        """One way of the message is being delivered, the other waits; it is removed, and its destination comes back."""
        self.rest("dead.test")
        self.courier.places["slow.test"] = Place(100.0)
        sent = self.send("slow.test", "dead.test")
        self.pass_time(1)
        self.dispatcher.order(sent, Order(kind=OrderKind.REMOVE))
        tried = len([each for each in self.courier.attempts if each[2] == sent])
        self.courier.places["dead.test"] = GOOD
        self.dispatcher.flush("dead.test")
        self.pass_time(20)
        self.assertEqual(len([each for each in self.courier.attempts if each[2] == sent]), tried)
        self.pass_time(100)
        self.assertNotIn(sent, self.spool.kept)
        self.assertEqual([each.result for each in self.verdicts_of(sent)][-1], Result.FAILED)

    def test_a_destination_that_comes_back_gets_its_way_of_a_message_that_is_in_memory(self) -> None:
        self.rest("dead.test")
        self.courier.places["slow.test"] = Place(3000.0)
        sent = self.send("slow.test", "dead.test")
        self.courier.places["dead.test"] = GOOD
        self.pass_time(200)
        self.assertIs(self.stage(sent), Stage.ACTIVE)
        self.assertIn(sent, [each for _, domain, each in self.courier.attempts if domain == "dead.test"])
        self.assertNotIn(sent, self.loads)

    def verdicts_of(self, message_id: str) -> list[VerdictRecord]:
        return [each for each in self.spool.verdicts if each.message == message_id]
