"""Demands together: which of two is the weaker, what an exception leaves of one, and what a notice inherits."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.trust.demand import (
    REPORT,
    Demand,
    Demanded,
    Merged,
    NameSource,
    Patience,
    Proof,
    inheritance,
    merge,
    weaker,
)
from fopemta.trust.levels import Level
from fopemta.trust.rungs import Rung

CLOCK, LONGER = Patience(hold=3600.0, warn_after=600.0), Patience(hold=7200.0, warn_after=60.0)
FORCED = Demand(level=Level.AUTHENTICATED, source="rule bank", proof=Proof(), patience=CLOCK)
OWN = Demand(level=Level.OPPORTUNISTIC, source="default")


def merged(**changes: object) -> Merged:
    return merge([attrs.evolve(FORCED, **changes)])  # type: ignore[arg-type]


class MergeTests(SynchronousTestCase):
    def test_the_ladder_ends_where_the_strictest_of_them_ends_it(self) -> None:
        for lowest, wanted in (
            ((Rung.STRONG_256, Rung.STRONG_128), Rung.STRONG_256),
            ((Rung.COMPATIBLE, Rung.STRONG_128, None), Rung.STRONG_128),
            ((None, None), None),
        ):
            for order in (lowest, lowest[::-1]):
                found = merge([attrs.evolve(FORCED, lowest_rung=each) for each in order])
                self.assertIs(found.lowest_rung, wanted, order)


class WeakerTests(SynchronousTestCase):
    def test_table(self) -> None:
        listed, mx = Proof(names=("mx.bank.test",)), Proof()
        for new, old, wanted in (
            (merged(), merged(), False),
            (merged(level=Level.ENCRYPT), merged(), True),
            (merged(), merged(level=Level.ENCRYPT), False),
            (merge([attrs.evolve(OWN, preferred=Level.AUTHENTICATED)]), merge([OWN]), False),
            (merge([OWN]), merge([attrs.evolve(OWN, preferred=Level.AUTHENTICATED)]), True),
            # Other proofs matter where a proof was asked for.
            (merged(proof=listed), merged(), True),
            (merge([FORCED, attrs.evolve(FORCED, proof=listed)]), merged(), False),
            (merged(level=Level.ENCRYPT, proof=listed), merged(level=Level.ENCRYPT, proof=mx), False),
            (merged(proof=listed), merged(level=Level.ENCRYPT, proof=mx), False),
            # How far down the ladder may lead; without a word as far as the configuration has it.
            (merged(lowest_rung=Rung.STRONG_128), merged(lowest_rung=Rung.STRONG_128), False),
            (merged(lowest_rung=Rung.STRONG_256), merged(lowest_rung=Rung.STRONG_128), False),
            (merged(lowest_rung=Rung.COMPATIBLE), merged(lowest_rung=Rung.STRONG_128), True),
            (merged(lowest_rung=None), merged(lowest_rung=Rung.STRONG_128), True),
            (merged(lowest_rung=Rung.STRONG_128), merged(lowest_rung=None), False),
        ):
            self.assertIs(weaker(new, old), wanted, (new, old))


class ExceptionTests(SynchronousTestCase):
    def test_what_it_leaves_of_a_demand(self) -> None:
        """Mail that may go in the clear has no clock of Force TLS any more."""
        strict = attrs.evolve(FORCED, lowest_rung=Rung.STRONG_256)
        for weakest, level, patience, lowest in (
            (Level.AUTHENTICATED, Level.AUTHENTICATED, CLOCK, Rung.STRONG_256),
            (Level.ENCRYPT, Level.ENCRYPT, CLOCK, None),
            (Level.OPPORTUNISTIC, Level.OPPORTUNISTIC, None, None),
            (Level.PLAIN, Level.PLAIN, None, None),
        ):
            demanded = Demanded(demands=(strict,), weakest=weakest, weakened_by="w")
            found = demanded.merged(OWN)
            self.assertEqual((found.level, found.patience, found.lowest_rung), (level, patience, lowest), weakest)
            self.assertIs(found.preferred, Level.AUTHENTICATED)

    def test_what_is_published_or_inherited_it_does_not_lower(self) -> None:
        demanded = Demanded(demands=(FORCED,), weakest=Level.OPPORTUNISTIC, weakened_by="w")
        published = Demand(level=Level.ENCRYPT, source="policy of the domain")
        self.assertIs(demanded.merged(OWN, [published]).level, Level.ENCRYPT)


class NoticeTests(SynchronousTestCase):
    def inherited(self, *demands: Demand, kept: tuple[Demand, ...] = ()) -> tuple[Demand, ...]:
        return inheritance(kept, [Demanded(demands=demands)], [])

    def test_of_the_demand_of_a_rule(self) -> None:
        pinned = Proof(names=("mx.bank.test",), pins=("ab" * 32,), roots="/etc/roots")
        demand = attrs.evolve(FORCED, proof=pinned, preferred=Level.AUTHENTICATED, tell_sender=True)
        [found] = self.inherited(demand)
        self.assertEqual(
            found,
            attrs.evolve(
                FORCED, source=REPORT, proof=Proof(names=NameSource.MX, roots="/etc/roots"), preferred=None,
                tell_sender=False,
            ),
        )  # fmt: skip
        self.assertTrue(found.inherited)
        [domain] = self.inherited(attrs.evolve(FORCED, proof=Proof(names=NameSource.DOMAIN)))
        assert domain.proof is not None
        self.assertIs(domain.proof.names, NameSource.DOMAIN)

    def test_a_bare_report_where_every_rule_says_so(self) -> None:
        bare = attrs.evolve(FORCED, bare_report=True)
        [found] = self.inherited(bare, attrs.evolve(bare, patience=LONGER))
        self.assertEqual((found.level, found.bare_report), (Level.ENCRYPT, True))
        self.assertEqual(found.patience, Patience(hold=3600.0, warn_after=60.0))
        for demands, kept in (((bare, FORCED), ()), ((bare,), (attrs.evolve(FORCED, source=REPORT),))):
            levels = [each.level for each in self.inherited(*demands, kept=kept)]
            self.assertEqual(levels, [Level.AUTHENTICATED])

    def test_nothing_of_what_asks_for_no_tls(self) -> None:
        self.assertEqual(self.inherited(OWN), ())
