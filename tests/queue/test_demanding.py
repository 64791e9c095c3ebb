"""What was stored with a message, and what rules say of it today."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Configuration, Listener, Node
from fopemta.config.rules import load_rules
from fopemta.mail.address import Mailbox
from fopemta.mail.envelope import Envelope, RecipientOptions
from fopemta.mail.queued import QueuedMessage
from fopemta.queue.demanding import Demanding
from fopemta.spool.memory import MemorySpool
from fopemta.trust.demand import Demand, Demanded
from fopemta.trust.levels import Level

BOB = Mailbox("bob", "bank.test")
STORED = Demanded(demands=(Demand(source="rule old", level=Level.AUTHENTICATED),), rules=("old",))
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
