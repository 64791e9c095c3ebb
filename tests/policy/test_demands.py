"""What rules demand of the way to each recipient: DESIGN 6 as a table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Route, Via
from fopemta.mail.address import Mailbox
from fopemta.policy.action import AllowWeaker, ForceTls, RouteVia
from fopemta.policy.demands import demands_on
from fopemta.policy.facts import ContentFacts, Gap
from fopemta.policy.rulebook import Mode
from fopemta.trust.demand import Patience, merge
from fopemta.trust.levels import Level
from tests.policy.rules import BOB, EVE, header, message, results, rule, to

ON, OFF = ForceTls(opportunistic_for_unspecified=True), ForceTls()
NAMES_BANK = (to("bank.test"),)


class ForceTlsTests(SynchronousTestCase):
    def test_named_or_not_and_option_on_or_off(self) -> None:
        table = {
            ("named", "on"): (Level.AUTHENTICATED, Level.AUTHENTICATED, True),
            ("unspecified", "on"): (Level.OPPORTUNISTIC, Level.AUTHENTICATED, False),
            ("named", "off"): (Level.AUTHENTICATED, Level.AUTHENTICATED, True),
            ("unspecified", "off"): (Level.AUTHENTICATED, Level.AUTHENTICATED, True),
        }
        found = {}
        for who, recipient in (("named", BOB), ("unspecified", EVE)):
            for option, force in (("on", ON), ("off", OFF)):
                demand = merge(demands_on(results(rule("bank", force, when=NAMES_BANK)), recipient).demanded.demands)
                found[who, option] = (demand.level, demand.preferred, demand.forced)
        self.assertEqual(found, table)

    def test_the_strictest_wins_and_all_are_named(self) -> None:
        found = demands_on(
            results(
                rule("a", ForceTls(level=Level.ENCRYPT, hold=3600.0)),
                rule("b", ForceTls(hold=86400.0, warn_after=60.0)),
                rule("c", ON, when=NAMES_BANK),
            ),
            EVE,
        )
        merged = merge(found.demanded.demands)
        self.assertEqual((merged.level, merged.sources), (Level.AUTHENTICATED, ("rule b",)))
        self.assertEqual(merged.patience, Patience(hold=3600.0, warn_after=60.0))
        self.assertEqual(found.demanded.rules, ("a", "b", "c"))

    def test_no_match_no_demand(self) -> None:
        self.assertEqual(demands_on(results(rule("a", OFF, when=(to("far.test"),))), BOB).demanded.demands, ())

    def test_test_mode_is_recorded_and_not_enforced(self) -> None:
        found = demands_on(results(rule("a", OFF, mode=Mode.TEST)), BOB)
        self.assertEqual((found.demanded.demands, len(found.demanded.tested), found.demanded.rules), ((), 1, ()))

    def test_whoever_is_stood_for_counts(self) -> None:
        carol = Mailbox("carol", "us.test")
        for stands_for, level in (
            ((), Level.OPPORTUNISTIC),
            ((EVE,), Level.OPPORTUNISTIC),
            ((EVE, BOB), Level.AUTHENTICATED),
        ):
            found = demands_on(results(rule("bank", ON, when=NAMES_BANK)), carol, stands_for)
            self.assertIs(merge(found.demanded.demands).level, level)

    def test_RULINGS_5_what_cannot_be_told(self) -> None:
        for for_good in (True, False):
            facts = message(content=ContentFacts(headers_gap=Gap("the message is encrypted", for_good)))
            rules = (
                rule("force", OFF, when=(header("X", "y"),)),
                rule("weaker", AllowWeaker(Level.PLAIN), when=(header("X", "y"),)),
            )
            found = demands_on(results(*rules, facts=facts), BOB)
            if for_good:
                # A demand applies, a relaxation does not.
                self.assertEqual((len(found.demanded.demands), found.demanded.weakest, found.unsure), (1, None, None))
            else:
                self.assertEqual((found.demanded.demands, found.unsure), ((), "rule force: the message is encrypted"))

    def test_exceptions_and_routes(self) -> None:
        way = Route(domain="*", via=Via.SMTP, host="192.0.2.9")
        found = demands_on(
            results(
                rule("weaker", AllowWeaker(Level.ENCRYPT), when=NAMES_BANK),
                rule("way", RouteVia(way), when=NAMES_BANK),
                rule("other", RouteVia(Route(domain="*"))),
            ),
            BOB,
        )
        self.assertEqual(
            (found.demanded.weakest, found.demanded.weakened_by, found.route), (Level.ENCRYPT, "weaker", way)
        )
        self.assertEqual(
            demands_on(results(rule("weaker", AllowWeaker(Level.ENCRYPT), when=NAMES_BANK)), EVE).demanded.weakest, None
        )
