"""Plans: what is demanded × lowest rung → rungs."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.routing.plan import own_demand
from fopemta.routing.route import Route
from fopemta.trust.demand import Demand, Demanded, Patience, Proof, inheritance, merge
from fopemta.trust.ladder import plan_of
from fopemta.trust.levels import Level
from fopemta.trust.plan import Fallback, TlsPlan
from fopemta.trust.rungs import Rung

FORCED = Demand(
    level=Level.AUTHENTICATED, source="rule bank", proof=Proof(), lowest_rung=Rung.STRONG_128,
    patience=Patience(hold=86400, warn_after=3600),
)  # fmt: skip
TLS = ["strong256", "strong128", "compatible"]


def plan(level: Level, fallback: Fallback = Fallback.IMMEDIATE, lowest: Rung = Rung.COMPATIBLE) -> TlsPlan:
    return plan_of(merge([Demand(level=level, source="default")]), fallback, lowest)


def words(found: TlsPlan) -> list[str]:
    return [each.value for each in found.rungs]


class PlanTests(SynchronousTestCase):
    def test_whole_table(self) -> None:
        wanted = {}
        for lowest, count in (("strong256", 1), ("strong128", 2), ("compatible", 3), ("legacy", 3), ("plain", 3)):
            wanted[Level.PLAIN, lowest] = ["plain"]
            wanted[Level.OPPORTUNISTIC, lowest] = [*TLS[:count], "plain"]
            wanted[Level.ENCRYPT, lowest] = TLS[:count]
            wanted[Level.AUTHENTICATED, lowest] = TLS[:count]
        # Better than plain text, where that is on the ladder.
        for lowest in ("compatible", "plain"):
            wanted[Level.OPPORTUNISTIC, lowest] = [*TLS, "lenient", "plain"]
        # Who asks for it by name, and for no more than opportunistic TLS.
        wanted[Level.OPPORTUNISTIC, "legacy"] = [*TLS, "lenient", "legacy", "plain"]
        rungs = [rung for rung in Rung if rung is not Rung.LENIENT]
        found = {(level, rung.value): words(plan(level, lowest=rung)) for level in Level for rung in rungs}
        self.assertEqual(found, wanted)

    def test_a_floor_that_a_rule_demands_is_one_where_plain_text_may_be_spoken_too(self) -> None:
        for floor in (Rung.COMPATIBLE, Rung.STRONG_128):
            demands = [Demand(level=Level.OPPORTUNISTIC, source="rule", lowest_rung=floor)]
            for lowest in (Rung.COMPATIBLE, Rung.PLAIN, Rung.LEGACY):
                found = plan_of(merge(demands), Fallback.IMMEDIATE, lowest)
                self.assertEqual(words(found), [*TLS[: TLS.index(floor.value) + 1], "plain"])

    def test_fallback_rides_along_and_changes_no_rung(self) -> None:
        # Without STARTTLS plain text goes on at once; `fallback` is for failed handshakes alone.
        for fallback in Fallback:
            for level in Level:
                found = plan(level, fallback)
                self.assertEqual(found.rungs, plan(level).rungs)
                self.assertIs(found.fallback, fallback)
                self.assertEqual(found.plain_allowed, level <= Level.OPPORTUNISTIC)

    def test_what_is_demanded_with_what_the_route_says(self) -> None:
        """(route's tls, the rule's demand, the exception) → level, what is tried first, rungs."""
        unspecified = Demand(
            level=Level.OPPORTUNISTIC, preferred=Level.AUTHENTICATED, source="rule bank", proof=Proof()
        )
        opportunistic, encrypt, authenticated = Level.OPPORTUNISTIC, Level.ENCRYPT, Level.AUTHENTICATED
        strong, all_and_plain = TLS[:2], [*TLS, "lenient", "plain"]
        for route, demands, weakest, wanted in (
            (None, (), None, (opportunistic, opportunistic, all_and_plain)),
            (Level.PLAIN, (), None, (Level.PLAIN, Level.PLAIN, ["plain"])),
            (encrypt, (), None, (encrypt, encrypt, TLS)),
            (None, (FORCED,), None, (authenticated, authenticated, strong)),
            # A route that asks for less never weakens a rule.
            (Level.PLAIN, (FORCED,), None, (authenticated, authenticated, strong)),
            (None, (unspecified,), None, (opportunistic, authenticated, all_and_plain)),
            (encrypt, (unspecified,), None, (encrypt, authenticated, TLS)),
            (None, (unspecified, FORCED), None, (authenticated, authenticated, strong)),
            # What an exception lowers is still tried first.
            (None, (FORCED,), encrypt, (encrypt, authenticated, TLS)),
            (None, (FORCED,), opportunistic, (opportunistic, authenticated, all_and_plain)),
            (None, (FORCED,), Level.PLAIN, (Level.PLAIN, authenticated, all_and_plain)),
            (authenticated, (), encrypt, (encrypt, authenticated, TLS)),
        ):
            demanded = Demanded(demands=demands, weakest=weakest, weakened_by="old server")
            found = plan_of(
                demanded.merged(own_demand(Route(domain="example.org", tls=route))), Fallback.IMMEDIATE, Rung.COMPATIBLE
            )
            self.assertEqual((found.level, found.wanted, words(found)), wanted, (route, demands, weakest))

    def test_published_policy_is_never_lowered(self) -> None:
        demanded = Demanded(demands=(FORCED,), weakest=Level.OPPORTUNISTIC, weakened_by="old server")
        dane = Demand(level=Level.AUTHENTICATED, source="DANE")
        self.assertIs(demanded.merged(own_demand(Route(domain="example.org")), [dane]).level, Level.AUTHENTICATED)

    def test_no_exception_lowers_what_a_notice_has_inherited(self) -> None:
        """It is for the way of the notice, and what is demanded comes from the message that the notice is about."""
        [inherited] = inheritance((), [Demanded(demands=(FORCED,))], ())
        for weakest in (Level.ENCRYPT, Level.OPPORTUNISTIC, Level.PLAIN):
            demanded = Demanded(demands=(inherited,), weakest=weakest, weakened_by="old server")
            merged = demanded.merged(own_demand(Route(domain="example.org")))
            self.assertEqual((merged.level, merged.lowest_rung), (Level.AUTHENTICATED, FORCED.lowest_rung))
            self.assertEqual((merged.patience, demanded.patience), (FORCED.patience, FORCED.patience))

    def test_the_stricter_lowest_rung_counts(self) -> None:
        for client, wanted in ((Rung.STRONG_256, TLS[:1]), (Rung.STRONG_128, TLS[:2]), (Rung.PLAIN, TLS[:2])):
            found = plan_of(merge([FORCED]), Fallback.IMMEDIATE, client)
            self.assertEqual(words(found), wanted)

    def test_the_clock_runs_while_tls_can_fail(self) -> None:
        for weakest, runs in ((None, True), (Level.ENCRYPT, True), (Level.OPPORTUNISTIC, False), (Level.PLAIN, False)):
            demanded = Demanded(demands=(FORCED,), weakest=weakest)
            self.assertEqual((demanded.forced, demanded.patience is not None), (runs, runs), weakest)
        short = attrs.evolve(FORCED, patience=Patience(hold=60, warn_after=7200))
        self.assertEqual(Demanded(demands=(FORCED, short)).patience, Patience(hold=60, warn_after=3600))

    def test_levels_are_ordered(self) -> None:
        self.assertEqual(
            [level.word for level in sorted(Level)], ["plain", "opportunistic", "encrypt", "authenticated"]
        )
        self.assertIs(Level.from_word("encrypt"), Level.ENCRYPT)
        self.assertRaises(KeyError, Level.from_word, "ENCRYPT")
