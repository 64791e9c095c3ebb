"""Aliases: what a file may say, and who gets the mail."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Envelope, Notify, RecipientOptions
from fopemta.policy.aliases import MOST_TARGETS, Alias, Aliases, Target, expand, parse
from fopemta.policy.steps import House, through_aliases
from fopemta.routing.route import Route, Via

HOME = "home.test"
FILE = """\
# aliases
postmaster: anna, bob@away.test
Sales: postmaster, carol,
    dan@home.test   # goes on
anna: \\anna, archive@home.test
"""


def is_local(domain: str) -> bool:
    return domain == HOME


def aliases(text: str = FILE) -> Aliases:
    found = parse(text, is_local)
    assert isinstance(found, Aliases), found
    return found


HOUSE = House((Route(domain=HOME, via=Via.MAILDIR, maildir="/m"),), (), aliases())


def at(name: str) -> Mailbox:
    return Mailbox(name, HOME)


class ParseTests(SynchronousTestCase):
    def test_what_is_wrong_is_told_with_its_line(self) -> None:
        text = 'a: |/bin/sh\nb: "|sh -c x"\nc: /var/mail/c\nd: :include:/etc/list\nno colon\ne:\nf: x y\na2: x\nA2: y\n'
        self.assertEqual(
            parse(text, is_local),
            (
                "line 1: commands are no targets here, addresses alone: |/bin/sh",
                'line 2: commands are no targets here, addresses alone: "|sh -c x"',
                "line 3: files are no targets here, addresses alone: /var/mail/c",
                "line 4: lists of other files are no targets here, addresses alone: :include:/etc/list",
                'line 5: must be as "name: target, target", the name without a domain',
                "line 6: e has no targets",
                "line 7: must be a local part: x y",
                "line 9: a2 is already in line 8",
            ),
        )

    def test_what_is_wrong_is_fit_to_be_shown(self) -> None:
        for text in ("a: |\x1b[2J", "a\u202e:", "a: b\u009b c", 'a\u009b: "b\u009b c"', "a\u202e: a\u202e"):
            wrong = parse(text, is_local)
            self.assertIsInstance(wrong, tuple, text)
            self.assertTrue(all(each.isprintable() for each in wrong), wrong)

    def test_what_leads_back_to_itself_is_refused(self) -> None:
        cases = {
            "a: a\n": "line 1: leads back to itself: a -> a",
            "a: b, a+detail\n": "line 1: leads back to itself: a -> a",
            "a: b\nb: c@home.test\nc: x, B\n": "line 2: leads back to itself: b -> c -> b",
        }
        self.assertEqual({text: parse(text, is_local) for text in cases}, {k: (v,) for k, v in cases.items()})

    def test_more_than_can_be_found_out_at_once_is_refused(self) -> None:
        def names(count: int) -> str:
            return ", ".join(f"n{number}" for number in range(count))

        half = MOST_TARGETS // 2
        doubled = "".join(f"d{number}: d{number + 1}, d{number + 1}@home.test\n" for number in range(40))
        for text, wrong in (
            (f"all: {names(MOST_TARGETS)}\n", []),
            (f"all: {names(MOST_TARGETS + 1)}\n", ["line 1: all"]),
            (f"all: a, b\na: {names(half)}\nb: {names(half)}\n", []),
            (f"all: a, b\na: {names(half)}\nb: {names(half + 1)}\n", ["line 1: all"]),
            (f"all: a@away.test, b@home.test\na: {names(half)}\nb: {names(MOST_TARGETS)}\n", ["line 1: all"]),
            (f"all: a@away.test\na: {names(MOST_TARGETS)}\n", []),
            (f"a: {names(MOST_TARGETS)}\nall: \\a\nmore: all\n", []),
            # Names that double at each step: a thousand million addresses from forty lines.
            (doubled, [f"line {number + 1}: d{number}" for number in range(29)]),
        ):
            found = parse(text, is_local)
            told = list(found) if isinstance(found, tuple) else []
            self.assertEqual(sorted(each.partition(" stands")[0] for each in told), sorted(wrong), text[:60])

    def test_lines_that_go_on(self) -> None:
        found = aliases("  a: b,\n\tc,\n# no line\n\n d\ne : f\n")
        targets = {name: [each.local_part for each in alias.targets] for name, alias in found.by_name.items()}
        self.assertEqual(targets, {"a": ["b", "c", "d"], "e": ["f"]})

    def test_what_finding_out_costs(self) -> None:
        found = aliases("a: b, x@away.test, \\a\nb: c, d\nd: e, f, g\n")
        self.assertEqual({name: alias.weight for name, alias in found.by_name.items()}, {"a": 16, "b": 8, "d": 3})
        self.assertEqual([found.weight(at(name)) for name in ("A", "a+x", "c")], [16, 16, 0])

    def test_a_target_without_a_mailbox_is_refused(self) -> None:
        text = 'a: "x/y"\nb: \\.x@home.test\nc: "x/y"@away.test, o\'neil, d\nd: "first last"@home.test\n'
        wrong = {1: "x/y", 2: ".x", 4: "first last"}
        expected = tuple(f"line {line}: no mailbox here has such a name: {name}" for line, name in wrong.items())
        self.assertEqual(parse(text, is_local), expected)
        self.assertIsInstance(parse('a: "first last"\n"first last": b\n', is_local), Aliases)

    def test_elsewhere_and_the_mailbox_itself_are_no_loop(self) -> None:
        self.assertIsInstance(parse("a: \\a, a@away.test\n", is_local), Aliases)

    def test_a_long_chain_is_no_loop(self) -> None:
        text = "".join(f"n{number}: n{number + 1}\n" for number in range(300))
        [(last, between)] = expand(at("n0"), aliases(text), is_local).items()
        self.assertEqual((last, between), (at("n300"), tuple(at(f"n{number}") for number in range(1, 300))))

    def test_a_way_by_very_many_names_is_refused(self) -> None:
        """Each of those who get the mail is known by every name on the way."""
        text = "".join(f"n{number}: n{number + 1}\n" for number in range(400))
        found = parse(text, is_local)
        assert isinstance(found, tuple)
        self.assertEqual(len(found), 400 - 315)
        self.assertIn("by too many names", found[0])

    @given(st.text(alphabet="ab:,|\\/ @#\n\tä", max_size=40))
    @settings(deadline=None, derandomize=True, max_examples=300)
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        self.assertIsInstance(parse(text, is_local), Aliases | tuple)


class ExpandTests(SynchronousTestCase):
    def test_who_gets_it(self) -> None:
        everybody = (at("anna"), at("archive"), Mailbox("bob", "away.test"))
        cases = {
            at("postmaster"): everybody,
            at("SALES"): (*everybody, at("carol"), at("dan")),
            at("anna+detail"): (at("anna"), at("archive")),
            at("carol"): (at("carol"),),
            Mailbox("anna", "away.test"): (Mailbox("anna", "away.test"),),
        }
        self.assertEqual({each: tuple(expand(each, aliases(), is_local)) for each in cases}, cases)

    def test_by_which_aliases(self) -> None:
        found = expand(at("sales"), aliases(), is_local)
        self.assertEqual(
            {str(each): [str(one) for one in between] for each, between in found.items()},
            {
                "anna@home.test": ["postmaster@home.test", "anna@home.test"],
                "archive@home.test": ["postmaster@home.test", "anna@home.test"],
                "bob@away.test": ["postmaster@home.test"],
                "carol@home.test": [],
                "dan@home.test": [],
            },
        )

    def test_ends_also_with_aliases_that_have_become_a_circle(self) -> None:
        circle = Aliases({"a": Alias(1, (Target("b"),)), "b": Alias(2, (Target("a"), Target("c")))})
        self.assertEqual(tuple(expand(at("a"), circle, is_local)), (at("c"),))
        self.assertEqual(
            tuple(expand(at("a"), Aliases({"a": Alias(1, (Target("a"),))}), is_local)), (at("a"),), "nobody is lost"
        )

    def test_nobody_is_left_out(self) -> None:
        for count in (1001, MOST_TARGETS):
            many = ", ".join(f"n{number}" for number in range(count))
            self.assertEqual(len(expand(at("all"), aliases(f"all: {many}\n"), is_local)), count)


class EnvelopeTests(SynchronousTestCase):
    def test_without_aliases_it_is_the_same_envelope(self) -> None:
        envelope = Envelope(None, (at("carol"), Mailbox("x", "away.test")))
        self.assertIs(through_aliases(envelope, HOUSE), envelope)

    def test_targets_inherit(self) -> None:
        """And who is a recipient of his own stands for himself, too."""
        never = RecipientOptions(notify=frozenset({Notify.NEVER}))
        envelope = Envelope(None, (at("anna"), at("archive"), at("carol")), options=((at("anna"), never),))
        found = through_aliases(envelope, HOUSE)
        self.assertEqual(found.recipients, (at("anna"), at("archive"), at("carol")))
        self.assertEqual(found.options_of(at("anna")), never)
        self.assertEqual(found.options_of(at("archive")).stands_for, (at("anna"), at("archive")))
        self.assertEqual(found.options_of(at("carol")), RecipientOptions())

    def test_what_a_rule_has_replaced_is_not_forgotten(self) -> None:
        before = RecipientOptions(stands_for=(Mailbox("boss", "bank.test"),))
        envelope = Envelope(None, (at("postmaster"),), options=((at("postmaster"), before),))
        found = through_aliases(envelope, HOUSE)
        self.assertEqual({found.options_of(each).stands_for for each in found.recipients}, {before.stands_for})
