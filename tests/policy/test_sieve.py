"""Many rules: what is left out does not match, whatever the rules and the message are."""

from __future__ import annotations

import pickle
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.mail.envelope import Direction
from fopemta.policy.facts import ContentFacts, Gap, MessageFacts, RuleStage
from fopemta.policy.matchers import Answer, Matcher, SizeOver
from fopemta.policy.patterns import TextPattern
from fopemta.policy.rulebook import Rule, Rulebook
from fopemta.policy.sieve import Sieve
from tests.policy.rules import MESSAGE, NOW, body, by, from_networks, header, message, rule, to, who

TOO_LONG = Gap("it is too long", True)
UNREADABLE = ContentFacts(headers_gap=TOO_LONG, texts_gap=TOO_LONG)
GARBLED = ContentFacts(
    header_gaps=(("x-class", TOO_LONG),),
    headers_otherwise=(("subject", "hidden"),),
    texts_otherwise=("hidden",),
)


def asked(*rules: Rule, facts: MessageFacts = MESSAGE) -> list[str]:
    """The names of the rules that are asked."""
    return [rules[place].name for place in Sieve([each.when for each in rules]).places(facts)]


def many(count: int, first: int = 0) -> list[Rule]:
    """Rules that do not concern the message."""
    return [rule(f"other {number}", when=(to(f"d{number}.test"),)) for number in range(first, first + count)]


class SieveTests(SynchronousTestCase):
    def test_none_of_many_need_be_asked(self) -> None:
        self.assertEqual(asked(*many(1000)), [])

    def test_what_may_concern_it_is_asked_with_its_group(self) -> None:
        rules = [*many(500), rule("bank", when=(to("bank.test"),)), *many(500, 500)]
        found = asked(*rules)
        self.assertIn("bank", found)
        self.assertEqual(len(found), 64)
        self.assertEqual(found, [each.name for each in rules if each.name in found])

    def test_each_kind_of_condition(self) -> None:
        table: list[tuple[tuple[Matcher, ...], dict[str, Any], bool]] = [
            ((), {}, True),
            ((SizeOver(10**9),), {}, True),
            ((from_networks("10.0.0.0/8"),), {}, True),
            ((by("us.test"),), {}, True),
            ((by("far.test"),), {}, False),
            ((by("<>"),), {}, False),
            ((by("<>"),), {"sender": None}, True),
            ((by("far.test", "us.test"),), {}, True),
            ((to("far.test"),), {}, False),
            ((to("EVE@*.test"),), {}, True),
            ((to("*.bank.test"),), {}, False),
            ((to("/^b.b@/"),), {}, True),
            ((header("subject", "SECRET"),), {}, True),
            ((header("X-Class", "secret"),), {}, False),
            ((header("X-Class", "blue"),), {"content": UNREADABLE}, True),
            ((header("X-Class", "blue"),), {"content": None}, True),
            ((header("X-Class", "blue"),), {"content": GARBLED}, True),
            ((header("X-Other", "blue"),), {"content": GARBLED}, False),
            ((header("Subject", "hidden"),), {"content": GARBLED}, True),
            ((body("HELLO"),), {}, True),
            ((body("nowhere"),), {}, False),
            ((body("hidden"),), {"content": GARBLED}, True),
            ((body("nowhere"),), {"content": GARBLED}, False),
            ((body("nowhere"),), {"content": UNREADABLE}, True),
            ((body("nowhere"),), {"content": None}, True),
            ((body("hello"), header("Subject", "nowhere")), {}, False),
            # By the shorter text, whichever stands first.
            ((header("Subject", "plan"), to("far.test")), {}, False),
            # "*" is found everywhere, and tells nothing.
            ((to("*"),), {}, True),
            ((to("*"), header("Subject", "nowhere")), {}, False),
            # What cannot be put together with others is asked.
            ((header("Subject", r"/\Qno)where/"),), {}, True),
        ]
        for when, changes, expected in table:
            found = asked(rule(when=when), facts=message(**changes))
            self.assertEqual(bool(found), expected, (when, changes))

    def test_one_that_cannot_be_put_with_others_has_its_whole_group_asked_and_no_other(self) -> None:
        some = [rule(text, when=(header("Subject", text),)) for text in ("nowhere", r"/\Qnot here/")]
        self.assertEqual(asked(*many(100), *some), ["nowhere", r"/\Qnot here/"])

    def test_one_that_anything_meets_does_not_have_others_asked(self) -> None:
        for patterns in (("*",), ("*", "far.test"), ("far.test", "*")):
            self.assertEqual(asked(*many(100), rule("all", when=(to(*patterns),))), ["all"], patterns)

    def test_what_is_always_asked_is_asked_in_order(self) -> None:
        some = [rule("one", when=(header("Subject", r"/\Qnot here/"),)), rule("two"), rule("three")]
        self.assertEqual(asked(*some), ["one", "two", "three"])

    def test_few_rules_with_very_many_patterns(self) -> None:
        long = [
            rule(f"long {number}", when=(to(*(f"d{number}-{each}.test" for each in range(600))),))
            for number in range(3)
        ]
        self.assertEqual(asked(*long), [])
        self.assertEqual(asked(*long, facts=message(recipients=(who(Mailbox("a", "d1-599.test")),))), ["long 1"])


ADDRESSES = ["bob@bank.test", "eve@shop.test", "a@x.bank.test", "alice@us.test", '"a@b"@us.test']
PATTERNS = [
    "*", "<>", "bank.test", "*.bank.test", "bob@bank.test", "b?b@*", "*@us.test", "/^a/", "/bank|shop/",
    "BOB@Bank.Test", r"/\Qa@b/", "/(?P<x>bob)/", "none.test", "/^$/", "/./",
]  # fmt: skip
TEXTS = ["plan", "/^the/", r"/\Qplan/", "/(?P<x>plan)/", "/(?-i)PLAN/", "/$/", "nothing", r"/\bplan\b/", "/a|/"]


def mailbox(text: str) -> Mailbox:
    local_part, _, domain = text.rpartition("@")
    return Mailbox(local_part, domain)


conditions = st.one_of(
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3).map(lambda texts: to(*texts)),
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3).map(lambda texts: by(*texts)),
    st.builds(header, st.sampled_from(["Subject", "X-Class"]), st.sampled_from(TEXTS)),
    st.builds(body, st.sampled_from(TEXTS)),
    st.just(SizeOver(100)),
)
rules = st.builds(
    rule,
    when=st.lists(conditions, max_size=3).map(tuple),
    unless=st.lists(conditions, max_size=2).map(tuple),
    direction=st.sampled_from([None, *Direction]),
    expires=st.sampled_from([None, NOW - 1, NOW + 1]),
)
gaps = st.sampled_from([None, None, Gap("cannot be decoded", True), Gap("not yet", False)])
texts = st.lists(st.sampled_from(["the plan", "PLAN", "", "other"]), max_size=2).map(tuple)
headers = st.lists(
    st.tuples(st.sampled_from(["subject", "x-class"]), st.sampled_from(["the plan", "PLAN", "", "other"])), max_size=2
).map(tuple)
messages = st.builds(
    message,
    stage=st.sampled_from([RuleStage.SENDER, RuleStage.RECIPIENT, RuleStage.CONTENT]),
    sender=st.sampled_from([None, *map(mailbox, ADDRESSES)]),
    recipients=st.lists(
        st.builds(
            lambda addresses, direction: who(*map(mailbox, addresses), direction=direction),
            st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3),
            st.sampled_from(list(Direction)),
        ),
        max_size=3,
    ).map(tuple),
    content=st.builds(
        ContentFacts,
        headers=headers,
        headers_otherwise=headers,
        header_gaps=st.sampled_from([(), (), (("subject", Gap("cannot be decoded", True)),)]),
        texts=texts,
        texts_otherwise=texts,
        texts_gap=gaps,
        headers_gap=gaps,
    ),
)


class ConcerningTests(SynchronousTestCase):
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(st.lists(rules, max_size=30), messages)
    def test_what_is_left_out_says_no(self, rules: list[Rule], facts: MessageFacts) -> None:
        book = Rulebook(tuple(rules))
        for each in (book, Rulebook((*rules, *many(20)))):
            every = [result for result in book.evaluate(facts, NOW) if result.answer is not Answer.NO]
            self.assertEqual(list(each.concerning(facts, NOW)), every)

    def test_a_text_that_is_not_wholly_known_is_gone_through_by_groups(self) -> None:
        # Counted: each rule must be asked, but not each of them of each text.
        looked: list[str] = []
        matches = TextPattern.matches

        def counted(pattern: TextPattern, text: str) -> bool:
            looked.append(pattern.text)
            return matches(pattern, text)

        self.patch(TextPattern, "matches", counted)
        content = ContentFacts(texts=("the plan",), texts_otherwise=("hidden",), texts_gap=TOO_LONG)
        quiet = [rule(f"r{number}", when=(body(f"word {number}"),)) for number in range(200)]
        excepting = rule("e", when=(body("nowhere"),), unless=(body("plan"),))
        found = Rulebook((*quiet, excepting)).concerning(message(content=content), NOW)
        self.assertEqual([each.rule.name for each in found], [each.name for each in quiet])
        self.assertEqual({each.answer for each in found}, {Answer.NOT_FOR_GOOD})
        self.assertEqual(looked, ["nowhere", "nowhere", "plan"])

    def test_a_book_is_handed_to_another_process_as_its_rules(self) -> None:
        book = Rulebook((*many(20), rule("bank", when=(to("bank.test"),))))
        book.concerning(MESSAGE, NOW)
        book.of(type(book.rules[0].then))
        there = pickle.loads(pickle.dumps(book))
        self.assertEqual(there, book)
        self.assertEqual([each.rule.name for each in there.concerning(MESSAGE, NOW)], ["bank"])
