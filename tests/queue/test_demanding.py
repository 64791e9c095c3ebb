"""What was stored with a message, and what rules say of it today."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Listener, Node
from fopemta.config.rules import load_rules
from fopemta.mail.envelope import Envelope, RecipientOptions
from fopemta.mail.queued import QueuedMessage
from fopemta.policy.demands import RuleDemands
from fopemta.policy.earlier import Earlier, RulesText
from fopemta.queue.demanding import Demanding
from fopemta.spool.memory import MemorySpool
from fopemta.trust.demand import Demand, Demanded
from fopemta.trust.levels import Level

BOB = Mailbox("bob", "bank.test")
STORED = Demanded(demands=(Demand(source="rule old", level=Level.AUTHENTICATED),), rules=("old",))
FORCE = '[[rule]]\nname = "bank"\nwhen = { recipients = ["bank.test"] }\nthen = { action = "force_tls" }\n'
ROUTE = """
[[rule]]
name = "way"
when = { recipients = ["bank.test"] }
then = { action = "route", via = "smtp:192.0.2.1:26" }
"""


class StoredTests(SynchronousTestCase):
    def test_what_is_stored_holds_and_the_way_of_today_is_taken(self) -> None:
        config = Configuration(
            node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")),
            listeners=(Listener(endpoint="tcp:25"),),
            rulebook=load_rules(ROUTE, "/etc"),
        )
        envelope = Envelope(None, (BOB,), options=((BOB, RecipientOptions(leaves=True, demanded=STORED)),))
        message = QueuedMessage.fresh("BCDFGHJK", 0.0, 10, envelope)
        demanding = Demanding(MemorySpool(Clock()), config, lambda: 0.0)
        found = self.successResultOf(Deferred.fromCoroutine(demanding.of(message))).of(str(BOB))
        self.assertEqual((found.demanded.demands, found.demanded.rules), (STORED.demands, ("way", "old")))
        assert found.route is not None
        self.assertEqual((found.route.host, found.route.port), ("192.0.2.1", 26))


class EarlierTests(SynchronousTestCase):
    """Rules that are in force no more, and mail that came in their time."""

    def setUp(self) -> None:
        self.config = Configuration(
            node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")),
            listeners=(Listener(endpoint="tcp:25"),),
        )

    def demanded(self, earlier: tuple[Earlier, ...], arrived: float, **changes: object) -> RuleDemands:
        config = attrs.evolve(self.config, earlier=earlier, **changes)  # type: ignore[arg-type]
        message = QueuedMessage.fresh("BCDFGHJK", arrived, 10, Envelope(None, (BOB,)))
        demanding = Demanding(MemorySpool(Clock()), config, lambda: 9.0)
        return self.successResultOf(Deferred.fromCoroutine(demanding.of(message))).of(str(BOB))

    def test_rules_before_a_restart_bind_what_came_in_their_time(self) -> None:
        force = Earlier(5.0, RulesText(FORCE, "/etc", load_rules(FORCE, "/etc")))
        for arrived, rules in ((4.0, ("bank",)), (6.0, ()), (10.0, ("bank",))):
            self.assertEqual(self.demanded((force,), arrived).demanded.rules, rules)

    def test_where_they_are_lost_nothing_is_sent(self) -> None:
        """With rules of today, and without any."""
        lost = Earlier(5.0, RulesText(None, "", None))
        for book in (None, load_rules(FORCE, "/etc")):
            self.assertIn("cannot be read", self.demanded((lost,), 4.0, rulebook=book).unsure or "")
            self.assertIsNone(self.demanded((lost,), 6.0, rulebook=book).unsure)

    def test_who_writes_them_down_says_which_are_kept(self) -> None:
        """And where nobody does, those until now are."""
        book = load_rules(FORCE, "/etc")
        demanding = Demanding(MemorySpool(Clock()), attrs.evolve(self.config, rulebook=book), lambda: 9.0)
        for config, keeps in (
            (self.config, True), (attrs.evolve(self.config, earlier=()), False),
            (attrs.evolve(self.config, earlier=(Earlier(1.0, RulesText(FORCE, "/etc", book)),)), True),
        ):  # fmt: skip
            demanding.reconfigure(config)
            self.assertIs(demanding.keeps_earlier, keeps)
        demanding.let_fall()
        self.assertFalse(demanding.keeps_earlier)
