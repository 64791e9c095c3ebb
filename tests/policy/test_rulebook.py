"""Rules: which match, and why; what each condition says; what cannot be told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.address.mailbox import Mailbox
from fopemta.policy.action import AT_ACCEPTANCE, AT_EACH_ATTEMPT, LATEST, WORDS, Hold, Reject
from fopemta.policy.facts import STAGE_OF, Attachment, ContentFacts, Direction, Fact, Gap, RuleStage
from fopemta.policy.matchers import Answer, Attachments, Body, Matcher, RecipientsOver, SizeOver
from fopemta.policy.patterns import name_pattern, text_pattern
from fopemta.policy.rulebook import Mode, Rule, Rulebook, matching
from tests.policy.rules import BOB, EVE, MESSAGE, NOW, by, from_networks, header, message, results, rule, to, users, who

FOR_NOW, FOR_GOOD = Gap("a list could not be asked", False), Gap("the message is encrypted", True)


def answer(*when: Matcher, **changes: object) -> Answer:
    return results(rule(when=when), facts=message(**changes))[0].answer


class MatcherTests(SynchronousTestCase):
    def test_each_condition(self) -> None:
        attached = ContentFacts(attachments=(Attachment("Plan.pdf", "application/pdf"),))
        table: list[tuple[Matcher, dict[str, object], Answer]] = [
            (by("us.test"), {}, Answer.YES),
            (by("bank.test"), {}, Answer.NO),
            (by("<>"), {"sender": None}, Answer.YES),
            (to("*.test"), {}, Answer.YES),
            (to("bank.test"), {}, Answer.YES),
            (to("far.test"), {}, Answer.NO),
            (from_networks("192.0.2.0/24"), {}, Answer.YES),
            (from_networks("2001:db8::/32"), {}, Answer.NO),
            (from_networks("192.0.2.0/24"), {"client": None}, Answer.NO),
            (from_networks("192.0.2.0/24"), {"client": "unknown"}, Answer.NO),
            (users("*"), {}, Answer.NO),
            (users("*"), {"login": "alice"}, Answer.YES),
            (users("bob"), {"login": "alice"}, Answer.NO),
            (header("subject", "SECRET"), {}, Answer.YES),
            (header("X-Class", "/^(red|blue)$/"), {}, Answer.YES),
            (header("X-Other", "/./"), {}, Answer.NO),
            (Body((text_pattern("world"),)), {}, Answer.YES),
            (Body((text_pattern("moon"),)), {}, Answer.NO),
            (Attachments((name_pattern("*.pdf"),)), {"content": attached}, Answer.YES),
            (Attachments((name_pattern("application/*"),)), {"content": attached}, Answer.YES),
            (Attachments((name_pattern("*.exe"),)), {"content": attached}, Answer.NO),
            (SizeOver(4999), {}, Answer.YES),
            (SizeOver(5000), {}, Answer.NO),
            (RecipientsOver(1), {}, Answer.YES),
            (RecipientsOver(2), {}, Answer.NO),
        ]
        for matcher, changes, wanted in table:
            self.assertIs(answer(matcher, **changes), wanted, (matcher, changes))
        self.assertEqual({matcher.reads for matcher, _, _ in table}, set(Fact) - {Fact.TLS, Fact.DIRECTION})

    def test_what_is_not_known_is_not_no(self) -> None:
        for gap, wanted in ((FOR_NOW, Answer.NOT_FOR_NOW), (FOR_GOOD, Answer.NOT_FOR_GOOD)):
            content = ContentFacts(
                headers=(("Subject", "secret"),), headers_gap=gap, texts=("hello",), texts_gap=gap, attachments_gap=gap
            )
            for matcher in (header("X", "a"), Body((text_pattern("moon"),)), Attachments((name_pattern("*"),))):
                self.assertIs(answer(matcher, content=content), wanted)
            # What has been seen has been seen.
            self.assertIs(answer(header("Subject", "secret"), content=content), Answer.YES)
            self.assertIs(answer(Body((text_pattern("hello"),)), content=content), Answer.YES)

    def test_every_action_is_decided_once_or_at_each_attempt(self) -> None:
        decided = (*AT_ACCEPTANCE, *AT_EACH_ATTEMPT, *LATEST)
        self.assertEqual((len(decided), set(decided)), (len(WORDS), set(WORDS)))

    def test_every_fact_has_a_stage(self) -> None:
        self.assertEqual(set(STAGE_OF), set(Fact))


class RuleTests(SynchronousTestCase):
    def test_conditions_are_one_and_exceptions_none(self) -> None:
        table = {
            Answer.YES: rule(when=(by("us.test"), to("bank.test")), unless=(users("*"),)),
            Answer.NO: rule(when=(by("us.test"), to("far.test"))),
        }
        for wanted, each in table.items():
            self.assertIs(results(each)[0].answer, wanted)
        excepted = results(rule(when=(by("us.test"),), unless=(users("*"), by("us.test"))))[0]
        self.assertIs(excepted.answer, Answer.NO)
        self.assertIn("except: sender <alice@us.test>", excepted.why)

    def test_whom_a_rule_leaves_out_does_not_free_the_others(self) -> None:
        """A second recipient, whom a rule leaves out, is no way round it for the first."""
        both = results(rule(unless=(to("shop.test"),)))[0]
        self.assertIs(both.answer, Answer.YES)
        self.assertEqual([both.rule.covers(each) for each in MESSAGE.recipients], [True, False])
        self.assertEqual([both.rule.concerns(each) for each in MESSAGE.recipients], [True, False])
        nobody = results(rule(unless=(to("shop.test"), to("bank.test"))))[0]
        self.assertIs(nobody.answer, Answer.NO)
        self.assertEqual(
            nobody.why, "the rule excludes every recipient that it would name, or their mail has the other direction"
        )

    def test_a_recipient_is_named_by_any_address_that_it_stands_for(self) -> None:
        alias = who(Mailbox("x", "away.test"), EVE, BOB)
        table: list[tuple[Rule, bool]] = [
            (rule(when=(to("bank.test"),)), True),
            (rule(when=(to("away.test"),)), True),
            (rule(when=(to("far.test"),)), False),
            # What one address is left out by is no exception for another.
            (rule(when=(to("*.test"),), unless=(to("bank.test"),)), True),
            (rule(when=(to("bank.test"),), unless=(to("bank.test"),)), False),
            # Conditions are all about one address.
            (rule(when=(to("bank.test"), to("bob@*"))), True),
            (rule(when=(to("bank.test"), to("eve@*"))), False),
            (rule(when=(to("bank.test"),), direction=Direction.INBOUND), False),
            (rule(when=(to("bank.test"),), direction=Direction.OUTBOUND), True),
        ]
        for each, wanted in table:
            self.assertIs(each.covers(alias), wanted, each)
            self.assertIs(results(each, facts=message(recipients=(alias,)))[0].matches, wanted, each)

    def test_a_rule_for_one_direction_is_asked_recipient_by_recipient(self) -> None:
        inward = who(EVE, direction=Direction.INBOUND)
        facts = message(recipients=(who(BOB), inward))
        for direction, wanted in ((Direction.OUTBOUND, [True, False]), (Direction.INBOUND, [False, True])):
            found = results(rule(direction=direction), facts=facts)[0]
            self.assertTrue(found.matches)
            self.assertEqual([found.rule.covers(each) for each in facts.recipients], wanted)
            self.assertEqual([found.rule.concerns(each) for each in facts.recipients], wanted)
        mixed = rule(when=(to("bank.test"),), direction=Direction.INBOUND)
        self.assertFalse(results(mixed, facts=facts)[0].matches, "another recipient's direction is not this one's")

    def test_why_a_rule_is_about_nobody(self) -> None:
        inward = who(EVE, direction=Direction.INBOUND)
        both, out = (who(BOB), inward), (who(BOB),)
        for recipients, when, direction, wanted in (
            (out, (), Direction.INBOUND, "the message is outbound, the rule is for inbound"),
            ((), (), Direction.INBOUND, "the message is without recipients, the rule is for inbound"),
            (both, (to("far.test"),), None, "no recipient is one of far.test"),
            (both, (to("far.test"),), Direction.INBOUND, "no recipient is one of far.test"),
            (both, (to("bank.test"),), Direction.INBOUND,
             "the rule excludes every recipient that it would name, or their mail has the other direction"),
        ):  # fmt: skip
            [found] = results(rule(when=when, direction=direction), facts=message(recipients=recipients))
            self.assertEqual((found.answer, found.why), (Answer.NO, wanted))

    def test_one_no_decides_whatever_cannot_be_told(self) -> None:
        content = ContentFacts(texts_gap=FOR_NOW)
        unknown = Body((text_pattern("x"),))
        self.assertIs(answer(unknown, by("far.test"), content=content), Answer.NO)
        self.assertIs(answer(unknown, by("us.test"), content=content), Answer.NOT_FOR_NOW)
        self.assertIs(
            results(rule(unless=(unknown,)), facts=message(content=ContentFacts(texts_gap=FOR_GOOD)))[0].answer,
            Answer.NOT_FOR_GOOD,
        )

    def test_direction_and_expiry(self) -> None:
        self.assertTrue(results(rule(direction=Direction.OUTBOUND))[0].matches)
        self.assertFalse(results(rule(direction=Direction.INBOUND))[0].matches)
        self.assertTrue(results(rule(expires=NOW + 1))[0].matches)
        self.assertFalse(results(rule(expires=NOW))[0].matches)

    def test_stages(self) -> None:
        table = {
            RuleStage.SENDER: rule(when=(by("x"), from_networks("::/0"))),
            RuleStage.RECIPIENT: rule(when=(by("x"), to("x"))),
            RuleStage.CONTENT: rule(when=(by("x"), header("Subject", "x"))),
        }
        for stage, each in table.items():
            self.assertIs(each.stage, stage)
            for now in RuleStage:
                self.assertEqual(len(Rulebook((each,)).evaluate(message(stage=now), NOW)), now >= stage, (stage, now))

    def test_named_recipients(self) -> None:
        self.assertTrue(rule().names(Mailbox("anyone", "far.test")))
        named = rule(when=(to("bank.test"),))
        self.assertEqual([named.covers(each) for each in MESSAGE.recipients], [True, False])

    def test_order_modes_and_reasons(self) -> None:
        found = results(
            rule("one", Hold(), when=(to("bank.test"),)), rule("two", Reject(), mode=Mode.TEST), rule("three", Reject())
        )
        self.assertEqual([each.rule.name for each in matching(found, Hold, Reject)], ["one", "three"])
        self.assertEqual(found[0].why, "recipient <bob@bank.test> is named by bank.test")
        self.assertEqual(found[1].why, "it has no conditions")

    def test_what_rules_read(self) -> None:
        self.assertFalse(Rulebook((rule(when=(by("x"),)),)).reads_content)
        self.assertTrue(Rulebook((rule(unless=(header("X", "y"),)),)).reads_content)
