"""What rules do with a message when it comes in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fopemta.mail.address import Mailbox
from fopemta.policy.acceptance import acceptance, refusal_of
from fopemta.policy.action import AddHeader, Bcc, Defer, ForceTls, Hold, Redirect, Reject
from fopemta.policy.facts import ContentFacts, Gap
from fopemta.policy.rulebook import Mode
from tests.policy.rules import BOB, EVE, MESSAGE, by, header, message, results, rule, to

CAROL, DAVE = Mailbox("carol", "us.test"), Mailbox("dave", "us.test")


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


class AcceptanceTests(SynchronousTestCase):
    def test_nothing_to_do(self) -> None:
        found = acceptance(results(), MESSAGE.recipients)
        self.assertEqual(found.recipients, ((BOB, (BOB,)), (EVE, (EVE,))))
        self.assertEqual((found.refusal, found.hold, found.headers, found.notes), (None, False, (), ()))

    def test_redirects_follow_each_other_and_remember(self) -> None:
        found = acceptance(
            results(
                rule("a", Redirect((CAROL,)), when=(to("bank.test"),)),
                rule("b", Redirect((DAVE, EVE)), when=(to("bank.test", "us.test"),)),
            ),
            MESSAGE.recipients,
        )
        self.assertEqual(found.recipients, ((DAVE, (BOB,)), (EVE, (BOB, EVE))))
        self.assertEqual([(each.rule, each.action) for each in found.notes], [("a", "redirect"), ("b", "redirect")])

    def test_a_copy_stands_for_everybody(self) -> None:
        found = acceptance(results(rule("a", Bcc((CAROL, EVE)))), MESSAGE.recipients)
        self.assertEqual(found.recipients, ((BOB, (BOB,)), (EVE, (EVE,)), (CAROL, (BOB, EVE))))

    def test_several_add_up(self) -> None:
        one, two = AddHeader("X-One", "1"), AddHeader("X-Two", "2")
        found = acceptance(
            results(
                rule("a", one), rule("b", two), rule("c", Hold(), mode=Mode.TEST), rule("d", Hold(), when=(by("x"),))
            ),
            MESSAGE.recipients,
        )
        self.assertEqual((found.headers, found.hold), ((one, two), False))
        self.assertEqual(
            [(each.rule, each.mode) for each in found.notes], [("a", "enforce"), ("b", "enforce"), ("c", "test")]
        )
