"""What in the rules is probably not meant."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.model import Route, Via
from fopemta.config.rules import load_rules
from fopemta.policy.cautions import expiry_cautions, rule_cautions

NOW = datetime(2026, 11, 25, tzinfo=UTC).timestamp()
ROUTES = (Route(domain="us.test", via=Via.MAILDIR, maildir="/m"),)
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
            ([reject, BANK + force], "is never reached: rule a refuses all that it matches"),
            ([BANK + force, BANK + force], "adds nothing: rule a does the same"),
            ([force, BANK + force], "adds nothing: rule a does the same"),
            ([BANK + force, BANK + weaker], "contradicts rule a"),
            ([BANK + weaker, BANK + force], "contradicts rule a"),
            (
                [BANK + f'\nthen = {{ action = "force_tls", names = ["{name}"] }}' for name in ("x.test", "y.test")],
                "and rule a want other names",
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

    def test_what_changes_day_by_day(self) -> None:
        book = load_rules(rules('expires = 2027-06-01\nthen = { action = "hold" }'), "/etc")
        later = datetime(2027, 5, 20, tzinfo=UTC).timestamp()
        self.assertEqual((expiry_cautions(book, NOW), len(expiry_cautions(book, later))), ((), 1))
