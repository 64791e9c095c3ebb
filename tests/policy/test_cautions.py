"""What in the rules is probably not meant."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.rules import load_rules
from fopemta.policy.action import AllowWeaker, Defer, ForceTls, Reject
from fopemta.policy.cautions import expiry_cautions, proof_cautions, rule_cautions
from fopemta.policy.rulebook import Mode, Rule
from fopemta.routing.route import Route, Via

PIN = "0" * 64
NOW = datetime(2026, 11, 25, tzinfo=UTC).timestamp()
ROUTES = (Route(domain="us.test", via=Via.MAILDIR, maildir="/m/{local_part}"),)
BANK = 'when = { recipients = ["bank.test"] }'


def rules(*bodies: str) -> str:
    """Rules named a, b, ...: the heading of the first is line 1, each has three lines."""
    return "".join(f'[[rule]]\nname = "{name}"\n{body}\n' for name, body in zip("abcdef", bodies, strict=False))


class CautionTests(SynchronousTestCase):
    def cautions(self, *bodies: str) -> list[str]:
        return [str(each) for each in rule_cautions(load_rules(rules(*bodies), "/etc"), ROUTES, NOW)]

    def test_nothing_to_say(self) -> None:
        self.assertEqual(
            self.cautions(
                BANK + '\nthen = { action = "force_tls" }',
                'when = { subject = ["x"] }\nthen = { action = "force_tls" }',
                'when = { senders = ["spam.test"] }\nthen = { action = "reject" }',
                'expires = 2027-06-01\nthen = { action = "hold" }',
            ),
            [],
        )

    def test_each(self) -> None:
        force, reject = '\nthen = { action = "force_tls" }', '\nthen = { action = "reject" }'
        given = '\nowner = "it"\nreason = "old"\nexpires = 2027-06-01'
        weaker = given + '\nthen = { action = "allow_weaker", level = "encrypt" }'
        for bodies, wanted in (
            (["expires = 2026-11-01" + force], "has expired at 2026-11-01 00:00 UTC"),
            (["expires = 2026-12-05" + force], "ends at 2026-12-05 00:00 UTC"),
            (
                ['direction = "inbound"\nwhen = { users = ["bob"] }' + reject],
                "never matches: mail of logins is outbound",
            ),
            ([BANK + '\nthen = { action = "force_tls", names = ["bank"] }'], "a name without a dot: bank"),
            (['when = { recipients = ["us.test", "bob@us.test"] }' + force], "need no TLS"),
            (
                ['when = { recipients = ["gov"] }' + force],
                "names the domain gov alone, and nothing below it",
            ),
            ([reject, BANK + force], "is never reached: rule a refuses all that it matches"),
            ([BANK + force, BANK + force], "adds nothing: rule a does the same"),
            ([force, BANK + force], "adds nothing: rule a does the same"),
            ([BANK + force, BANK + weaker], "contradicts rule a"),
            ([BANK + weaker, BANK + force], "contradicts rule a"),
            (
                [BANK + f'\nthen = {{ action = "force_tls", names = ["{name}"] }}' for name in ("x.test", "y.test")],
                "and rule a expect different names",
            ),
        ):
            found = self.cautions(*bodies)
            self.assertEqual(len(found), 1, (bodies, found))
            self.assertIn(wanted, found[0])

    def test_the_line_and_the_name(self) -> None:
        [caution] = self.cautions(
            BANK + '\nthen = { action = "hold" }', 'expires = 2026-12-05\nthen = { action = "hold" }'
        )
        self.assertTrue(caution.startswith("rules, line 5 (b): ends at"), caution)

    def test_what_only_seems_to_be_covered(self) -> None:
        force, reject = '\nthen = { action = "force_tls" }', '\nthen = { action = "reject" }'
        for bodies in (
            [BANK + reject, 'when = { recipients = ["shop.test"] }' + force],
            ['mode = "test"' + reject, BANK + force],
            ['direction = "inbound"' + reject, BANK + force],
            ["expires = 2027-06-01" + reject, BANK + force],
            ['unless = { senders = ["x.test"] }' + reject, BANK + force],
        ):
            self.assertEqual(self.cautions(*bodies), [], bodies)

    def test_each_rule_is_told_of_once_and_by_the_first(self) -> None:
        force = '\nthen = { action = "force_tls" }'
        found = self.cautions(BANK + force, force, BANK + force, BANK + force)
        self.assertEqual([each.partition(": ")[2] for each in found], [
            "adds nothing: rule b does the same for all that it matches",
        ] * 2)  # fmt: skip

    def test_names_that_differ_in_case_alone(self) -> None:
        text = rules('then = { action = "hold" }\nmode = "test"', 'then = { action = "hold" }\nmode = "test"')
        found = rule_cautions(load_rules(text.replace('"b"', '"A"'), "/etc"), ROUTES, NOW)
        self.assertEqual([each.message for each in found], ["differs from the name a in upper and lower case alone"])

    def test_targets_that_nobody_can_deliver_to(self) -> None:
        for action in ("redirect", "bcc"):
            for target, wanted in {
                "bob@us.test": None, "o'neil@us.test": None, "x@far.test": None, "x@[192.0.2.1]": None,
                # How mailboxes are called elsewhere is no matter of ours.
                "a/b@far.test": None,
                "a/b@us.test": "no mailbox here has the name of a/b@us.test", "x@nowhere": "no route names the domain",
            }.items():  # fmt: skip
                found = self.cautions(BANK + f'\nthen = {{ action = "{action}", to = ["{target}"] }}')
                self.assertEqual(len(found), int(wanted is not None), (target, found))
                self.assertIn(wanted or "", "".join(found))

    def test_redirects_in_a_circle(self) -> None:
        def redirect(recipient: str, target: str) -> str:
            return f'when = {{ recipients = ["{recipient}"] }}\nthen = {{ action = "redirect", to = ["{target}"] }}'

        for bodies, wanted in (
            ((redirect("a@x.test", "b@x.test"), redirect("b@x.test", "a@x.test")), "a -> b -> a"),
            (
                (redirect("c@x.test", "a@x.test"), redirect("a@x.test", "b@x.test"), redirect("b@x.test", "c@x.test")),
                "a -> b -> c -> a",
            ),
            ((redirect("a@x.test", "b@x.test"), redirect("b@x.test", "c@x.test")), None),
            ((redirect("@x.test", "a@x.test"),), None),
            ((redirect("a@x.test", "b@x.test"), redirect("b@x.test", "a@x.test") + '\nmode = "test"'), None),
            (
                (redirect("a@x.test", "b@x.test"), 'then = { action = "redirect", to = ["a@x.test"] }'), None,
            ),
        ):  # fmt: skip
            found = [each for each in self.cautions(*bodies) if "circle" in each]
            self.assertEqual(len(found), int(wanted is not None), bodies)
            self.assertIn(wanted or "", "".join(found))

    def test_what_changes_day_by_day(self) -> None:
        book = load_rules(rules('expires = 2027-06-01\nthen = { action = "hold" }'), "/etc")
        later = datetime(2027, 5, 20, tzinfo=UTC).timestamp()
        self.assertEqual((expiry_cautions(book, NOW), len(expiry_cautions(book, later))), ((), 1))


CONDITIONS = ('senders = ["a.test"]', 'recipients = ["b.test"]', 'subject = ["c"]', "size_over = 5")
ACTIONS = (
    'action = "reject"', 'action = "defer"', 'action = "hold"', 'action = "force_tls"',
    'action = "force_tls", names = ["x.test"]', 'action = "force_tls", names = ["x.test", "y.test"]',
    'action = "force_tls", names = ["y.test"]', 'action = "allow_weaker", level = "encrypt"',
    'action = "redirect", to = ["r@d.test"]',
)  # fmt: skip


def any_rule(noise: random.Random) -> str:
    when = ", ".join(noise.sample(CONDITIONS, noise.randrange(4)))
    unless = ", ".join(noise.sample(CONDITIONS, noise.choice((0, 0, 0, 1, 2))))
    lines = [
        f"when = {{ {when} }}", f"unless = {{ {unless} }}", f"then = {{ {noise.choice(ACTIONS)} }}",
        'owner = "it"\nreason = "old"\nexpires = 2029-06-01' if noise.random() < 0.2 else "",
        noise.choice(('direction = "inbound"', 'direction = "outbound"', "", "")),
        'mode = "test"' if noise.random() < 0.1 else "",
    ]  # fmt: skip
    if "allow_weaker" in lines[2]:
        lines[3] = 'owner = "it"\nreason = "old"\nexpires = 2029-06-01'
    return "\n".join(lines)


def is_told_of(first: Rule, second: Rule) -> bool:
    """The same, said of two rules without any index."""
    if Mode.TEST in (first.mode, second.mode):
        return False
    one, other = first.then, second.then
    covers = (
        first.direction in (None, second.direction)
        and first.expires is None
        and set(first.when) <= set(second.when)
        and set(first.unless) <= set(second.unless)
    )
    if covers and ((isinstance(one, Reject | Defer) and not isinstance(other, Reject)) or one == other):
        return True
    if set(first.when) != set(second.when) or set(first.unless) != set(second.unless):
        return False
    if {type(one), type(other)} == {ForceTls, AllowWeaker}:
        return True
    names = [each.names for each in (one, other) if isinstance(each, ForceTls) and isinstance(each.names, tuple)]
    return len(names) == 2 and set(names[0]).isdisjoint(names[1])


class ManyRulesTests(SynchronousTestCase):
    def test_no_pair_is_overlooked(self) -> None:
        noise = random.Random(31)
        told = 0
        for _ in range(60):
            text = "".join(f'[[rule]]\nname = "r{n}"\n{any_rule(noise)}\n' for n in range(25))
            book = load_rules(text, "/etc")
            found = {str(each).split("(")[1].split(")")[0] for each in rule_cautions(book, (), NOW)}
            expected = {b.name for index, b in enumerate(book.rules) for a in book.rules[:index] if is_told_of(a, b)}
            self.assertEqual(found, expected)
            told += len(found)
        self.assertGreater(told, 300)

    def steps(self, count: int, body: Callable[[int], str]) -> int:
        """Functions called for so many rules."""
        text = "".join(f'[[rule]]\nname = "r{n}"\n{body(n)}\n' for n in range(count))
        book = load_rules(text, "/etc")
        rule_cautions(book, (), NOW)
        called = 0

        def count_calls(_frame: object, event: str, _argument: object) -> None:
            nonlocal called
            called += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count_calls)
        try:
            rule_cautions(book, (), NOW)
        finally:
            sys.setprofile(before)
        return called

    def test_twice_as_many_rules_take_twice_as_long(self) -> None:
        def grid(number: int) -> str:
            return f'when = {{ recipients = ["d{number // 16}.test"], subject = ["s{number % 16}"] }}'

        for body in (
            lambda n: f'when = {{ recipients = ["d{n}.test"] }}\nthen = {{ action = "force_tls" }}',
            lambda n: (
                f'when = {{ recipients = ["d.test"] }}\nthen = {{ action = "add_header", name = "A{n}", value = "b" }}'
            ),
            lambda n: BANK + f'\nthen = {{ action = "force_tls", names = ["n{n}.test"] }}',
            lambda n: grid(n) + '\nthen = { action = "force_tls" }',
            lambda n: 'then = { action = "hold" }',
        ):
            self.assertLess(self.steps(400, body), 2.6 * self.steps(200, body), body(7))


class ProofTests(SynchronousTestCase):
    def test_what_rests_on_dns_alone(self) -> None:
        table = {
            'then = { action = "force_tls" }': True,
            'then = { action = "force_tls", names = "mx" }': True,
            'then = { action = "force_tls", names = "domain" }': False,
            'then = { action = "force_tls", opportunistic_for_unspecified = true, names = ["mx.bank.test"] }': False,
            'then = { action = "force_tls", level = "encrypt" }': False,
            f'then = {{ action = "force_tls", opportunistic_for_unspecified = true, pins = ["{PIN}"] }}': False,
            'then = { action = "reject" }': False,
        }
        for then, told in table.items():
            found = [str(each) for each in proof_cautions(load_rules(rules(f"{BANK}\n{then}"), "/etc"))]
            self.assertEqual(len(found), int(told), then)
            if told:
                self.assertIn('rules, line 1 (a): names = "mx": only DNS says', found[0])

    def test_what_binds_others_of_a_message_to_the_names_of_one(self) -> None:
        on = ", opportunistic_for_unspecified = true"
        for proof in ('names = ["mx.bank.test"]', f'pins = ["{PIN}"]'):
            for when, more, told in ((BANK, "", True), (BANK, on, False), ("", "", False)):
                then = f'then = {{ action = "force_tls", {proof}{more} }}'
                found = [str(each) for each in proof_cautions(load_rules(rules(f"{when}\n{then}"), "/etc"))]
                self.assertEqual(len(found), int(told), (when, then))
                if told:
                    self.assertIn("rules, line 1 (a): names or pins, and without opportunistic_for", found[0])

    def test_many_rules_have_one_warning(self) -> None:
        """Else they would hide all others."""
        for count, named, more in ((2, 2, ""), (10, 10, ""), (13, 10, ", and 3 more")):
            forced = f'{BANK}\nthen = {{ action = "force_tls" }}'
            text = "".join(f'[[rule]]\nname = "r{number}"\n{forced}\n' for number in range(count))
            [found] = proof_cautions(load_rules(text, "/etc"))
            self.assertEqual(found.key, "rules")
            self.assertIn(f'{count} rules with names = "mx": only DNS says', found.message)
            self.assertEqual(found.message.count("line "), named)
            self.assertTrue(found.message.endswith(f"){more}"), found.message)
