"""What waits for a domain is tried at once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.orders import Order, OrderKind
from fopemta.scheduling.roster import is_of
from fopemta.trust.verdict import Result
from tests.queue.test_dispatcher import BOB, CAROL, Base
from tests.queue.test_traffic import DEAD, World


class IsOfTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        for wanted, domain, answer in (
            ("b.test", "b.test", True),
            ("b.test", "sub.b.test", False),
            ("@b.test", "b.test", True),
            ("@b.test", "sub.b.test", True),
            ("@b.test", "deep.sub.b.test", True),
            ("@b.test", "ab.test", False),
            ("@b.test", "test", False),
        ):
            self.assertEqual(is_of(wanted, domain), answer, (wanted, domain))


class FlushTests(Base):
    def flush(self, domain: str) -> int:
        return self.successResultOf(self.dispatcher.flush(domain))

    def test_only_the_domain_is_tried_and_only_what_waits(self) -> None:
        self.courier.script = {str(who): [Result.DEFERRED, Result.DELIVERED] for who in (BOB, CAROL)}
        both, done = self.send(BOB, CAROL), self.send(Mailbox("x", "b.test"))
        self.assertEqual(self.spool.finished, [done])
        self.assertEqual(self.flush("b.test"), 1)
        self.clock.advance(0)
        self.assertEqual(self.state(both), ["delivered", "queued"])
        # Who has it, or is held, waits no more.
        self.assertEqual((self.flush("b.test"), self.flush("elsewhere.test")), (0, 0))
        self.dispatcher.order(both, Order(kind=OrderKind.HOLD))
        self.assertEqual(self.flush("c.test"), 0)
        self.dispatcher.order(both, Order(kind=OrderKind.RELEASE))
        self.assertEqual(self.flush("c.test"), 1)

    def test_domains_below(self) -> None:
        below = Mailbox("bob", "sub.b.test")
        self.courier.script = {str(who): [Result.DEFERRED, Result.DELIVERED] for who in (BOB, below)}
        ids = [self.send(BOB), self.send(below)]
        self.assertEqual(self.flush("@b.test"), 2)
        self.clock.advance(0)
        self.assertEqual(self.spool.finished, ids)

    def test_what_was_recovered_is_known(self) -> None:
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(BOB)
        self.dispatcher.stop()
        self.make()
        self.dispatcher.start(self.successResultOf(self.spool.start()))
        self.assertEqual(self.flush("b.test"), 1)
        self.clock.advance(0)
        self.assertEqual(self.spool.finished, [message_id])

    def test_C112_who_is_on_his_way_is_tried_again_afterwards(self) -> None:
        self.courier.slow.add("b.test")
        self.courier.script["bob@b.test"] = [Result.DEFERRED, Result.DELIVERED]
        message_id = self.send(BOB)
        self.assertEqual(self.flush("b.test"), 1)
        self.courier.slow.clear()
        waiting, consignment = self.courier.waiting.pop()
        waiting.callback(self.courier.verdicts(consignment))
        self.clock.advance(0)
        self.assertEqual(self.spool.finished, [message_id])
        self.assertEqual(len(self.dispatcher._roster), 0)

    def test_C112_each_domain_that_was_asked_for_meanwhile_is_tried(self) -> None:
        for domains in (("b.test", "c.test"), ("c.test", "b.test")):
            self.setUp()
            self.courier.slow = {*domains}
            self.courier.script = {str(who): [Result.DEFERRED, Result.DELIVERED] for who in (BOB, CAROL)}
            message_id = self.send(BOB, CAROL)
            for domain in domains:
                self.flush(domain)
            self.courier.slow.clear()
            while self.courier.waiting:
                waiting, consignment = self.courier.waiting.pop()
                waiting.callback(self.courier.verdicts(consignment))
            self.clock.advance(0)
            self.assertEqual(self.spool.finished, [message_id])


class RestingFlushTests(World):
    def test_a_destination_that_rests_is_tried_with_all_its_mail(self) -> None:
        self.courier.places["back.test"] = DEAD
        self.start(*[self.keep("back.test") for _ in range(30)])
        self.pass_time(400)
        self.courier.places.clear()
        self.assertEqual(self.successResultOf(self.dispatcher.flush("back.test")), 30)
        self.pass_time(20 + 31)
        self.assertEqual(self.spool.kept, {})
