"""What a permit is asked for with: what the connection has proven counts while its roots and what is demanded stand."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.rules import load_rules
from fopemta.outbound.grounds import Grounds
from fopemta.policy.way import Way
from fopemta.routing.consignment import Consignment
from fopemta.routing.routes import next_hop
from fopemta.testing.peers import StartTls
from fopemta.trust.demand import NOTHING_DEMANDED, Demand, Demanded
from fopemta.trust.diagnosis import Diagnosis
from fopemta.trust.levels import Level
from fopemta.trust.plan import TlsPlan
from tests.outbound.delivery import BOB, EVE, OTHER_NAME, Delivery, peer

AUTHENTICATED = Demanded(demands=(Demand(level=Level.AUTHENTICATED, source="rule x"),))


class Demands:
    """Demands the same of every way until a test says otherwise; `edition` of the configuration."""

    def __init__(self, demanded: Demanded) -> None:
        self.edition: object = "one"
        self.way = Way(next_hop("d.test", ()), demanded, None)

    def ways_in_force(self, _: Consignment) -> dict[Any, Way]:
        return {BOB: self.way, EVE: self.way}


class GroundsTests(SynchronousTestCase):
    def asked(self, demanded: Demanded) -> tuple[Grounds, Delivery, Demands]:
        delivery, demands = Delivery(peer()), Demands(demanded)
        delivery.manager.context = attrs.evolve(delivery.manager.context, demands=demands)
        consignment = Consignment(None, demands.way.hop, (BOB, EVE), demanded)  # type: ignore[arg-type]
        grounds = Grounds(delivery.manager, consignment, delivery.manager.plan(consignment))
        self.successResultOf(Deferred.fromCoroutine(grounds.look()))
        return grounds, delivery, demands

    def plan(self, grounds: Grounds, era: int) -> TlsPlan | None:
        ground = grounds.of((BOB, EVE), None, era)()
        self.assertEqual(ground.recipients, frozenset({BOB, EVE}))
        return ground.plan

    def test_roots_that_are_others_since_concern_mail_that_depends_on_them_alone(self) -> None:
        for demanded, given_up in ((NOTHING_DEMANDED, False), (AUTHENTICATED, True)):
            grounds, delivery, _ = self.asked(demanded)
            era = delivery.manager.context.pool.era
            self.assertIsNotNone(self.plan(grounds, era))
            self.assertEqual(self.plan(grounds, era - 1) is None, given_up)

    def test_a_configuration_that_is_another_since(self) -> None:
        grounds, delivery, demands = self.asked(NOTHING_DEMANDED)
        demands.edition = "two"
        self.assertIsNone(self.plan(grounds, delivery.manager.context.pool.era))

    def test_one_recipient_of_whom_more_is_demanded_now(self) -> None:
        grounds, delivery, demands = self.asked(NOTHING_DEMANDED)
        more = Way(demands.way.hop, AUTHENTICATED, None)
        demands.ways_in_force = lambda _: {BOB: demands.way, EVE: more}  # type: ignore[method-assign]
        self.successResultOf(Deferred.fromCoroutine(grounds.look()))
        self.assertEqual((grounds.against(BOB), grounds.against(EVE)), (None, Diagnosis.DEMAND_CHANGED))
        self.assertIsNone(self.plan(grounds, delivery.manager.context.pool.era))
        self.assertIsNotNone(grounds.of((BOB,), None, delivery.manager.context.pool.era)().plan)


class LastGateTests(SynchronousTestCase):
    def test_a_rule_that_comes_while_the_message_is_read_is_kept_to(self) -> None:
        """All has been looked at, the server has been greeted, and MAIL is next."""
        text = '[[rule]]\nname = "d"\nwhen = { recipients = ["d.test"] }\nthen = { action = "force_tls" }\n'
        for server in (peer(StartTls.NOT_OFFERED), peer(creator=OTHER_NAME)):
            delivery = Delivery(server)
            content, config = delivery.spool.content, attrs.evolve(delivery.config, rulebook=load_rules(text, "/etc"))

            def opened(message_id: str, delivery: Any = delivery, config: Any = config, content: Any = content) -> Any:
                delivery.demands.reconfigure(config)
                return content(message_id)

            delivery.spool.content = opened  # type: ignore[method-assign]
            [verdict] = delivery.run()
            self.assertEqual((verdict.result.value, verdict.diagnosis), ("deferred", "demand_changed"))
            self.assertNotIn("MAIL", server.verbs[0])
