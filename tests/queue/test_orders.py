"""What operators order, at every moment of a message's life."""

from __future__ import annotations

from email import message_from_bytes
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from fopemta.address.mailbox import Mailbox
from fopemta.mail.orders import Obeyed, Order, OrderKind, OrderResult
from fopemta.routing.route import Route, Via
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.verdict import Result
from tests.queue.test_dispatcher import ALICE, BOB, CAROL, Base

HOLD, RELEASE = Order(kind=OrderKind.HOLD), Order(kind=OrderKind.RELEASE)
RETRY, REMOVE = Order(kind=OrderKind.RETRY), Order(kind=OrderKind.REMOVE)
DONE, NOTHING, UNKNOWN = Obeyed.DONE, Obeyed.NOTHING, Obeyed.UNKNOWN


class OrdersBase(Base):
    def order(self, message_id: str, order: Order) -> OrderResult:
        done: list[OrderResult] = []
        self.dispatcher.order(message_id, order).addCallback(done.append)
        [result] = done
        return result

    def deferred(self, *recipients: Mailbox) -> str:
        """A message that waits for its second attempt."""
        for each in recipients:
            self.courier.script.setdefault(str(each), [Result.DEFERRED])
        return self.send(*recipients)

    def attempts(self) -> int:
        return len(self.courier.carried)

    def tried(self, recipient: Mailbox) -> int:
        return [each for _, each in self.courier.carried].count(str(recipient))


class WaitingTests(OrdersBase):
    def test_what_each_order_does_in_each_state(self) -> None:
        """State before × order → what was done, and the state after."""
        table = {
            ("queued", OrderKind.HOLD): (DONE, "held"),
            ("queued", OrderKind.RELEASE): (NOTHING, "queued"),
            ("queued", OrderKind.RETRY): (DONE, "queued"),
            ("queued", OrderKind.REMOVE): (DONE, None),
            ("held", OrderKind.HOLD): (NOTHING, "held"),
            ("held", OrderKind.RELEASE): (DONE, "queued"),
            ("held", OrderKind.RETRY): (NOTHING, "held"),
            ("held", OrderKind.REMOVE): (DONE, None),
        }
        for (before, kind), (obeyed, after) in table.items():
            self.setUp()
            message_id = self.deferred(BOB)
            if before == "held":
                self.order(message_id, HOLD)
            self.assertEqual(self.state(message_id), [before])
            self.assertEqual(self.order(message_id, Order(kind=kind)).obeyed, obeyed, (before, kind))
            if after is None:
                self.assertNotIn(message_id, self.spool.kept)
            else:
                self.assertEqual(self.state(message_id), [after], (before, kind))

    def test_held_is_not_tried_until_it_is_released(self) -> None:
        message_id = self.deferred(BOB)
        self.order(message_id, HOLD)
        self.wait(10 * 86400, 3600)
        self.assertEqual(self.attempts(), 1)
        self.courier.script[str(BOB)] = [Result.DELIVERED]
        self.assertEqual(self.order(message_id, RELEASE), OrderResult(DONE, (str(BOB),)))
        self.wait(60)
        self.assertEqual(self.attempts(), 2)
        self.assertNotIn(message_id, self.spool.kept)

    def test_released_after_its_life_is_tried_once_more_and_then_reported(self) -> None:
        message_id = self.deferred(BOB)
        self.order(message_id, HOLD)
        self.wait(10 * 86400, 3600)
        self.order(message_id, RELEASE)
        self.wait(120)
        self.assertEqual(self.attempts(), 3)  # the message's second, and its report
        self.assertEqual(list(self.spool.kept), [])

    def test_retry_is_at_once_and_ends_the_rest_of_the_destination(self) -> None:
        message_id = self.deferred(BOB)
        before = self.attempts()
        self.assertEqual(self.order(message_id, RETRY).obeyed, DONE)
        self.wait(30)
        self.assertEqual(self.attempts(), before + 1)
        # It is one attempt more, and then the timetable goes on.
        self.wait(60)
        self.assertEqual(self.attempts(), before + 1)

    def test_the_record_says_who_and_why_and_keeps_what_was_found(self) -> None:
        message_id = self.deferred(BOB)
        self.order(message_id, attrs.evolve(HOLD, reason="ticket 7"))
        held = self.spool.kept[message_id].message.recipients[0]
        assert held.last is not None
        self.assertEqual((held.attempts, held.last.diagnosis), (1, Diagnosis.DEFERRED_BY_PEER.value))
        self.assertEqual(held.last.text, "Held by the operator (ticket 7); before that: said")
        self.assertIsNone(held.next_try)
        self.order(message_id, attrs.evolve(RELEASE, reason="ticket 8"))
        released = self.spool.verdicts[-1]
        self.assertEqual((released.diagnosis, released.text), ("released", "Released by the operator (ticket 8)"))

    def test_removed_silently_or_with_a_report(self) -> None:
        message_id = self.deferred(BOB)
        self.order(message_id, REMOVE)
        self.assertEqual((self.results(message_id)[-1], self.reports()), ((str(BOB), "failed"), []))
        carried = self.attempts()
        message_id = self.deferred(CAROL)
        self.order(message_id, attrs.evolve(REMOVE, report=True))
        # Alice is local: her report is carried at once.
        self.assertEqual(self.courier.carried[carried + 1 :][-1][1], str(ALICE))
        verdict = next(
            each for each in self.spool.verdicts if each.diagnosis == "removed" and each.recipient == str(CAROL)
        )
        self.assertEqual((verdict.code, verdict.enhanced), (554, "5.7.0"))

    def test_the_report_of_a_removal_says_what_happened(self) -> None:
        self.courier.slow.add("us.test")
        message_id = self.deferred(BOB)
        self.order(message_id, attrs.evolve(REMOVE, report=True, reason="not for the sender"))
        [report] = self.reports()
        text = message_from_bytes(report.content).as_string()
        self.assertIn("removed from the queue", text)
        self.assertNotIn("not for the sender", text)

    def test_only_for_some_recipients(self) -> None:
        message_id = self.deferred(BOB, CAROL)
        chosen = frozenset({str(CAROL)})
        self.assertEqual(
            self.order(message_id, attrs.evolve(HOLD, recipients=chosen)), OrderResult(DONE, (str(CAROL),))
        )
        self.assertEqual(self.state(message_id), ["queued", "held"])
        self.assertEqual(self.order(message_id, attrs.evolve(REMOVE, recipients=chosen)).obeyed, DONE)
        self.assertEqual(self.state(message_id), ["queued", "failed"])
        self.assertEqual(self.order(message_id, attrs.evolve(REMOVE, recipients=chosen)).obeyed, NOTHING)

    def test_only_some_are_tried_at_once(self) -> None:
        for held in (False, True):
            for chosen in (BOB, CAROL):
                self.setUp()
                message_id = self.deferred(BOB, CAROL)
                order = attrs.evolve(RELEASE if held else RETRY, recipients=frozenset({str(chosen)}))
                if held:
                    self.order(message_id, attrs.evolve(HOLD, recipients=order.recipients))
                self.assertEqual(self.order(message_id, order).recipients, (str(chosen),))
                self.clock.advance(0)
                self.assertEqual((self.tried(BOB), self.tried(CAROL)), (1 + (chosen is BOB), 1 + (chosen is CAROL)))

    def test_unknown(self) -> None:
        for kind in OrderKind:
            self.assertEqual(self.order("0vyKfVczdK5G1f", Order(kind=kind)).obeyed, UNKNOWN)

    def test_unreadable_now_and_tried_later_all_the_same(self) -> None:
        message_id = self.deferred(BOB)
        self.spool.failing = True
        self.assertEqual(self.order(message_id, HOLD).obeyed, Obeyed.UNREADABLE)
        self.spool.failing = False
        self.wait(3600)
        self.assertGreater(self.attempts(), 1)

    def test_several_at_once_are_done_in_their_order(self) -> None:
        message_id = self.deferred(BOB)
        for order in (HOLD, RELEASE, HOLD, RETRY):
            self.order(message_id, order)
        self.assertEqual(self.state(message_id), ["held"])


class OnTheWayTests(OrdersBase):
    def setUp(self) -> None:
        super().setUp()
        self.courier.slow.add("b.test")

    def finish(self) -> None:
        """The delivery under way ends: deferred."""
        self.courier.script[str(BOB)] = [Result.DEFERRED]
        waiting, consignment = self.courier.waiting.pop()
        waiting.callback(self.courier.verdicts(consignment))

    def test_what_is_being_delivered_is_seen_to_afterwards(self) -> None:
        for order, state in ((HOLD, ["held"]), (RETRY, ["queued"]), (RELEASE, ["queued"])):
            self.setUp()
            message_id = self.send(BOB)
            self.assertEqual(self.order(message_id, order).obeyed, Obeyed.AFTERWARDS)
            self.finish()
            self.assertEqual(self.state(message_id), state)

    def test_removed_afterwards_unless_delivered(self) -> None:
        message_id = self.send(BOB)
        self.assertEqual(self.order(message_id, REMOVE).obeyed, Obeyed.AFTERWARDS)
        waiting, consignment = self.courier.waiting.pop()
        waiting.callback(self.courier.verdicts(consignment))
        self.assertEqual(self.results(message_id), [(str(BOB), "delivered")])
        message_id = self.send(BOB)
        self.order(message_id, REMOVE)
        self.finish()
        self.assertEqual(self.results(message_id)[-1], (str(BOB), "failed"))
        self.assertNotIn(message_id, self.spool.kept)

    def test_what_only_waits_for_its_turn_is_taken_back(self) -> None:
        """Else an order would count only when a slow destination has come round to the message."""
        self.make(delivery=attrs.evolve(self.config.delivery, connections_per_destination=1))
        first, second = self.send(BOB), self.send(BOB)
        self.assertEqual(len(self.courier.waiting), 1)
        self.assertEqual(self.order(second, HOLD), OrderResult(DONE, (str(BOB),)))
        self.assertEqual(self.state(second), ["held"])
        self.assertEqual(self.order(second, RELEASE).obeyed, DONE)
        self.finish()
        self.wait(60)
        self.assertIn((str(BOB), "deferred"), self.results(first))
        self.assertEqual(len(self.courier.waiting), 1)

    def test_one_consignment_out_and_one_waiting(self) -> None:
        message_id = self.send(BOB, CAROL)
        self.assertEqual(self.state(message_id), ["queued", "delivered"])
        self.assertEqual(self.order(message_id, REMOVE).obeyed, Obeyed.AFTERWARDS)
        self.finish()
        self.assertNotIn(message_id, self.spool.kept)

    def test_while_it_is_read(self) -> None:
        message_id = self.send(BOB)
        self.finish()
        loading: Deferred[Any] = Deferred()
        load, self.spool.load = self.spool.load, lambda _: loading  # type: ignore[method-assign]
        first, second = [], []
        self.dispatcher.order(message_id, HOLD).addCallback(first.append)
        self.dispatcher.order(message_id, RELEASE).addCallback(second.append)
        self.assertEqual((first, second), ([], []))
        self.spool.load = load  # type: ignore[method-assign]
        loading.callback(self.successResultOf(load(message_id)))
        self.assertEqual([each.obeyed for each in (*first, *second)], [DONE, DONE])


class OnDemandTests(OrdersBase):
    def setUp(self) -> None:
        super().setUp()
        self.make(routes=(Route(domain="b.test", via=Via.SMTP, host="mx.b.test", on_demand=True),))

    def test_waits_until_it_is_asked_for(self) -> None:
        message_id = self.send(BOB, CAROL)
        self.assertEqual(self.state(message_id), ["queued", "delivered"])
        last = self.spool.kept[message_id].message.recipients[0].last
        assert last is not None
        self.assertEqual((last.diagnosis, last.attempt), ("not_asked_for", 0))
        self.wait(86400, 600)
        self.assertEqual(self.tried(BOB), 0)
        flushed: list[int] = []
        self.dispatcher.flush("b.test").addCallback(flushed.append)
        self.wait(30)
        self.assertEqual((flushed, self.tried(BOB)), ([1], 1))
        self.assertNotIn(message_id, self.spool.kept)

    def test_an_operator_may_ask_for_it_too(self) -> None:
        message_id = self.send(BOB)
        self.assertEqual(self.order(message_id, RETRY).obeyed, DONE)
        self.wait(30)
        self.assertNotIn(message_id, self.spool.kept)

    def test_an_order_for_others_is_no_call_for_it(self) -> None:
        self.courier.script[str(CAROL)] = [Result.DEFERRED]
        message_id = self.send(BOB, CAROL)
        self.order(message_id, attrs.evolve(RETRY, recipients=frozenset({str(CAROL)})))
        self.wait(30)
        self.assertEqual((self.tried(BOB), self.tried(CAROL)), (0, 2))

    def test_waits_again_after_an_attempt_in_vain(self) -> None:
        self.courier.script[str(BOB)] = [Result.DEFERRED]
        self.send(BOB)
        self.dispatcher.flush("b.test")
        self.wait(86400, 600)
        self.assertEqual(self.tried(BOB), 1)

    def test_warned_and_given_up_like_other_mail(self) -> None:
        message_id = self.send(BOB)
        self.wait(7 * 86400, 600)
        self.assertNotIn(message_id, self.spool.kept)
        self.assertEqual(self.results(message_id)[-1], (str(BOB), "failed"))
        # The warning, and the report.
        self.assertEqual([recipient for _, recipient in self.courier.carried], [str(ALICE)] * 2)
