"""What becomes of recipients: what it costs to settle, tell and write down."""

from __future__ import annotations

import random
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.config.model import Configuration, Listener, Node
from fopemta.mail.envelope import Envelope, Notify, RecipientOptions
from fopemta.policy.demands import RuleDemands
from fopemta.queue.demanding import NO_DEMANDS, Demanding, MessageDemands
from fopemta.queue.made_here import MadeHere
from fopemta.queue.outcomes import Outcomes
from fopemta.queue.ways import Round
from fopemta.routing.consignment import Consignment
from fopemta.routing.routes import next_hop
from fopemta.scheduling.roster import Roster
from fopemta.spool.memory import MemorySpool
from fopemta.trust.demand import Demand, Demanded, Patience
from fopemta.trust.levels import Level
from fopemta.trust.verdict import Result, VerdictRecord
from tests.steps import LINEAR, steps_a_pair

ALICE = Mailbox("alice", "us.test")
ID = "BCDFGHJKB"
DAY = 86400.0
CONFIG = Configuration(
    node=Node(hostname="us.test", postmaster=Mailbox("postmaster", "us.test")), listeners=(Listener(endpoint="tcp:25"),)
)
FORCED = RuleDemands(
    demanded=Demanded(
        demands=(Demand(level=Level.ENCRYPT, source="rule x", patience=Patience(hold=DAY, warn_after=3600.0)),)
    )
)


class CostTests(SynchronousTestCase):
    """Outcomes that come one by one cost what they say, however many recipients their message has."""

    def pairs(self, result: Result, demanded: RuleDemands | None = None, age: float = 0.0, **facts: object) -> float:
        def prepared(size: int) -> Callable[[], object]:
            clock = Clock()
            spool = MemorySpool(clock)
            outcomes = Outcomes(
                spool, CONFIG, Demanding(spool, CONFIG, clock.seconds),
                Roster(clock.seconds, clock.seconds), clock.seconds, random.Random(1),
                lambda _: Deferred(), lambda _: None, lambda: None, MadeHere(CONFIG, clock.seconds),
            )  # fmt: skip
            who = tuple(Mailbox(f"u{number}", "b.test") for number in range(size))
            asked = RecipientOptions(frozenset({Notify.DELAY}))
            envelope = Envelope(ALICE, who, options=tuple((each, asked) for each in who))
            message = self.successResultOf(spool.submit(ID, envelope, b"x"))
            assert message is not None
            clock.advance(age)
            demands = NO_DEMANDS
            if demanded is not None:
                demands = MessageDemands(dict.fromkeys(map(str, who), demanded))
            round_ = Round(message, demands, CONFIG)
            verdicts = [verdict(each, result, clock.seconds(), **facts) for each in who]

            def work() -> None:
                for each in verdicts:
                    self.successResultOf(Deferred.fromCoroutine(outcomes.record(round_, [each])))
                self.assertEqual([each.attempts for each in round_.message.recipients], [1] * size)

            return work

        return steps_a_pair(prepared)

    def test_delivered(self) -> None:
        self.assertLess(self.pairs(Result.DELIVERED), LINEAR)

    def test_deferred(self) -> None:
        self.assertLess(self.pairs(Result.DEFERRED), LINEAR)

    def test_deferred_and_warned_of(self) -> None:
        self.assertLess(self.pairs(Result.DEFERRED, age=2 * DAY), LINEAR)

    def test_waiting_for_tls_and_warned_of(self) -> None:
        pairs = self.pairs(Result.DEFERRED, FORCED, age=2 * 3600.0, diagnosis="tls_not_offered", tls_since=1.0)
        self.assertLess(pairs, LINEAR)

    def test_failed_at_the_end_of_its_life(self) -> None:
        self.assertLess(self.pairs(Result.DEFERRED, age=30 * DAY), LINEAR)

    def test_failed_and_nobody_wants_to_hear_of_it(self) -> None:
        self.assertLess(self.pairs(Result.FAILED), LINEAR)

    def test_nothing_tried_for_as_many_destinations(self) -> None:
        def prepared(size: int) -> Callable[[], object]:
            clock = Clock()
            kept = MemorySpool(clock)
            outcomes = Outcomes(
                kept, CONFIG, Demanding(kept, CONFIG, clock.seconds),
                Roster(clock.seconds, clock.seconds), clock.seconds, random.Random(1),
                lambda _: Deferred(), lambda _: None, lambda: None, MadeHere(CONFIG, clock.seconds),
            )  # fmt: skip
            who = tuple(Mailbox("u", f"d{number}.test") for number in range(size))
            spool = MemorySpool(clock)
            message = self.successResultOf(spool.submit(ID, Envelope(ALICE, who), b"x"))
            assert message is not None
            loads = [Consignment(message, next_hop(each.domain, ()), (each,)) for each in who]

            def work() -> None:
                for each in loads:
                    told = outcomes.untold(each, lambda status: verdict(status.address, Result.DEFERRED, 0.0))
                    self.assertEqual([one.recipient for one in told], [str(each.recipients[0])])

            return work

        self.assertLess(steps_a_pair(prepared), LINEAR)


def verdict(recipient: Mailbox, result: Result, now: float, **facts: object) -> VerdictRecord:
    code = {Result.DELIVERED: 250, Result.DEFERRED: 451, Result.FAILED: 550}[result]
    said = {"diagnosis": None if result is Result.DELIVERED else "refused_by_peer", **facts}
    return VerdictRecord(
        time=now, message=ID, sender=str(ALICE), recipient=str(recipient), attempt=1, result=result, code=code,
        enhanced=f"{code // 100}.0.0", text="said", **said,
    )  # fmt: skip
