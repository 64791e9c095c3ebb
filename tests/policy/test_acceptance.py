"""What becomes of a message when it comes in."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Arrival, Direction, Envelope, Notify, RecipientOptions
from fopemta.policy.acceptance import Acceptance, accept, refusal_of
from fopemta.policy.action import AddHeader, Bcc, Defer, ForceTls, Hold, Redirect, Reject, RouteVia
from fopemta.policy.aliases import Aliases, parse
from fopemta.policy.facts import ContentFacts, Gap
from fopemta.policy.rulebook import Mode, Rule, Rulebook
from fopemta.policy.steps import House
from fopemta.routing.route import Route, Via
from fopemta.trust.levels import Level
from tests.every_field import filled
from tests.policy.rules import BOB, EVE, NOW, by, header, message, results, rule, to

ALICE, CAROL, DAVE = Mailbox("alice", "us.test"), Mailbox("carol", "us.test"), Mailbox("dave", "us.test")
ROUTES = (
    Route(domain="us.test", via=Via.MAILDIR, maildir="/m"),
    Route(domain="behind.test", via=Via.SMTP, host="192.0.2.7"),
)
HOUSE = House(ROUTES, ("behind.test",))
CONTENT = ContentFacts(headers=(("Subject", "The secret plan"),), texts=("hello",))


def aliased(text: str) -> House:
    """The same house, with these aliases."""
    aliases = parse(text, HOUSE.is_local)
    assert isinstance(aliases, Aliases), aliases
    return attrs.evolve(HOUSE, aliases=aliases)


def accepted(
    *rules: Rule, house: House = HOUSE, recipients: tuple[Mailbox, ...] = (BOB, EVE), outside: bool = False, **more: Any
) -> Acceptance:
    """Alice's message, from inside or outside."""
    envelope = Envelope(ALICE, recipients, arrival=filled(Arrival), from_outside=outside, **more)
    return accept(envelope, Rulebook(rules), house, CONTENT, 5000, NOW)


def led(found: Acceptance) -> dict[str, tuple[list[str], list[str]]]:
    """Of each recipient whom it stands for, and what lay between."""
    return {
        str(each): (
            [str(one) for one in found.envelope.options_of(each).stands_for],
            [str(one) for one in found.envelope.options_of(each).by_way_of],
        )
        for each in found.envelope.recipients
    }


def levels(found: Acceptance) -> dict[str, str]:
    """What is stored of demands, by recipient."""
    return {
        str(each): "/".join(demand.level.word for demand in found.envelope.options_of(each).demanded.demands)
        for each in found.envelope.recipients
    }


class RefusalTests(SynchronousTestCase):
    def test_a_refusal_has_lines_of_a_reply(self) -> None:
        for action, code in ((Reject, b"550"), (Defer, b"450")):
            found = refusal_of(results(rule(then=action("Größe: " + "zu groß " * 100))))
            assert found is not None
            lines = found[0].render().split(b"\r\n")[:-1]
            self.assertGreater(len(lines), 1)
            for line in lines:
                self.assertTrue(line.isascii() and line.startswith(code) and len(line) <= 510, line)
            self.assertIn(b"Grosse: zu gross zu", lines[0])

    def test_which_refusal(self) -> None:
        table = {
            "nobody": ([], None),
            "reject": ([rule(then=Reject("No"))], "550 5.7.1 No"),
            "defer": ([rule(then=Defer("Later"))], "450 4.7.1 Later"),
            "reject before defer": ([rule("a", Defer("Later")), rule("b", Reject("No"))], "550 5.7.1 No"),
            "no match": ([rule(then=Reject(), when=(by("far.test"),))], None),
            "only tested": ([rule(then=Reject(), mode=Mode.TEST)], None),
        }
        for case, (rules, wanted) in table.items():
            found = refusal_of(results(*rules))
            text = None if found is None else f"{found[0].code} {found[0].enhanced} {found[0].text}"
            self.assertEqual(text, wanted, case)

    def test_what_cannot_be_told(self) -> None:
        for for_good, refused in ((False, True), (True, False)):
            facts = message(content=ContentFacts(headers_gap=Gap("?", for_good)))
            for action in (Reject(), Hold(), ForceTls()):
                found = refusal_of(results(rule(then=action, when=(header("X", "a"),)), facts=facts))
                self.assertEqual(found is not None and found[0].code == 451, refused)

    def test_a_demand_that_cannot_be_told_now_defers_the_message(self) -> None:
        envelope = Envelope(ALICE, (BOB,))
        gap = ContentFacts(headers_gap=Gap("the disk", False))
        found = accept(envelope, Rulebook((rule(when=(header("X", "a"),)),)), HOUSE, gap, 1, NOW)
        assert found.refusal is not None
        assert found.refused_by is not None
        self.assertEqual((found.refusal.code, found.refused_by.rule.name), (451, "r"))
        self.assertEqual([each.rule for each in found.applied], ["r"])
        sure = accept(envelope, Rulebook((rule(when=(header("X", "a"),)),)), HOUSE, ContentFacts(), 1, NOW)
        self.assertEqual((sure.refusal, sure.refused_by), (None, None))

    def test_whom_an_alias_or_a_redirect_leads_to_may_be_refused(self) -> None:
        refuses = rule("no", Reject(), when=(to("bank.test"),))
        self.assertIsNotNone(
            accepted(refuses, house=aliased("sales: bob@bank.test"), recipients=(at("sales"),)).refusal
        )
        moves = rule("move", Redirect((BOB,)), when=(to("carol@us.test"),))
        self.assertIsNotNone(accepted(refuses, moves, recipients=(CAROL,)).refusal)
        self.assertIsNone(accepted(refuses, moves, recipients=(DAVE,)).refusal)

    def test_recipients_times_targets_are_bounded(self) -> None:
        many = tuple(Mailbox(f"n{number}", "old.test") for number in range(400))
        house = aliased("all: " + ", ".join(f"t{number}" for number in range(300)))
        moves = rule("move", Redirect((at("all"),)), when=(to("old.test"),))
        copies = rule("copy", Bcc(tuple(at(f"c{number}") for number in range(150))), when=(to("old.test"),))
        for rules, count, refused in (((moves,), 300, False), ((moves,), 400, True), ((copies,), 300, False),
                                      ((copies,), 400, True)):  # fmt: skip
            found = accepted(*rules, house=house, recipients=many[:count])
            self.assertEqual(found.refusal is not None, refused, (count, rules[0].name))
            if found.refusal is not None:
                self.assertEqual((found.refusal.code, found.refusal.enhanced), (452, "4.5.3"))

    def test_one_alias_alone_is_always_taken(self) -> None:
        house = aliased("all: " + ", ".join(f"t{number}" for number in range(10_000)))
        found = accepted(house=house, recipients=(at("all"),))
        self.assertEqual((found.refusal, len(found.envelope.recipients)), (None, 10_000))


def at(name: str) -> Mailbox:
    return Mailbox(name, "us.test")


class RecipientTests(SynchronousTestCase):
    def test_nothing_to_do(self) -> None:
        found = accepted()
        self.assertEqual((found.envelope.recipients, found.envelope.options), ((BOB, EVE), ()))
        self.assertEqual((found.refusal, found.envelope.held, found.headers, found.notes), (None, False, (), ()))

    def test_redirects_follow_each_other_and_remember(self) -> None:
        found = accepted(
            rule("a", Redirect((CAROL,)), when=(to("bank.test"),)),
            rule("b", Redirect((DAVE, EVE)), when=(to("bank.test", "us.test"),)),
        )
        self.assertEqual(
            led(found),
            {
                "dave@us.test": (["bob@bank.test"], ["carol@us.test"]),
                "eve@shop.test": (["bob@bank.test", "eve@shop.test"], ["carol@us.test"]),
            },
        )
        self.assertEqual([(each.rule, each.action) for each in found.notes], [("a", "redirect"), ("b", "redirect")])

    def test_redirects_that_lead_back(self) -> None:
        there = rule("there", Redirect((CAROL,)), when=(to("dave@us.test"),))
        back = rule("back", Redirect((DAVE,)), when=(to("carol@us.test"),))
        for rules in ((there, back), (back, there)):
            for recipient in (CAROL, DAVE):
                found = accepted(*rules, recipients=(recipient,))
                self.assertEqual(len(found.envelope.recipients), 1)

    def test_nothing_comes_back_to_where_it_has_been_on_the_way(self) -> None:
        way = (("a", BOB, CAROL), ("b", CAROL, DAVE), ("c", DAVE, CAROL), ("d", CAROL, EVE))
        rules = [rule(name, Redirect((target,)), when=(to(str(BOB), str(start)),)) for name, start, target in way]
        self.assertEqual([str(each) for each in accepted(*rules, recipients=(BOB,)).envelope.recipients], [str(DAVE)])

    def test_whom_an_alias_leads_to_is_redirected(self) -> None:
        house = aliased("sales: carol, dave\nlist: sales, eve@shop.test")
        found = accepted(
            rule("a", Redirect((at("list"),)), when=(to("dave@us.test"),)), house=house, recipients=(DAVE,)
        )
        self.assertEqual(
            led(found),
            {
                "carol@us.test": (["dave@us.test"], ["list@us.test", "sales@us.test"]),
                # The rule has led here from Dave, and does not lead him round in circles.
                "dave@us.test": ([], ["list@us.test", "sales@us.test"]),
                "eve@shop.test": (["dave@us.test"], ["list@us.test"]),
            },
        )

    def test_who_is_named_beside_an_alias_is_not_lost_to_the_redirect_of_the_alias(self) -> None:
        house = aliased("sales: carol, dave")
        found = accepted(
            rule("a", Redirect((EVE,)), when=(to("sales@us.test"),)), house=house, recipients=(at("sales"), CAROL)
        )
        self.assertIn(CAROL, found.envelope.recipients)

    def test_an_alias_is_redirected_before_it_is_looked_up(self) -> None:
        moves = rule("a", Redirect((EVE,)), when=(to("sales@us.test"),))
        found = accepted(moves, house=aliased("sales: carol, dave"), recipients=(at("sales"),))
        self.assertEqual(led(found), {"eve@shop.test": (["sales@us.test"], [])})

    def test_a_copy_for_an_alias_of_a_recipient(self) -> None:
        found = accepted(rule("a", Bcc((CAROL,))), house=aliased("carol: bob@bank.test, x@far.test"))
        self.assertEqual([str(each) for each in found.envelope.recipients].count("bob@bank.test"), 1)
        self.assertEqual(led(found)["bob@bank.test"], ([], []))
        self.assertIn("x@far.test", led(found))

    def test_a_copy_stands_for_everybody(self) -> None:
        found = accepted(rule("a", Bcc((CAROL, EVE))), house=aliased("carol: x@far.test"))
        self.assertEqual(
            led(found),
            {
                "bob@bank.test": ([], []),
                "eve@shop.test": ([], []),
                "x@far.test": (["bob@bank.test", "eve@shop.test"], ["carol@us.test"]),
            },
        )
        [copy] = [each for each in found.envelope.recipients if each.domain == "far.test"]
        self.assertEqual(found.envelope.options_of(copy).notify, frozenset({Notify.NEVER}))

    def test_several_add_up(self) -> None:
        one, two = AddHeader("X-One", "1"), AddHeader("X-Two", "2")
        found = accepted(
            rule("a", one), rule("b", two), rule("c", Hold(), mode=Mode.TEST), rule("d", Hold(), when=(by("x"),))
        )
        self.assertEqual((found.headers, found.envelope.held), ((one, two), False))
        self.assertEqual(
            [(each.rule, each.mode) for each in found.notes], [("a", "enforce"), ("b", "enforce"), ("c", "test")]
        )
        self.assertEqual(found.envelope.rules, found.notes)
        self.assertTrue(accepted(rule("c", Hold())).envelope.held)

    def test_all_that_nothing_is_said_of_stays(self) -> None:
        before = filled(Envelope, held=False, from_outside=True)
        found = accept(before, Rulebook((rule("c", Bcc((CAROL,))),)), HOUSE, CONTENT, 1, NOW).envelope
        same = {name: getattr(before, name) for name in ("recipients", "rules", "options")}
        self.assertEqual(attrs.evolve(found, **same), before)
        for each in before.recipients:
            kept = attrs.evolve(before.options_of(each), leaves=True)
            self.assertEqual(attrs.evolve(found.options_of(each), leaves=True), kept)

    def test_how_many_the_client_named_is_remembered(self) -> None:
        house = aliased("sales: carol, dave, bob@bank.test")
        self.assertEqual(accepted(house=house, recipients=(at("sales"),)).envelope.named, 1)
        self.assertEqual(accepted(house=house, recipients=(CAROL,)).envelope.named, 0)


class DirectionTests(SynchronousTestCase):
    """From outside and to somebody who is at home here is inbound; all else is outbound."""

    def test_table(self) -> None:
        house = aliased("sales: carol, bob@bank.test, x@behind.test")
        inbound, outbound = Direction.INBOUND, Direction.OUTBOUND
        behind = Mailbox("y", "behind.test")
        for outside, wanted in (
            (False, {at("carol"): outbound, BOB: outbound, Mailbox("x", "behind.test"): outbound, behind: outbound}),
            (True, {at("carol"): inbound, BOB: outbound, Mailbox("x", "behind.test"): inbound, behind: inbound}),
        ):
            envelope = accepted(house=house, recipients=(at("sales"), behind), outside=outside).envelope
            self.assertEqual({each: envelope.direction_of(each) for each in envelope.recipients}, wanted)

    def test_redirects_and_copies_have_their_own(self) -> None:
        rules = (rule("a", Redirect((BOB,)), when=(to("dave@us.test"),)), rule("b", Bcc((EVE,))))
        envelope = accepted(*rules, recipients=(CAROL, DAVE), outside=True).envelope
        self.assertEqual(
            {str(each): envelope.direction_of(each).value for each in envelope.recipients},
            {"carol@us.test": "inbound", "bob@bank.test": "outbound", "eve@shop.test": "outbound"},
        )

    def test_a_rule_for_outbound_mail_covers_what_an_alias_sends_out_again(self) -> None:
        force = rule("bank", when=(to("bank.test"),), direction=Direction.OUTBOUND)
        found = accepted(force, house=aliased("sales: bob@bank.test"), recipients=(at("sales"), CAROL), outside=True)
        self.assertEqual(levels(found), {"bob@bank.test": "authenticated", "carol@us.test": ""})


class StoredDemandTests(SynchronousTestCase):
    BANK = rule("bank", ForceTls(opportunistic_for_unspecified=True), when=(to("bank.test"),))

    def test_whoever_leads_to_the_bank_by_any_way(self) -> None:
        moves = rule("move", Redirect((BOB,)), when=(to("dave@us.test"),))
        copies = rule("copy", Bcc((Mailbox("audit", "bank.test"),)))
        for house, rules, recipient in (
            (HOUSE, (), BOB),
            (aliased("sales: bob@bank.test"), (), at("sales")),
            (aliased("one: two\ntwo: bob@bank.test"), (), at("one")),
            (HOUSE, (moves,), DAVE),
            (HOUSE, (copies,), EVE),
        ):
            found = levels(accepted(self.BANK, *rules, house=house, recipients=(recipient,)))
            bank = {level for address, level in found.items() if address.endswith("@bank.test")}
            self.assertEqual(bank, {"authenticated"}, (recipient, found))

    def test_whoever_the_bank_leads_to(self) -> None:
        """The demand on an address is on whoever gets its mail."""
        moves = rule("move", Redirect((Mailbox("x", "far.test"),)), when=(to("sales@us.test"),))
        for house, rules, names in (
            (aliased("sales: x@far.test"), (), "sales@us.test"),
            (aliased("list: sales\nsales: x@far.test"), (), "sales@us.test"),
            (HOUSE, (moves,), "sales@us.test"),
        ):
            force = rule("f", when=(to(names),))
            recipient = at("list") if "list" in house.aliases.by_name else at("sales")
            found = levels(accepted(force, *rules, house=house, recipients=(recipient,)))
            self.assertEqual(found, {"x@far.test": "authenticated"}, found)

    def test_what_routes_demand_is_stored_by_its_level_alone(self) -> None:
        routes = (Route(domain="bank.test", via=Via.MX, tls=Level.AUTHENTICATED, pins=("00" * 32,)),)
        [demand] = accepted(house=House(routes, ()), recipients=(BOB,)).envelope.options_of(BOB).demanded.demands
        self.assertEqual((demand.level, demand.source, demand.proof), (Level.AUTHENTICATED, "route", None))
        routes = (Route(domain="bank.test", via=Via.MX, tls=Level.OPPORTUNISTIC),)
        self.assertEqual(accepted(house=House(routes, ()), recipients=(BOB,)).envelope.options, ())

    def test_what_is_not_stored(self) -> None:
        for found in (
            accepted(rule("t", mode=Mode.TEST)),
            accepted(rule("r", RouteVia(Route(domain="*")))),
            accepted(rule("far", when=(to("far.test"),))),
        ):
            self.assertFalse(found.envelope.bound)

    def test_options_that_rcpt_gave_stay(self) -> None:
        never = RecipientOptions(notify=frozenset({Notify.NEVER}))
        found = accepted(self.BANK, options=((BOB, never),)).envelope
        self.assertEqual(found.options_of(BOB).notify, never.notify)
        self.assertTrue(found.bound)
        self.assertFalse(accepted().envelope.bound)
