"""Ways that once led round Force TLS: each is tried, and leads nowhere."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Delivery
from fopemta.config.rules import load_rules
from fopemta.interfaces import SpoolFailing
from fopemta.mail.envelope import Notify, RecipientOptions
from fopemta.mail.orders import Order, OrderKind
from fopemta.mail.queued import Unfinished
from fopemta.outbound.grounds import Grounds
from fopemta.policy.way import Way
from fopemta.queue.demanding import Demanding
from fopemta.queue.dispatcher import Dispatcher
from fopemta.routing.consignment import Consignment
from fopemta.routing.route import Route, Via
from fopemta.routing.routes import next_hop
from fopemta.routing.values import RoutingFailure
from fopemta.testing.peers import StartTls
from fopemta.trust.demand import NOTHING_DEMANDED
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.levels import Level
from fopemta.trust.verdict import VerdictRecord
from tests.force_tls.test_reports import DAVE
from tests.force_tls.test_table import ON
from tests.force_tls.world import BOB, CAROL, HOUR, World
from tests.outbound.delivery import Delivery as OneDelivery
from tests.outbound.delivery import peer
from tests.queue.test_dispatcher import Base
from tests.tls.handshakes import AUTHORITY

FORCE_D = '[[rule]]\nname = "d"\nwhen = { recipients = ["d.test"] }\nthen = { action = "force_tls" }\n'
WANTS_FAILURES = RecipientOptions(frozenset({Notify.FAILURE}))


class WaitingTests(Base):
    """What waits for its turn when a rule comes is judged by the rule."""

    def busy(self) -> None:
        self.make(delivery=Delivery(connections_per_destination=1, connections=1))
        self.courier.slow.add("b.test")

    def rules(self, text: str) -> Configuration:
        return attrs.evolve(self.config, rulebook=load_rules(text, "/etc"))

    def test_a_consignment_that_waits_is_made_anew(self) -> None:
        self.busy()
        for _ in range(5):
            self.send(Mailbox("bob", "b.test"))
        self.assertEqual(len(self.courier.waiting), 1)
        self.dispatcher.reconfigure(self.rules(FORCE_D.replace("d.test", "b.test")))
        for _ in range(5):
            waiting, consignment = self.courier.waiting.pop(0)
            waiting.callback(self.courier.verdicts(consignment))
            self.wait(120)
        demanded = [each.demanded.rules for _, each in self.seen]
        self.assertEqual(demanded, [(), ("d",), ("d",), ("d",), ("d",)])

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[tuple[float, Consignment]] = []

    def make(self, **changes: Any) -> None:
        super().make(**changes)
        deliver = type(self.courier).deliver

        def noted(consignment: Consignment, ended: Any) -> Any:
            self.seen.append((self.clock.seconds(), consignment))
            return deliver(self.courier, consignment, ended)

        self.courier.deliver = noted  # type: ignore[method-assign]


class LastMomentTests(SynchronousTestCase):
    """A walk that was planned by other rules sends nothing."""

    def reloaded(self, delivery: OneDelivery, text: str = FORCE_D, **changes: Any) -> None:
        config = attrs.evolve(delivery.config, rulebook=load_rules(text, "/etc"), **changes)
        delivery.demands.reconfigure(config)

    def test_a_rule_came_while_it_waited(self) -> None:
        for starttls in (StartTls.GOOD, StartTls.NOT_OFFERED):
            server = peer(starttls)
            delivery = OneDelivery(server)
            stale = delivery.demands.edition
            self.reloaded(delivery)
            # As the queue had made it before.
            [verdict] = self.run_stale(delivery, stale)
            self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "demand_changed"))
            self.assertEqual((verdict.code, verdict.enhanced, verdict.next_try), (451, "4.2.1", verdict.time))
            self.assertEqual(server.messages, [])
            self.assertEqual([verb for verbs in server.verbs for verb in verbs if verb == "MAIL"], [])

    def run_stale(self, delivery: OneDelivery, edition: object) -> list[VerdictRecord]:
        class Marked:
            def __init__(self, demands: Demanding) -> None:
                self.demands = demands

            @property
            def edition(self) -> object:
                return edition

        real, delivery.demands = delivery.demands, Marked(delivery.demands)  # type: ignore[assignment]
        delivery.manager.context = attrs.evolve(delivery.manager.context, demands=real)
        return delivery.run()

    def test_another_edition_that_demands_the_same_is_no_hindrance(self) -> None:
        server = peer()
        delivery = OneDelivery(server)
        stale = delivery.demands.edition
        self.reloaded(delivery, FORCE_D.replace("d.test", "elsewhere.test"))
        self.assertEqual(self.run_stale(delivery, stale)[0].result.value, "delivered")
        self.assertEqual(len(server.messages), 1)

    def test_another_way_is_another_walk(self) -> None:
        server = peer()
        delivery = OneDelivery(server)
        stale = delivery.demands.edition
        route = Route(domain="d.test", via=Via.SMTP, host="192.0.2.77")
        self.reloaded(delivery, "", routes=(route,))
        self.assertEqual(self.run_stale(delivery, stale)[0].diagnosis, "demand_changed")
        self.assertEqual(server.messages, [])

    def test_a_rule_that_cannot_tell_now_sends_nothing(self) -> None:
        server = peer()
        delivery = OneDelivery(server)
        stale = delivery.demands.edition
        self.reloaded(delivery, FORCE_D.replace('recipients = ["d.test"]', 'subject = ["x"]'))
        content, calls = delivery.spool.content, itertools.count()

        def unreadable_once(message_id: str) -> Any:
            # When rules ask; the walk has not come to it then.
            return fail(SpoolFailing("the disk")) if next(calls) == 0 else content(message_id)

        delivery.spool.content = unreadable_once  # type: ignore[method-assign]
        self.assertEqual(self.run_stale(delivery, stale)[0].diagnosis, "policy_unknown")
        self.assertEqual(server.messages, [])


class GroundTests(SynchronousTestCase):
    """Between the question and MAIL the configuration may change: then nothing is permitted."""

    def grounds(self, ways: Any) -> tuple[Grounds, OneDelivery, Any]:
        delivery = OneDelivery(peer())
        hop = next_hop("d.test", ())
        consignment = Consignment(None, hop, (BOB,))  # type: ignore[arg-type]

        class Demands:
            edition: object = "one"

            def ways_in_force(self, _: Consignment) -> Any:
                return ways(Way(hop, NOTHING_DEMANDED, None))

        demands = Demands()
        delivery.manager.context = attrs.evolve(delivery.manager.context, demands=demands)
        plan = delivery.manager.plan(consignment)
        grounds = Grounds(delivery.manager, consignment, plan)
        looking = Deferred.fromCoroutine(grounds.look())
        self.assertIsNone(self.successResultOf(looking))
        return grounds, delivery, demands

    def test_as_it_was_asked(self) -> None:
        for ways in (lambda way: {BOB: way}, lambda way: succeed({BOB: way})):
            grounds, _, demands = self.grounds(ways)
            ground = grounds.of((BOB,), None, 0)
            plan = ground().plan
            assert plan is not None
            self.assertEqual((plan.level, ground().recipients), (Level.OPPORTUNISTIC, frozenset({BOB})))
            demands.edition = "two"
            self.assertIsNone(ground().plan)

    def test_who_was_not_asked_about(self) -> None:
        grounds, _, _ = self.grounds(lambda _: {})
        self.assertIs(grounds.against(BOB), Diagnosis.POLICY_UNKNOWN)
        self.assertIsNone(grounds.of((BOB,), None, 0)().plan)

    def test_who_cannot_be_judged(self) -> None:
        grounds, _, _ = self.grounds(lambda way: {BOB: way._replace(unsure="a disk")})
        self.assertIs(grounds.against(BOB), Diagnosis.POLICY_UNKNOWN)
        self.assertIsNone(grounds.of((BOB,), None, 0)().plan)

    def test_nobody_is_permitted_before_anybody_has_looked(self) -> None:
        grounds, delivery, _ = self.grounds(lambda way: {BOB: way})
        unasked = Grounds(delivery.manager, grounds._consignment, grounds._plan)
        self.assertIsNone(unasked.of((BOB,), None, 0)().plan)


class NoticeTests(SynchronousTestCase):
    """A notice keeps to what is demanded of any way of its message."""

    def inherited(self, world: World) -> list[tuple[str, ...]]:
        """The levels that each notice that is kept must keep to."""
        return [
            tuple(each.level.word for each in kept.message.envelope.inherited)
            for kept in world.spool.kept.values()
            if kept.message.envelope.sender is None
        ]

    def test_the_named_recipient_is_done_and_another_fails(self) -> None:
        world = World(ON, other="unreachable", far="none")
        world.send(BOB, CAROL, sender=DAVE, options=((CAROL, WANTS_FAILURES),))
        self.assertEqual(world.state(BOB), "authenticated")
        world.wait_until(5.5 * 24 * HOUR)
        self.assertIn("failed", world.state(CAROL))
        self.assertEqual(self.inherited(world), [("authenticated",)])
        world.wait_until(6 * 24 * HOUR)
        self.assertEqual(world.taken("far"), [])

    def test_what_an_operator_has_lifted_is_not_lifted_for_notices(self) -> None:
        world = World(ON, bank="none", other="unreachable", far="none")
        message_id = world.send(BOB, CAROL, sender=DAVE, options=((CAROL, WANTS_FAILURES),))
        order = Order(kind=OrderKind.RELEASE, override_tls=True, reason="by telephone")
        world.dispatcher.order(message_id, attrs.evolve(order, recipients=frozenset({str(BOB)})))
        world.wait_until(1 * HOUR)
        self.assertEqual(world.state(BOB), "plain")
        world.wait_until(5.5 * 24 * HOUR)
        self.assertEqual(self.inherited(world), [("authenticated",)])

    def test_a_route_that_demands_tls(self) -> None:
        for tls, wanted in ((Level.ENCRYPT, ("encrypt",)), (Level.AUTHENTICATED, ("authenticated",))):
            world = World("", other="unreachable", far="none")
            routes = (*world.config.routes, Route(domain="bank.test", via=Via.MX, tls=tls))
            world.reconfigure(attrs.evolve(world.config, routes=routes))
            world.send(BOB, CAROL, sender=DAVE, options=((CAROL, WANTS_FAILURES),))
            self.assertEqual(world.state(BOB), "authenticated")
            world.wait_until(5.5 * 24 * HOUR)
            self.assertEqual(self.inherited(world), [wanted])
            self.assertEqual(world.taken("far"), [])

    def test_a_rule_came_while_the_message_was_on_its_way(self) -> None:
        world = World("", far="none")
        found: Deferred[Any] = Deferred()
        hosts = world.manager.context.router.hosts
        world.manager.context.router.hosts = lambda hop: found if hop.domain == "bank.test" else hosts(hop)  # type: ignore
        world.send(BOB, sender=DAVE)
        world.reconfigure(world.configured(ON))
        found.callback(RoutingFailure(True, 556, "5.1.10", Diagnosis.NULL_MX, "it takes no mail"))
        world.network.flush()
        self.assertIn("failed", world.state(BOB))
        self.assertEqual(self.inherited(world), [("authenticated",)])
        world.wait_until(1 * HOUR)
        self.assertEqual(world.taken("far"), [])


class OnTheWayTests(SynchronousTestCase):
    """What ends or is withdrawn while a message is on its way counts no more at MAIL."""

    def test_an_exception_that_ends(self) -> None:
        # The world begins at some time of its day.
        midnight = datetime.fromtimestamp(AUTHORITY.now.timestamp(), UTC).date() + timedelta(days=1)
        end = datetime(midnight.year, midnight.month, midnight.day, tzinfo=UTC).timestamp()
        world = World(ON + EXCEPTION.format(midnight.isoformat()), bank="none")
        world.wait_until(end - world.begun - 30)
        found: Deferred[Any] = Deferred()
        hosts = world.manager.context.router.hosts
        world.manager.context.router.hosts = lambda hop: found.addCallback(lambda _: hosts(hop))  # type: ignore
        world.send(BOB)
        world.wait_until(end - world.begun + 30)
        found.callback(None)
        world.network.flush(2)
        self.assertEqual((world.state(BOB), world.taken("bank")), ("queued", []))
        self.assertIn("demand_changed", [each.diagnosis for each in world.verdicts(BOB)])

    def test_roots_that_are_withdrawn(self) -> None:
        self.assertEqual(self.mails_after_a_withdrawal(ON), ["demand_changed", 0, 1])

    def test_roots_that_nothing_depended_on(self) -> None:
        self.assertEqual(self.mails_after_a_withdrawal(""), [None, 1])

    def mails_after_a_withdrawal(self, rules: str) -> list[object]:
        """The diagnosis of the first attempt, and how many MAIL there were in each session."""
        world = World(rules)
        content, seen = world.spool.content, list[str]()

        def read(message_id: str) -> Any:
            # The certificate has been judged by now, and MAIL has not been sent.
            if not seen:
                seen.append(message_id)
                world.manager.distrust()
            return content(message_id)

        world.spool.content = read  # type: ignore[method-assign]
        world.send(BOB)
        world.wait_until(60)
        self.assertEqual(world.state(BOB), "authenticated")
        said = [verbs.count("MAIL") for each in world.peers["bank"] for verbs in each.verbs if "EHLO" in verbs]
        return [world.verdicts(BOB)[0].diagnosis, *said]

    def test_it_is_counted_before_a_reload(self) -> None:
        world = World(ON, bank="none")
        found: Deferred[Any] = Deferred()
        hosts = world.manager.context.router.hosts
        world.manager.context.router.hosts = lambda hop: found.addCallback(lambda _: hosts(hop))  # type: ignore
        world.send(BOB)
        for _ in range(2):
            freed = world.dispatcher.freed_by(world.configured(""))
            world.network.flush()
            self.assertEqual(self.successResultOf(freed), 1)
            if not found.called:
                found.callback(None)
                world.network.flush(2)

    def test_only_what_the_operator_has_let_fall_falls(self) -> None:
        alice = '[[rule]]\nname = "alice"\nwhen = { senders = ["alice@us.test"] }\nthen = { action = "force_tls" }\n'
        world = World(ON + alice, bank="none")
        found: Deferred[Any] = Deferred()
        hosts = world.manager.context.router.hosts
        world.manager.context.router.hosts = lambda hop: found.addCallback(lambda _: hosts(hop))  # type: ignore
        world.send(BOB)
        world.reconfigure(world.configured(ON))
        world.dispatcher.let_demands_fall("dora")
        # SIGHUP, before the message has come back and the order is obeyed.
        world.reconfigure(world.configured(""))
        found.callback(None)
        world.wait_until(1 * HOUR)
        # A record without the demand would be all that a restart finds.
        self.assertNotIn("demand_lowered", [each.diagnosis for each in world.verdicts(BOB)])
        self.assertEqual((world.state(BOB), world.taken("bank")), ("queued", []))


EXCEPTION = """
[[rule]]
name = "meanwhile"
owner = "it"
reason = "their server is being replaced"
expires = {}
when = {{ recipients = ["bank.test"] }}
then = {{ action = "allow_weaker", level = "opportunistic" }}
"""


class StoredTests(SynchronousTestCase):
    """What was demanded when a message was accepted holds over everything but an order."""

    def restarted(self, world: World, rules: str, **changes: Any) -> None:
        """Another process with other rules; the spool is all that is left."""
        config = attrs.evolve(world.configured(rules), **changes)
        world.config = config
        world.demanding = Demanding(world.spool, config, world.now)
        world.manager.reconfigure(config)
        world.manager.context = attrs.evolve(world.manager.context, demands=world.demanding)
        old = world.dispatcher
        old.stop(0)
        world.dispatcher = Dispatcher(
            world.spool, old._couriers, config, world.network, world.now, old._noise, demanding=world.demanding
        )
        found = [Unfinished.of(kept.message) for kept in world.spool.kept.values()]
        world.dispatcher.start(found)
        world.network.flush()

    def test_over_a_restart_without_the_rule(self) -> None:
        world = World(ON, bank="none")
        world.send(BOB)
        self.restarted(world, "")
        world.wait_until(12 * HOUR)
        self.assertEqual((world.state(BOB), world.taken("bank")), ("queued", []))
        self.assertEqual(world.verdicts(BOB)[-1].rules, ("bank",))
        world.wait_until(25 * HOUR)
        self.assertEqual(world.state(BOB), "failed tls_not_offered 5.7.10")

    def test_a_rule_that_came_later_and_was_obeyed_once_is_stored_then(self) -> None:
        world = World("", bank="unreachable")
        world.send(BOB)
        world.reconfigure(world.configured(ON))
        world.become("bank", "none")
        world.wait_until(1 * HOUR)
        self.assertEqual(world.state(BOB), "queued")
        self.restarted(world, "")
        world.wait_until(12 * HOUR)
        self.assertEqual((world.state(BOB), world.taken("bank")), ("queued", []))

    def test_a_route_that_demanded_tls(self) -> None:
        world = World("", bank="none")
        routes = (*world.config.routes, Route(domain="bank.test", via=Via.MX, tls=Level.ENCRYPT))
        world.reconfigure(attrs.evolve(world.config, routes=routes))
        world.send(BOB)
        self.restarted(world, "")
        world.wait_until(12 * HOUR)
        self.assertEqual((world.state(BOB), world.taken("bank")), ("queued", []))

    def test_only_an_order_lowers_it_and_the_record_says_whose(self) -> None:
        world = World(ON, bank="none")
        world.send(BOB)
        self.restarted(world, "")
        world.dispatcher.let_demands_fall("alice")
        world.network.flush()
        last = world.verdicts(BOB)[-1]
        assert last.lowered is not None
        self.assertTrue(last.lowered.startswith("alice at 20"), last.lowered)
        self.assertEqual((last.diagnosis, last.demanded), ("demand_lowered", NOTHING_DEMANDED))
        self.restarted(world, "")
        world.wait_until(12 * HOUR)
        self.assertEqual(world.state(BOB), "plain")
        self.assertTrue((world.verdicts(BOB)[-1].lowered or "").startswith("alice at 20"))

    def test_what_is_lowered_is_not_what_still_stands(self) -> None:
        world = World(ON, bank="none")
        world.send(BOB)
        world.dispatcher.let_demands_fall("alice")
        world.wait_until(12 * HOUR)
        self.assertEqual((world.state(BOB), world.verdicts(BOB)[-1].lowered), ("queued", None))

    def test_networks_that_change_turn_no_direction(self) -> None:
        rules = ON.replace("[[rule]]", '[[rule]]\ndirection = "outbound"')
        world = World(rules, bank="none")
        world.send(BOB)
        relay = attrs.evolve(world.config.relay, networks=(), domains=("bank.test",))
        self.restarted(world, rules, relay=relay)
        world.wait_until(12 * HOUR)
        self.assertEqual((world.state(BOB), world.taken("bank")), ("queued", []))
