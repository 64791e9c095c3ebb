"""What rules demand of the way to each recipient, as a table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction
from fopemta.policy.action import AllowWeaker, ForceTls, RouteVia
from fopemta.policy.demands import RuleDemands, demands_on, demands_on_callout, stricter
from fopemta.policy.facts import ContentFacts, Gap
from fopemta.policy.rulebook import Mode, Rulebook
from fopemta.routing.route import Route, Via
from fopemta.trust.demand import Demand, Demanded, NameSource, Patience, merge
from fopemta.trust.levels import Level
from tests.policy.rules import BOB, EVE, NOW, header, message, results, rule, to, who

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
        for kind, recipient in (("named", BOB), ("unspecified", EVE)):
            for option, force in (("on", ON), ("off", OFF)):
                demand = merge(
                    demands_on(results(rule("bank", force, when=NAMES_BANK)), who(recipient), False).demanded.demands
                )
                found[kind, option] = (demand.level, demand.preferred, demand.forced)
        self.assertEqual(found, table)

    def test_the_strictest_wins_and_all_are_named(self) -> None:
        found = demands_on(
            results(
                rule("a", ForceTls(level=Level.ENCRYPT, hold=3600.0)),
                rule("b", ForceTls(hold=86400.0, warn_after=60.0)),
                rule("c", ON, when=NAMES_BANK),
            ),
            who(EVE),
            False,
        )
        merged = merge(found.demanded.demands)
        self.assertEqual((merged.level, merged.sources), (Level.AUTHENTICATED, ("rule b",)))
        self.assertEqual(merged.patience, Patience(hold=3600.0, warn_after=60.0))
        self.assertEqual(found.demanded.rules, ("a", "b", "c"))

    def test_the_recipient_s_domain_is_kept_where_the_certificate_must_bear_it(self) -> None:
        domain = ForceTls(names=NameSource.DOMAIN)
        for rules, wanted in (
            ((rule("a", OFF),), ""),
            ((rule("a", ForceTls(names=("mx.bank.test",))),), ""),
            ((rule("a", domain),), "bank.test"),
            ((rule("a", OFF), rule("b", domain)), "bank.test"),
            ((rule("a", domain, mode=Mode.TEST),), "bank.test"),
            ((rule("a", domain, when=(to("far.test"),)),), ""),
        ):
            self.assertEqual(demands_on(results(*rules), who(BOB), False).demanded.domain, wanted, rules)

    def test_no_match_no_demand(self) -> None:
        self.assertEqual(
            demands_on(results(rule("a", OFF, when=(to("far.test"),))), who(BOB), False).demanded.demands, ()
        )

    def test_test_mode_is_recorded_and_not_enforced(self) -> None:
        found = demands_on(results(rule("a", OFF, mode=Mode.TEST)), who(BOB), False)
        self.assertEqual((found.demanded.demands, len(found.demanded.tested), found.demanded.rules), ((), 1, ()))

    def test_whoever_is_stood_for_counts(self) -> None:
        carol = Mailbox("carol", "us.test")
        for stands_for, level in (
            ((), Level.OPPORTUNISTIC),
            ((EVE,), Level.OPPORTUNISTIC),
            ((EVE, BOB), Level.AUTHENTICATED),
        ):
            found = demands_on(results(rule("bank", ON, when=NAMES_BANK)), who(carol, *stands_for), False)
            self.assertIs(merge(found.demanded.demands).level, level)

    def test_what_cannot_be_told(self) -> None:
        for for_good in (True, False):
            facts = message(content=ContentFacts(headers_gap=Gap("the message is encrypted", for_good)))
            rules = (
                rule("force", OFF, when=(header("X", "y"),)),
                rule("weaker", AllowWeaker(Level.PLAIN), when=(header("X", "y"),)),
            )
            found = demands_on(results(*rules, facts=facts), who(BOB), False)
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
            who(BOB),
            False,
        )
        self.assertEqual(
            (found.demanded.weakest, found.demanded.weakened_by, found.route), (Level.ENCRYPT, "weaker", way)
        )
        self.assertEqual(
            demands_on(
                results(rule("weaker", AllowWeaker(Level.ENCRYPT), when=NAMES_BANK)), who(EVE), False
            ).demanded.weakest,
            None,
        )

    def test_a_route_of_a_rule_takes_along_only_what_leaves(self) -> None:
        """A rule that says nothing of recipients does not take mail away from mailboxes here."""
        elsewhere = Route(domain="*", via=Via.SMTP, host="192.0.2.9")
        for names, stays, taken in (
            ((), False, True), ((), True, False), (NAMES_BANK, False, True), (NAMES_BANK, True, True),
        ):  # fmt: skip
            found = demands_on(results(rule("way", RouteVia(elsewhere), when=names)), who(BOB), stays)
            self.assertEqual(found.route is not None, taken, (names, stays))

    def test_an_exception_lifts_nothing_of_those_whom_it_leaves_out(self) -> None:
        ceo, where = Mailbox("ceo", "us.test"), Mailbox("dave", "far.test")
        for left_out, lifted in ((ceo, False), (EVE, True)):
            found = demands_on(
                results(
                    rule("force", OFF, when=(to("ceo@us.test"),)),
                    rule("weaker", AllowWeaker(Level.PLAIN), unless=(to(str(left_out)),)),
                    facts=message(recipients=(who(where, ceo),)),
                ),
                who(where, ceo),
                False,
            )
            self.assertEqual((len(found.demanded.demands), found.demanded.weakest is not None), (1, lifted))

    def test_an_exception_does_not_take_the_place_of_another(self) -> None:
        ceo, where = Mailbox("ceo", "us.test"), Mailbox("dave", "far.test")
        facts = message(recipients=(who(where, ceo),))
        force = rule("force", OFF, when=(to("ceo@us.test"),))
        first = rule("first", AllowWeaker(Level.PLAIN), when=(to("ceo@us.test", "dave@far.test"),))
        second = rule("second", AllowWeaker(Level.PLAIN), when=(to("dave@far.test"),))
        stored = demands_on(results(force, first, second, facts=facts), who(where, ceo), False)
        self.assertEqual(stored.demanded.weakened_by, "first")
        for rules, lifted in (((first, second), True), ((second,), False)):
            today = demands_on(results(*rules, facts=facts), who(where, ceo), False)
            self.assertIsNotNone(today.demanded.weakest)
            self.assertEqual(stricter(today, stored).demanded.weakest is not None, lifted)

    def test_how_long_mail_waits_goes_by_the_rules_of_today(self) -> None:
        long, short = Patience(hold=86400.0, warn_after=3600.0), Patience(hold=6.0, warn_after=1.0)
        for today, before, found in ((long, short, long), (short, long, short), (None, short, short)):
            demands = [
                RuleDemands(demanded=Demanded(demands=(Demand(source=f"rule {name}", level=level, patience=patience),)))
                for name, level, patience in (("a", Level.ENCRYPT, today), ("b", Level.AUTHENTICATED, before))
            ]
            self.assertEqual(stricter(*demands).demanded.patience, found)
            self.assertEqual([each.level for each in stricter(*demands).demanded.demands][-1], Level.AUTHENTICATED)

    def test_an_exception_lifts_what_it_names_by_every_address(self) -> None:
        away = Mailbox("x", "away.test")
        for force_on, exception_on, who_it_is, lifted in (
            ("bank.test", "bank.test", who(BOB), True),
            # The alias is bound, and the exception is for where it leads; and the other way round.
            ("us.test", "away.test", who(away, Mailbox("sales", "us.test")), False),
            ("away.test", "us.test", who(away, Mailbox("sales", "us.test")), False),
            ("away.test", "away.test", who(away, Mailbox("sales", "us.test")), True),
            ("*.test", "*.test", who(away, Mailbox("sales", "us.test")), True),
            ("*.test", "away.test", who(away, Mailbox("sales", "us.test")), False),
        ):
            rules = (
                rule("force", OFF, when=(to(force_on),)),
                rule("weaker", AllowWeaker(Level.PLAIN), when=(to(exception_on),)),
            )
            facts = message(recipients=(who_it_is,))
            found = demands_on(results(*rules, facts=facts), who_it_is, False)
            self.assertEqual(found.demanded.weakest is not None, lifted, (force_on, exception_on))

    def test_one_direction_is_not_the_other(self) -> None:
        """A demand on outbound mail is none on recipients at home, and frees nobody who leaves."""
        inward = who(EVE, direction=Direction.INBOUND)
        facts = message(recipients=(who(BOB), inward))
        for direction, bound in ((Direction.OUTBOUND, (True, False)), (Direction.INBOUND, (False, True))):
            said = results(rule("force", OFF, direction=direction), facts=facts)
            found = tuple(bool(demands_on(said, each, False).demanded.demands) for each in facts.recipients)
            self.assertEqual(found, bound)


class CalloutTests(SynchronousTestCase):
    def test_what_names_the_recipient_in_words(self) -> None:
        table = {
            "named": (rule("a", OFF, when=(to("bank.test"),)), True),
            "whatever else it asks for": (rule("a", OFF, when=(to("bank.test"), header("Subject", "x"))), True),
            "another": (rule("a", OFF, when=(to("far.test"),)), False),
            "nobody in words": (rule("a", OFF, when=(header("Subject", "x"),)), False),
            "only tested": (rule("a", OFF, when=(to("bank.test"),), mode=Mode.TEST), False),
            "expired": (rule("a", OFF, when=(to("bank.test"),), expires=NOW), False),
        }
        for case, (each, bound) in table.items():
            found = demands_on_callout(Rulebook((each,)), BOB, NOW)
            self.assertEqual(found.demanded.domain, "", case)
            self.assertEqual(bool(found.demanded.demands), bound, case)
