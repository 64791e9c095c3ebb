"""What rules in test mode would have made of a session: the same as if they were enforced."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.demand import Demand, Demanded, NameSource, Proof
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback
from fopemta.trust.rungs import Rung
from fopemta.trust.verdict import Tested
from tests.outbound.delivery import Delivery
from tests.outbound.ladder import KINDS

ENCRYPT, AUTHENTICATED = Level.ENCRYPT, Level.AUTHENTICATED
BY_DOMAIN = Proof(names=NameSource.DOMAIN)
# Kind of server, level and proof of the rule → whether its message would have gone, else why not.
TABLE: dict[tuple[str, Level, Proof | None], str | None] = {
    ("good", ENCRYPT, None): None,
    ("good", AUTHENTICATED, None): None,
    ("good", AUTHENTICATED, Proof()): None,
    ("good", AUTHENTICATED, BY_DOMAIN): "name_mismatch",
    ("certificate expired", ENCRYPT, None): None,
    ("certificate expired", AUTHENTICATED, None): "cert_expired",
    ("certificate for another name", AUTHENTICATED, Proof(names=("elsewhere.test",))): None,
    ("no STARTTLS", ENCRYPT, None): "tls_not_offered",
    ("STARTTLS refused, 454", ENCRYPT, None): "tls_refused",
    ("speaks no TLS after 220", AUTHENTICATED, None): "not_tls",
    ("signs its handshake by SHA-1 alone", ENCRYPT, None): "no_common_cipher",
    ("signs its handshake by SHA-1 alone", AUTHENTICATED, None): "no_common_cipher",
    ("only CBC", ENCRYPT, None): None,
    ("refuses its own name", ENCRYPT, None): None,
    ("refuses its own name", AUTHENTICATED, None): "sni_refused",
    ("refuses its own name", AUTHENTICATED, BY_DOMAIN): "name_mismatch",
    ("refuses its own name", AUTHENTICATED, Proof(names=("mx1.d.test",))): "sni_refused",
}


class TestedTests(SynchronousTestCase):
    def test_table(self) -> None:
        found = {}
        for kind, level, proof in TABLE:
            delivery = Delivery(*KINDS[kind](), fallback=Fallback.IMMEDIATE)
            demand = Demand(level=level, source="rule try", proof=proof)
            delivery.demanded = Demanded(tested=(demand, attrs.evolve(demand, level=Level.OPPORTUNISTIC)))
            [verdict] = delivery.run(5)
            # Demands for less than encryption would keep nothing, and say nothing.
            [tested] = verdict.tested
            self.assertEqual((tested.rule, tested.passed), ("try", tested.diagnosis is None))
            found[kind, level, proof] = tested.diagnosis
        self.assertEqual(found, TABLE)

    def test_a_floor(self) -> None:
        for floor, passes in ((Rung.STRONG_128, False), (Rung.COMPATIBLE, True), (None, True)):
            delivery = Delivery(*KINDS["only CBC"]())
            delivery.demanded = Demanded(tested=(Demand(level=ENCRYPT, source="rule try", lowest_rung=floor),))
            [tested] = delivery.run()[0].tested
            self.assertEqual((tested.passed, tested.diagnosis), (passes, None if passes else "no_common_cipher"))

    def test_where_plain_text_is_what_was_wanted_there_is_no_tls_either(self) -> None:
        delivery = Delivery(*KINDS["good"](), level=Level.PLAIN)
        delivery.demanded = Demanded(tested=(Demand(level=ENCRYPT, source="rule try"),))
        self.assertEqual(delivery.run()[0].tested, (Tested("try", False, "tls_not_offered"),))

    def test_without_a_rule_nothing_is_said(self) -> None:
        self.assertEqual(Delivery(*KINDS["good"]()).run()[0].tested, ())

    def test_the_domain_is_the_recipient_s(self) -> None:
        """Though the plan does not ask for it."""
        delivery = Delivery(*KINDS["good"]())
        delivery.demanded = Demanded(
            demands=(Demand(level=ENCRYPT, source="rule a"),),
            tested=(Demand(level=AUTHENTICATED, source="rule b", proof=BY_DOMAIN),),
        )
        self.assertEqual(delivery.run()[0].tested, (Tested("b", False, "name_mismatch"),))
