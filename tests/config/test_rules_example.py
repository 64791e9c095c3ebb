"""etc/rules.toml and docs/rules.md: what they show is true."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from fopemta.config.rules import CONDITIONS, load_rules
from fopemta.policy.action import WORDS, ForceTls

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "etc" / "rules.toml").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")


class RulesExampleTests(SynchronousTestCase):
    def test_as_it_is_there_are_no_rules(self) -> None:
        self.assertEqual(load_rules(EXAMPLE, "/etc").rules, ())

    def test_every_example_can_be_used_and_shows_every_action(self) -> None:
        lines = [re.sub(r"^#(?! )", "", line) for line in EXAMPLE.split("\n")]
        rules = load_rules("\n".join(lines), "/etc").rules
        self.assertEqual({type(each.then) for each in rules} | {type(each.then) for each in self.from_reference()},
                         set(WORDS) - {type(None)} - self.not_shown())  # fmt: skip

    def not_shown(self) -> set[type]:
        """`defer` is like `reject`."""
        return {kind for kind, word in WORDS.items() if word == "defer"}

    def from_reference(self) -> list[object]:
        blocks = re.findall(r"```toml\n(.*?)```", REFERENCE, re.DOTALL)
        self.assertTrue(blocks)
        return [rule for block in blocks for rule in load_rules(block, "/etc").rules]

    def test_reference_names_every_action_and_every_key_of_force_tls(self) -> None:
        for word in WORDS.values():
            self.assertIn(f"| `{word}` |", REFERENCE)
        keys = {field.name for field in attrs.fields(ForceTls)} - {"bare_report"} | {"report"}
        for key in keys:
            self.assertRegex(REFERENCE, rf"\| `{key}` \|")

    def test_reference_names_every_condition(self) -> None:

        for word in CONDITIONS.keys:
            self.assertIn(f"| `{word}` |", REFERENCE)
